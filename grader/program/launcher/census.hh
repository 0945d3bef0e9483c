#pragma once

#include <chrono>
#include <cstdint>

namespace wirelab::launcher {

// Looks at every process of the sandbox but ourselves, through the sandbox's own /proc.

/// Whether no thread can run another instruction of its program: all are stopped, dead, or deep inside the
/// kernel with the stop signal waiting for their return.
bool everyone_stands_still();

/// Says when the program and its children together hold more memory than they may.
class MemoryWatch {
 public:
  /// `limit` in bytes.
  MemoryWatch(pid_t program, std::uint64_t limit) : program_(program), limit_(limit) {}

  /// Resident bytes over the limit? Memory shared between processes counts once.
  bool over();

 private:
  using Clock = std::chrono::steady_clock;
  bool may_have_grown();

  pid_t program_;
  std::chrono::nanoseconds used_{-1};  // processor time of the program at the last look
  bool alone_ = false;                 // there was no other process then
  std::uint64_t limit_;
  Clock::time_point next_exact_{};
};

}  // namespace wirelab::launcher
