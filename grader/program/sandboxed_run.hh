#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "grader/program/limits.hh"
#include "grader/program/sandbox.hh"

namespace wirelab {

/// What came of a command that ran to its end in a sandbox.
struct RunResult {
  Exit exit;               ///< `time_limit` when it had to be stopped
  std::string output;      ///< standard output, at most Limits::output bytes
  std::string errors;      ///< standard error, likewise
  double cpu_seconds = 0;  ///< user and system time of the command and all its children

  /// Whether it ended by itself with status 0.
  [[nodiscard]] bool ok() const { return exit.reason == Exit::Reason::exited && exit.code == 0; }
};

/// Runs a command that is no program under test, but handles what strangers wrote: a compiler, an unpacker.
/// It has a network of its own with nothing in it, sees what `sandbox` shows, has the rights of no user and
/// the same system call filter as a program under test. Standard input is `input`, or the file open as
/// `input_fd` when that is not negative. Whatever it started is gone when this function returns, and also
/// when this process is killed.
///
/// When the caller is the machine's root the command runs as nobody: what is bound must be readable for
/// everybody (its parent folders need not be), and folders bound as writable are given to nobody (chown)
/// before it starts.
///
/// May be called from several threads at once, inside a private world or not. A command that cannot be
/// executed ends with status 127. Throws std::runtime_error when the sandbox cannot be built or breaks down.
RunResult run_sandboxed(const Sandbox& sandbox, const std::vector<std::string>& command, const Limits& limits,
                        std::chrono::milliseconds longest, std::string input = {}, int input_fd = -1);

}  // namespace wirelab
