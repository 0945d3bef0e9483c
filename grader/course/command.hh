#pragma once

#include <string>
#include <vector>

namespace wirelab {

/// What came of a command: its exit status (128 and its number when a signal ended it), and all it printed.
struct CommandResult {
  int status = 0;      ///< of the shell's kind: 0 to 255
  std::string output;  ///< standard output and standard error, as they came
};

/// Runs a command of the project's own choice, not a student's: found along PATH, with nothing to read,
/// outside any sandbox. Waits for its end. Throws std::system_error when it cannot be started.
CommandResult run_command(const std::vector<std::string>& words);

}  // namespace wirelab
