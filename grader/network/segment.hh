#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "grader/network/capture.hh"
#include "grader/network/host.hh"
#include "grader/network/port.hh"
#include "grader/network/rule.hh"

namespace wirelab {

class Courier;

/// A piece of Ethernet: two hosts on a cable, or several on a hub, where every frame reaches all the others.
/// What happens to a frame is decided by the segment's rules. Made by Network::link and Network::segment.
///
/// Every public function may be called from any thread; the frames themselves move on the network's own
/// thread.
class Segment {
 public:
  /// Frames' times are this clock's, as the kernel stamped them.
  using Clock = std::chrono::steady_clock;

  /// Without any host; `courier`, which must outlive it, is to carry its frames.
  Segment(std::string name, Courier& courier) : name_(std::move(name)), courier_(courier) {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  /// As given in Network::Cable, or made of the hosts' names.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Adds a rule, after those that are there, for good.
  Segment& rule(Rule rule);

  class Impairment;

  /// Adds a rule in front of those that are there, for the life of the guard.
  [[nodiscard]] Impairment impair(Rule rule);

  /// Puts a frame of the grader's own on the cable: every host sees it, no rule does.
  void inject(const Bytes& frame);

  /// The same, as if this host's interface had sent it: the other hosts see it, and so do the rules. For a
  /// host whose other programs or kernel cannot say what a check wants to be said. Throws std::logic_error
  /// when the host is not plugged in.
  void inject(const Bytes& frame, const Host& sender);

  /// The frames that have entered so far and match, in order of entry.
  [[nodiscard]] std::vector<CapturedFrame> frames(const Match& match = anything) const;

  /// How many frames have entered so far that match.
  [[nodiscard]] std::size_t count(const Match& match) const;

  /// Waits until that many frames that match have entered. False when the deadline passed first.
  bool wait_for(const Match& match, std::size_t count, Clock::time_point deadline) const;

  /// The hosts that are plugged in, in the order they were.
  [[nodiscard]] const std::vector<const Host*>& hosts() const { return hosts_; }

  /// Frames that were lost because the grader could not keep up: no verdict can rest on such a capture.
  [[nodiscard]] unsigned overflowed() const;

 private:
  friend class Network;
  friend class Courier;

  void plug_in(const Host& host, std::unique_ptr<Port> port);
  void frame_entered(std::size_t from, std::span<const std::byte> bytes, Clock::time_point time);
  [[nodiscard]] std::optional<Fate> decide(const Frame& frame);
  void deliver(std::size_t from, std::span<const std::byte> bytes, CapturedFrame& record);

  std::string name_;
  Courier& courier_;
  std::vector<const Host*> hosts_;  // hosts_[i] is plugged into ports_[i]
  std::vector<std::unique_ptr<Port>> ports_;
  std::list<Rule> rules_;
  std::deque<CapturedFrame> captured_;  // a deque: the courier keeps references to entries
  std::size_t captured_bytes_ = 0;
};

/// Takes its rule out of the segment again when it goes out of scope.
class Segment::Impairment {
 public:
  /// Frames that have entered already are not called back.
  ~Impairment();
  Impairment(const Impairment&) = delete;
  Impairment& operator=(const Impairment&) = delete;

 private:
  friend class Segment;
  Impairment(Segment& segment, std::list<Rule>::iterator rule) : segment_(segment), rule_(rule) {}
  Segment& segment_;
  std::list<Rule>::iterator rule_;
};

}  // namespace wirelab
