#pragma once

#include <linux/filter.h>

#include <array>
#include <vector>

#include "common/descriptor.hh"
#include "grader/program/launcher/protocol.hh"

namespace wirelab::launcher {

/// What the launcher was told to start.
struct Assignment {
  Orders orders;                       ///< its limits and rights
  std::array<Descriptor, 3> standard;  ///< the program's standard input, output and error
  std::vector<sock_filter> filter;     ///< its system call filter, for seccomp(2)
  char** command;                      ///< program and arguments, null at the end, as execvp(3) wants them
};

/// Sends a report on the control socket; a grader that is gone does not matter here.
void tell(const Report& report);

/// Tells the grader that the sandbox cannot be built. errno is the reason.
void tell_broken(const char* operation);

/// Turns the calling process, a fresh child of the launcher, into the program: new session, limits, an
/// ordinary user without rights, no descriptors but the standard ones, the filter. Stops itself before it
/// executes the command, until it is told to go.
[[noreturn]] void become_program(const Assignment& assignment);

}  // namespace wirelab::launcher
