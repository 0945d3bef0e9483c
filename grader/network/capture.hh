#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "grader/network/frame.hh"

namespace wirelab {

/// A frame that entered a cable, with its time and its fate.
struct CapturedFrame {
  Frame frame;                                 ///< as it entered; cut short when the capture is very long
  std::size_t length = 0;                      ///< bytes it really had
  std::chrono::steady_clock::time_point time;  ///< when the sender's kernel put it on the cable
  std::optional<std::chrono::steady_clock::time_point> arrived =
      {};                 ///< its first arrival; empty while it has not
  unsigned arrivals = 0;  ///< 0 when lost, 2 when duplicated
  std::string fate = {};  ///< "" for a frame that simply passed, else the rule's word
  bool injected = false;  ///< made by the grader
};

/// Writes frames as a capture file with nanosecond times (pcap, link type Ethernet), as they entered the
/// cable, in order of time. Throws std::runtime_error naming the file. See pcap-savefile(5).
void write_pcap(const std::filesystem::path& file, const std::vector<CapturedFrame>& frames);

}  // namespace wirelab
