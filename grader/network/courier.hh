#pragma once

#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "grader/network/segment.hh"

namespace wirelab {

/// Moves the frames of a network: one thread that reads every port, hands each frame to its segment, and
/// carries out the deliveries that rules have put off. Everything segments hold is guarded by `mutex`.
class Courier {
 public:
  /// Starts the thread. Throws std::system_error.
  Courier();
  /// As `stop`.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Starts to read the ports of a segment. The segment must outlive the courier's thread: see `stop`.
  void serve(Segment& segment);

  /// Ends the thread. What has been put off is not delivered any more.
  void stop();

 private:
  friend class Segment;
  using Clock = std::chrono::steady_clock;

  /// A delivery that a rule has put off.
  struct Held {
    Segment* segment;
    std::size_t from;
    CapturedFrame* record;
    Bytes bytes;
    Clock::time_point due;
    unsigned behind;  ///< counts down with each later frame of the same sender; 0: by time alone
  };

  void run();
  void wait_for_work(std::vector<pollfd>& ready);
  void read_ports(const std::vector<pollfd>& ready);
  void deliver_due();
  void wake();  ///< there is something new to wait for
  void hold(Held held);
  void frame_passed(const Segment& segment, std::size_t from);

  std::mutex mutex_;
  std::condition_variable changed_;  // a frame was captured
  struct Plug {
    Segment* segment;
    std::size_t port;
  };
  std::vector<Plug> plugs_;  // every port of every segment
  std::vector<Held> held_;   // few at a time: searched from end to end
  Descriptor wake_;          // eventfd: ports were added, or stop
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace wirelab
