#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "common/descriptor.hh"
#include "grader/network/namespace.hh"
#include "grader/program/faults.hh"
#include "grader/program/launcher/protocol.hh"
#include "grader/program/limits.hh"
#include "grader/program/sandbox.hh"

namespace wirelab {

// How a program gets into its sandbox:
//
//   this process  --posix_spawn-->  bubblewrap  --clone-->  bubblewrap's child, which builds the view and
//   executes
//                                   (waits)                 the launcher  --fork-->  the program
//
// The launcher is process 1 of a new PID namespace. It lives exactly as long as it should because it holds
// one end of a socket whose other end is here alone; bubblewrap, in a session of its own, ends when the
// launcher does.

/// What to start, and where.
struct Confinement {
  Sandbox sandbox;
  std::vector<std::string> command;
  Limits limits;
  std::vector<Call> watched;
  bool raw_sockets = false;
  bool without_ipv6 = false;
  const NetworkNamespace* network = nullptr;  ///< none: a private world of its own, with an empty network
  std::array<int, 3> standard{-1, -1, -1};    ///< the program's standard input, output and error
};

/// A program that stands before its first instruction, and what the grader holds of it.
struct Confined {
  Descriptor control;   ///< to the launcher; closing it ends everything
  Descriptor program;   ///< a pidfd
  Descriptor listener;  ///< of its system call filter; empty when nothing is watched
  pid_t pid = -1;
  pid_t bubblewrap = -1;  ///< to be waited for, once the launcher has ended
};

/// Builds the sandbox and the program in it, up to the point before it is executed; Command::go makes it run.
/// Throws std::runtime_error with the reason, in bubblewrap's own words where they are its own.
Confined confine(const Confinement& confinement);

/// Tells the launcher what to do. One that is gone needs no command.
void command(const Confined& confined, launcher::Command what);

}  // namespace wirelab
