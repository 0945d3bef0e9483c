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
//   this process  --posix_spawn-->  bubblewrap  --clone-->  bubblewrap's child
//                                   (waits)                 builds the view and executes
//                                                           the launcher  --fork-->  the program
//
// The launcher is process 1 of a new PID namespace. It lives exactly as long as it should because it holds
// one end of a socket whose other end is here alone; bubblewrap, in a session of its own, ends when the
// launcher does.

/// What to start, and where.
struct Confinement {
  Sandbox sandbox;                   ///< what it sees of the machine
  std::vector<std::string> command;  ///< program and arguments, as seen inside; looked for along PATH
  Limits limits;                     ///< all but `output`, which is for the reader of its pipes
  std::vector<Call> watched;         ///< for which its filter asks the grader: see make_syscall_filter
  bool raw_sockets = false;          ///< it keeps CAP_NET_RAW over its network
  bool without_ipv6 = false;         ///< IPv6 sockets cannot be had: see make_syscall_filter
  const NetworkNamespace* network = nullptr;  ///< none: a private world of its own, with an empty network
  std::array<int, 3> standard{-1, -1, -1};    ///< the program's standard input, output and error
};

/// A program that stands before its first instruction, and what the grader holds of it.
struct Confined {
  Descriptor control;     ///< to the launcher; closing it ends everything
  Descriptor program;     ///< a pidfd
  Descriptor listener;    ///< of its system call filter; empty when nothing is watched
  pid_t pid = -1;         ///< of the program, in the grader's PID namespace
  pid_t bubblewrap = -1;  ///< to be waited for, once the launcher has ended
};

/// Builds the sandbox and the program in it, up to the point before it is executed; Command::go makes it run.
/// Throws std::runtime_error with the reason, in bubblewrap's own words where they are its own.
Confined confine(const Confinement& confinement);

/// Tells the launcher what to do. One that is gone needs no command.
void command(const Confined& confined, launcher::Command what);

}  // namespace wirelab
