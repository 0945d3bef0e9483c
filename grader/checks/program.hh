#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "grader/checks/story.hh"
#include "grader/program/process.hh"

namespace wirelab {

/// How long anything may take that takes no time on an idle machine. A program that hangs costs a check this
/// long.
inline constexpr std::chrono::seconds patience{8};

/// The program under test as a check sees it: every act and every expectation is a step of the story, every
/// wait is bounded, and what is not met ends the check with the reason. Made by Check::run; lives as long as
/// the check.
class Program {
 public:
  /// Of all deadlines.
  using Clock = std::chrono::steady_clock;

  /// Takes over a process that runs on `host`. The story calls it `name`; `shown` is its command as a reader
  /// knows it.
  Program(Story& story, const Host& host, std::string name, std::string shown, Process process);

  /// Waits until the program has a socket bound to the port: for TCP one that listens. Seen in the kernel, so
  /// it does not matter what the program prints.
  Program& expect_listening(std::uint16_t port);
  /// The same for UDP: any socket that is bound to the port.
  Program& expect_bound(std::uint16_t port);

  /// Waits until the kernel shows the program's TCP socket (Linux may have given it the port), and returns
  /// its address.
  Address await_listener();

  /// Waits until a connection to this port waits to be accepted.
  void expect_waiting_connection(std::uint16_t port);

  /// The program ends of itself, within `limit`, with this exit status.
  void expect_exit(int code, std::chrono::nanoseconds limit = patience);

  /// The program is still there.
  void expect_running();

  /// Everything on standard output is exactly this. Waits until that much has come.
  void expect_output(std::string_view bytes);

  /// A line of standard output contains each of these (letters' case does not matter). Waits for it; returns
  /// it.
  std::string expect_line(std::vector<std::string> parts);

  /// Standard error contains each of these (letters' case does not matter). Waits for the program's end
  /// first.
  void expect_error(std::vector<std::string> parts);

  /// Feeds standard input.
  void type(std::string_view bytes);
  /// End of file on standard input, after what was typed.
  void end_input();

  void pause();      ///< SIGSTOP to the program and all its children; returns once they stand
  void resume();     ///< SIGCONT to all of them
  void terminate();  ///< SIGTERM
  void kill();       ///< SIGKILL to all of them; returns once they are gone

  /// The faults to come. The calls must have been named in Circumstances::watched.
  void inject(const Fault& fault);

  /// What the program and its children that still live have used so far.
  [[nodiscard]] std::chrono::nanoseconds processor_time() const;

  /// For this long the program uses next to no processor time, a twentieth of it at most (on a busy machine:
  /// of what it did not spend waiting for a processor), and makes next to none of the calls watched.
  void expect_idle(std::chrono::nanoseconds time, const std::string& while_what);

  /// Repeats `exchange` until faults have struck this call so many times: a call that was already waiting in
  /// the kernel when the fault was armed escapes it. If the program does not seem to make such a call at all,
  /// the grader cannot judge by this means: that is neither pass nor fail.
  void repeat_until_struck(Call call, unsigned times, const std::function<void()>& exchange);

  /// Faults have struck this call at least so often by now; otherwise the grader cannot judge by this means.
  void expect_struck(Call call, unsigned at_least);

  /// The process itself, for what is no step of the story.
  [[nodiscard]] Process& process() { return process_; }
  /// The same, to look at only.
  [[nodiscard]] const Process& process() const { return process_; }
  /// The host that it runs on.
  [[nodiscard]] const Host& host() const { return host_; }
  /// Its command as a reader knows it: `tcp_echo server 10.3.0.2`.
  [[nodiscard]] const std::string& shown() const { return shown_; }

  /// What the story calls it: its host, and which run there it is where there were others before.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// How it is now, for people: `ended: exit status 1 ("tcp_echo: connect ...")`, or `is still running`.
  [[nodiscard]] std::string condition() const;

  /// What the verdict keeps of it: command, outputs made safe to print, and its end.
  [[nodiscard]] ProgramRecord record() const;

 private:
  void step(std::string text);
  Program& expect_socket(std::uint16_t port, int type);

  Story& story_;
  const Host& host_;
  std::string name_;
  std::string shown_;
  Process process_;
};

}  // namespace wirelab
