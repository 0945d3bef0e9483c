#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace wirelab {

/// Measures how late the machine runs things: a thread that sleeps for a fixed time again and again, and
/// notes how much longer it took. What it saw late, the program under test may have been late by as well.
class Lateness {
 public:
  using Clock = std::chrono::steady_clock;

  Lateness();
  ~Lateness();
  Lateness(const Lateness&) = delete;
  Lateness& operator=(const Lateness&) = delete;

  /// The longest delay seen since `begin`.
  [[nodiscard]] std::chrono::nanoseconds most_since(Clock::time_point begin) const;

 private:
  struct Delay {
    Clock::time_point time;
    std::chrono::nanoseconds late;
  };
  void run();

  mutable std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::vector<Delay> delays_;  // those of at least a millisecond
  std::thread thread_;
};

}  // namespace wirelab
