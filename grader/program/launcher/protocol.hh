#pragma once

#include <sys/resource.h>

#include <cstdint>

/// The program that stands inside the sandbox between the grader and the program under test.
namespace wirelab::launcher {

// What the grader and the launcher say to each other, on a SOCK_SEQPACKET socket: one struct, one message.
//
//   grader              launcher (process 1 of the sandbox)     program (its child)
//     | --- Orders -------> | --- fork -----------------------> |
//     | <------------------------------------ Report: born ---- |  its credentials tell us the PID
//     |                     | <-- stops itself ---------------- |  limits and filter are in force
//     | <-- Report: ready - |                                   |
//     | --- Command: go --> | --- SIGCONT --------------------> |  execvp
//     | --- stop, resume -> | --- kill(-1, SIGSTOP, SIGCONT) -> |
//     | <-- Report: ended - | <-- waitpid --------------------- |
//
// When the grader's end closes, for whatever reason, the launcher exits, and with process 1 the kernel kills
// everything in the PID namespace: see pid_namespaces(7).

/// The first of two descriptors that the launcher is started with.
inline constexpr int executable_fd =
    3;  ///< itself: bubblewrap executes /proc/self/fd/3, so it need not be bound
inline constexpr int control_fd = 4;  ///< its end of the socket

/// Where the program leaves the listener of its system call filter: the lowest number free once it has closed
/// all others. The grader fetches it from there with pidfd_getfd(2), while the program stands still.
inline constexpr int listener_fd = 3;

/// The first message. Standard input, output and error travel with it (SCM_RIGHTS), and behind the struct the
/// instructions of the filter (struct sock_filter).
struct Orders {
  std::uint64_t memory;       ///< Limits::memory, bytes
  std::uint64_t file_size;    ///< Limits::file_size, bytes
  std::uint64_t cpu_seconds;  ///< Limits::cpu
  std::uint64_t processes;    ///< Limits::processes
  std::uint64_t files;        ///< Limits::files
  bool listen;                ///< the filter has calls that the grader wants to hear of
  bool raw_sockets;           ///< the program keeps CAP_NET_RAW
};

/// What the grader wants done, one byte: run the program, stop or continue all processes, kill them all.
enum class Command : std::uint8_t { go, stop, resume, kill };

/// What the launcher tells, and the program before it is executed. Members count for the kind they name.
struct Report {
  /// `born` and `ready` come from the program's process; `stopped` when all stand still; `ended` and
  /// `broken` (no sandbox could be built) are the last.
  enum class Kind : std::uint8_t { born, ready, stopped, ended, broken };
  Kind kind;              ///< what has happened
  bool over_memory;       ///< ended: the launcher killed it because all its processes together held too much
  int status;             ///< ended: as waitpid(2) gives it
  rusage usage;           ///< ended: of the program and all its children
  std::uint64_t starved;  ///< ended: nanoseconds that its first thread was ready to run without a processor
  int error;              ///< broken: errno
  char operation[64];     ///< broken: what the launcher could not do
};

}  // namespace wirelab::launcher
