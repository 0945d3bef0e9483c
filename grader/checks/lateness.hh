#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace wirelab {

/// Measures what the machine does to this check and its programs: a thread that sleeps for a fixed time again
/// and again, and notes how much longer it took. What it saw late, the program under test may have been late
/// by as well.
///
/// Now and then it also looks whether the kernel holds up any thread of this process or of those that it has
/// started, the sandboxes and the programs in them (family_is_held_up). The kernel has locks for the whole
/// machine: above all that of interfaces and addresses (rtnl), without which no name is resolved and no
/// network begins or ends. On a machine where much of that goes on at once, it was seen to be waited for for
/// ten seconds.
class Lateness {
 public:
  /// Of all times here.
  using Clock = std::chrono::steady_clock;

  /// Starts to measure.
  Lateness();
  /// Ends the thread.
  ~Lateness();
  Lateness(const Lateness&) = delete;
  Lateness& operator=(const Lateness&) = delete;

  /// The longest delay seen since `begin`.
  [[nodiscard]] std::chrono::nanoseconds most_since(Clock::time_point begin) const;

  /// How long since `begin` the kernel has held somebody up. Counted is what two looks in a row have seen, so
  /// moments are not. Nobody looks before `watch_kernel` was called.
  [[nodiscard]] std::chrono::nanoseconds held_up_since(Clock::time_point begin) const;
  /// From now on looks at the kernel as well; there is no way back.
  void watch_kernel();

 private:
  struct Delay {
    Clock::time_point time;
    std::chrono::nanoseconds late;
  };
  void run();
  void look_at_kernel();

  mutable std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::vector<Delay> delays_;  // those of at least a millisecond
  std::vector<Delay> holds_;
  bool watches_kernel_ = false;
  Clock::time_point last_look_, next_look_;  // the thread's own, as the next one
  bool held_up_ = false;
  std::thread thread_;
};

}  // namespace wirelab
