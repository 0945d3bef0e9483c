#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// What a check says of a program. `inconclusive` is the grader's own trouble: neither pass nor fail.
enum class Outcome { passed, failed, inconclusive };

/// The word in the JSON: "passed", "failed", "inconclusive".
std::string_view to_string(Outcome outcome);

/// Something the check did or awaited, in the order it happened. Times are seconds since the check began.
struct Step {
  double time = 0;   ///< seconds since the check began
  std::string text;  ///< a sentence without a full stop
};

/// A program that took part.
struct ProgramRecord {
  std::string host;     ///< the name of the host it ran on
  std::string command;  ///< as typed, the program by its own name: `unreliable_udp client 10.5.0.2`
  std::string output;   ///< standard output, the first 64 KiB, made safe to print
  std::string errors;   ///< standard error, likewise
  std::string end;      ///< "exit status 1", "killed by signal 11 (Segmentation fault)", "still running"
};

/// A frame that crossed a cable, or would have.
struct FrameRecord {
  double time = 0;      ///< when it entered the cable
  double arrived = -1;  ///< when it left the cable; negative when it never did
  std::string link;     ///< the cable's name: see Segment::name
  std::string from;     ///< host whose interface sent it, or "grader" for an injected frame
  std::string to;       ///< hosts it went to, or should have, joined by ", "
  std::string summary;  ///< decoded: `UDP 10.5.0.1:40213 > 10.5.0.2:1060, 12 bytes`
  std::string
      fate;  ///< "" for a frame that simply passed; "lost", "delayed 20 ms", "corrupted", "injected", ...
  bool background = false;  ///< address resolution and the like: not the lab's own traffic
  std::size_t number = 0;   ///< in the capture of its link, from 1 as Wireshark counts; 0 when not known
};

/// The verdict of one check with all that supports it.
struct Verdict {
  std::string check;                        ///< the check's name, as in the manifest and in checks.cc
  Outcome outcome = Outcome::inconclusive;  ///< decides which of the texts below are filled in
  double seconds = 0;                       ///< how long the check took
  std::uint64_t seed = 0;                   ///< with it the check draws the same values again
  std::string step;                         ///< the step that failed
  std::string expected;                     ///< for `failed`: completes "expected: "
  std::string actual;                       ///< for `failed`: completes "but: "
  std::string cause;                        ///< the most likely mistake, for a student
  std::string reason;           ///< for `inconclusive`: what kept the grader from judging, and what to do
  bool worth_retrying = false;  ///< for `inconclusive`: the machine was busy, another time it may work
  std::vector<Step> steps;      ///< in order; the last is where it ended
  std::vector<ProgramRecord> programs;  ///< in the order they were started
  std::vector<FrameRecord> frames;      ///< the first and last few hundred
  std::string evidence;                 ///< folder with wire.pcap and verdict.json; empty when none was kept
};

/// The JSON that check executables print (one object per line) and that `--json` and the evidence hold.
/// All text is valid UTF-8: see `printable`.
void to_json(nlohmann::json& json, const Verdict& verdict);
/// Reads it back. Throws nlohmann::json::exception when a key is missing or of another type, and
/// std::runtime_error when the verdict is no word that `to_string` gives.
void from_json(const nlohmann::json& json, Verdict& verdict);

/// Text that came from a program, made safe for terminals and files: bytes that are not UTF-8 and control
/// characters other than newline and tab become `\x1b`; what is over `most` bytes is cut with a note.
std::string printable(std::string_view text, std::size_t most = 64 << 10);

}  // namespace wirelab
