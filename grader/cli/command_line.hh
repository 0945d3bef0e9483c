#pragma once

#include <functional>
#include <optional>
#include <string>

#include "grader/cli/session.hh"

namespace wirelab {

/// What the command line asked for.
struct CommandLine {
  std::string colour = "auto";           ///< `--color`: see Console
  std::function<int(Session&)> command;  ///< its result is the exit status
};

/// Reads the command line. When there is nothing left to do (`--help`), or it is wrong, it has said so; then
/// the exit status is in `status` and nothing is returned.
std::optional<CommandLine> parse_command_line(int argc, char** argv, int& status);

}  // namespace wirelab
