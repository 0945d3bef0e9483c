#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grader/network/host.hh"
#include "grader/program/faults.hh"
#include "grader/program/limits.hh"
#include "grader/program/output.hh"
#include "grader/program/sandbox.hh"
#include "grader/program/sockets.hh"

namespace wirelab {

/// How to start a program.
struct Launch {
  std::vector<std::string> command;                ///< program and arguments, as seen inside the sandbox
  std::vector<Bind> binds;                         ///< what the program needs to see
  std::map<std::string, std::string> environment;  ///< added to the sandbox's own
  std::optional<std::string> input;  ///< the whole of standard input; without it, `write_input` feeds it
  Limits limits;                     ///< who goes over one is ended, and `wait` tells which it was
  std::vector<Call> watched;         ///< the calls that faults may strike later; costs about 3 us each time
  std::vector<Fault> faults;  ///< armed before the program makes its first call; theirs must be watched, too
  bool bare = false;          ///< without the system's own files: see Sandbox
  bool raw_sockets = false;   ///< may open raw and packet sockets in its host
  bool without_ipv6 = false;  ///< the kernel knows no IPv6: see make_syscall_filter
};

/// A program under test, running in a host, in a sandbox. Ending the object ends the program and all its
/// children, and so does the end of this process for any reason (kill -9 included).
///
/// One thread per process reads both outputs, feeds the input, answers the system-call border, and hears of
/// the end. All functions may be called from any one other thread. Those that wait take a deadline and say by
/// their result whether it passed.
class Process {
 public:
  /// Starts the program in the host. Returns once it is about to be executed; a program that cannot be
  /// executed exits with status 127 and says why on standard error. Throws std::runtime_error when the grader
  /// cannot build the sandbox (its own trouble, never the program's).
  static Process start(const Host& host, Launch launch);
  /// The same in a namespace that need not be a host's; `hostname` is what the program sees as its machine's.
  static Process start(const NetworkNamespace& network, const std::string& hostname, Launch launch);

  /// Takes the program over; the one moved from may only be assigned to, or end.
  Process(Process&&) noexcept;
  /// Ends the program that was held, and takes the other's over.
  Process& operator=(Process&&) noexcept;
  /// Ends the program and all its children.
  ~Process();

  /// The program's process ID in the grader's PID namespace.
  [[nodiscard]] pid_t pid() const;

  void write_input(std::string_view bytes);  ///< queued and fed as the program reads
  void close_input();                        ///< end of file, after what is queued

  /// All bytes that it has printed so far, at most Limits::output.
  [[nodiscard]] std::string standard_output() const;
  /// Likewise, on standard error.
  [[nodiscard]] std::string standard_error() const;
  [[nodiscard]] std::size_t printed() const;  ///< bytes on standard output so far

  /// All complete lines of standard output so far, with their times (a last line without newline counts once
  /// the program has closed its output).
  [[nodiscard]] std::vector<Line> lines() const;

  /// Waits until there are more than `count` complete lines, or the program has closed its output, or the
  /// deadline. True when there are.
  bool wait_for_lines(std::size_t count, Clock::time_point deadline) const;

  /// Waits for the end of the program and of its output. Empty when the deadline passed first.
  /// Throws std::runtime_error when the sandbox broke down under the program: nobody can say how it would
  /// have ended.
  [[nodiscard]] std::optional<Exit> wait(Clock::time_point deadline) const;

  /// How it ended; empty while it runs.
  [[nodiscard]] std::optional<Exit> exit() const;

  void signal(int number);  ///< to the program itself; nothing happens when it has ended
  void pause();             ///< SIGSTOP to the program and all its children, and waits until they stand
                            ///< (std::runtime_error after 30 s)
  void resume();            ///< SIGCONT to all of them
  void kill();              ///< ends the program and all its children, and waits until they are gone

  /// Arms a fault. Its call must be among `Launch::watched` (std::logic_error otherwise).
  void inject(const Fault& fault);

  /// How often faults have struck this call.
  [[nodiscard]] unsigned struck(Call call) const;
  /// How often the program and its children have made this call; only watched calls are counted.
  [[nodiscard]] unsigned made(Call call) const;
  /// The calls watched: see Launch::watched.
  [[nodiscard]] const std::vector<Call>& watched() const;

  /// Time the program's threads have spent ready to run without a processor, since start: the part of any
  /// delay that is the machine's fault (/proc/PID/task/*/schedstat); of one that has ended, its first
  /// thread. Zero where the kernel does not count it.
  [[nodiscard]] std::chrono::nanoseconds starved() const;

  /// The sockets the program (not its children) holds now.
  [[nodiscard]] std::vector<HeldSocket> sockets() const;

 private:
  struct State;
  explicit Process(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace wirelab
