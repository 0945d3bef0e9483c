#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace wirelab {

/// The clock of all deadlines and times: never set back, not even when the machine's time of day is.
using Clock = std::chrono::steady_clock;

/// What a sandboxed program may use. Whoever goes over a limit is ended, and `Exit` says which it was.
struct Limits {
  std::chrono::seconds cpu{20};           ///< processor time of any one process
  std::uint64_t memory = 512ull << 20;    ///< resident bytes of all processes together
  unsigned processes = 2048;              ///< processes and threads: more cannot be started
  unsigned files = 4096;                  ///< open descriptors of a process: more cannot be opened
  std::uint64_t file_size = 16ull << 20;  ///< bytes in one file
  std::uint64_t output = 1ull << 20;      ///< bytes on standard output and standard error, each
};

/// How a program ended.
struct Exit {
  /// `exited` by itself, `signalled` by anybody, or ended because of one of the limits; `time_limit` is the
  /// one that run_sandboxed is given.
  enum class Reason { exited, signalled, cpu_limit, memory_limit, output_limit, time_limit };
  Reason reason = Reason::exited;  ///< decides which of the members below count
  int code = 0;                    ///< for `exited`: the exit status
  int signal = 0;                  ///< for all others: the signal that ended it
  Clock::time_point time;          ///< when the grader learned of it

  /// For people, without a full stop: "exit status 1", "killed by signal 11 (Segmentation fault)", "stopped:
  /// it used too much processor time"
  [[nodiscard]] std::string to_string() const;
};

}  // namespace wirelab
