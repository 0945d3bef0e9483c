#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "grader/network/frame.hh"
#include "grader/network/match.hh"

namespace wirelab {

/// One arrival of a frame at the far end of a cable.
struct Delivery {
  std::chrono::nanoseconds delay{0};  ///< after it entered the cable
  unsigned behind = 0;  ///< or as soon as this many later frames of the same sender have arrived
  std::optional<Bytes> changed = {};  ///< other bytes than were sent
};

/// What becomes of a frame: no delivery loses it, one carries it on, two duplicate it.
struct Fate {
  std::vector<Delivery> deliveries;  ///< in any order: each has its own time
  std::string why;                   ///< for people: "lost", "delayed 20 ms"
};

/// An impairment of a cable. Returns the fate of a frame, or nothing when the frame is none of its business;
/// then the next rule is asked. A frame that no rule minds is delivered at once. Rules are called on the
/// cable's thread, one frame at a time, in the order in which frames entered.
using Rule = std::function<std::optional<Fate>(const Frame&)>;

/// Loses every frame that matches.
Rule drop(Match match);

/// Loses the n-th frame that matches, counted from 1.
Rule drop_nth(Match match, unsigned n);

/// Loses the first `count` frames that match.
Rule drop_first(Match match, unsigned count);

/// Loses each frame that matches with this probability, from 0 to 1, by a generator with this seed.
Rule drop_randomly(Match match, double probability, std::uint64_t seed);

/// Everything that matches arrives this much later.
Rule delay(Match match, std::chrono::nanoseconds by);

/// Each frame that matches arrives later by a time drawn evenly from [least, most]; so frames may overtake
/// each other.
Rule jitter(Match match, std::chrono::nanoseconds least, std::chrono::nanoseconds most, std::uint64_t seed);

/// Everything that matches arrives 1 + `copies` times: at once, and again after each further `gap`.
Rule duplicate(Match match, unsigned copies = 1, std::chrono::nanoseconds gap = {});

/// The n-th frame that matches (from 1) arrives behind the `behind` frames that its sender sends after it, or
/// after `at_most` if those do not come.
Rule reorder_nth(Match match, unsigned n, unsigned behind = 1,
                 std::chrono::nanoseconds at_most = std::chrono::milliseconds(200));

/// Flips one bit of the payload (of the last byte when there is none) without mending any checksum: an honest
/// receiver's kernel throws such a frame away.
Rule corrupt(Match match, std::uint64_t seed);

/// Replaces the frame's bytes. `change` gets and returns a whole Ethernet frame; checksums are its own
/// affair: see replace_payload.
Rule rewrite(Match match, std::function<Bytes(const Frame&)> change);

/// The same frame with another UDP payload (or TCP, of the same length) and all lengths and checksums made
/// right. Throws std::logic_error when it is neither UDP nor TCP.
Bytes replace_payload(const Frame& frame, const std::string& payload);

/// Nothing gets through at all, address resolution included: the cable is cut.
Rule cut();

}  // namespace wirelab
