#pragma once

#include <chrono>
#include <cstdint>

namespace wirelab::launcher {

// Looks at every process of the sandbox but ourselves, through the sandbox's own /proc.

/// Whether no thread can run another instruction of its program: all are stopped, dead, or deep inside the
/// kernel with the stop signal waiting for their return.
bool everyone_stands_still();

/// Says when the processes together hold more memory than they may.
class MemoryWatch {
 public:
  /// `limit` in bytes.
  explicit MemoryWatch(std::uint64_t limit) : limit_(limit) {}

  /// Resident bytes over the limit? Memory shared between processes counts once.
  bool over();

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t limit_;
  Clock::time_point next_exact_{};
};

}  // namespace wirelab::launcher
