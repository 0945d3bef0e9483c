#pragma once

#include <string>
#include <vector>

#include "grader/program/binds.hh"

namespace wirelab {

/// The program that is being checked: how it is called, and what it needs to see of the machine.
struct Subject {
  std::vector<std::string> command;  ///< program and leading arguments; a check adds its own
  std::vector<Bind> binds;           ///< see binds_for_command

  /// The command as a reader knows it: the program by its file's name.
  [[nodiscard]] std::string shown() const;
};

}  // namespace wirelab
