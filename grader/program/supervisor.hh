#pragma once

#include <sys/resource.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/descriptor.hh"
#include "grader/program/border.hh"
#include "grader/program/confinement.hh"
#include "grader/program/faults.hh"
#include "grader/program/limits.hh"
#include "grader/program/output.hh"

namespace wirelab {

/// Runs one confined program to its end: a thread that feeds its input, reads its outputs, answers its
/// system-call border and listens to its launcher. Everything the thread changes is under one lock, and each
/// change wakes those who wait.
class Supervisor {
 public:
  /// Starts the program (Confinement::standard is filled in here). With an `input_fd` that is its standard
  /// input; otherwise `write_input` feeds it. The faults are armed before the program makes its first call.
  /// Throws as `confine` does.
  explicit Supervisor(Confinement confinement, int input_fd = -1, const std::vector<Fault>& faults = {});

  /// Ends the program and all its children.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The program's process ID in the grader's PID namespace.
  [[nodiscard]] pid_t pid() const { return confined_.pid; }
  /// A pidfd of the program: see pidfd_open(2).
  [[nodiscard]] const Descriptor& program() const { return confined_.program; }
  /// What strikes its calls; may be armed at any time, and read.
  [[nodiscard]] FaultPlan& faults() { return faults_; }

  /// Queues bytes for standard input; they are fed as the program reads. What a program no longer reads is
  /// dropped. Without effect when there is an `input_fd`.
  void write_input(std::string_view bytes);
  /// End of file, after what is queued.
  void close_input();

  /// Calls `look` with standard output and error as they are now, under the lock.
  void with_outputs(const std::function<void(const Output& output, const Output& errors)>& look) const;
  /// Waits until standard output has more than `count` complete lines, or is closed, or the deadline has
  /// passed. True when it has.
  bool wait_for_lines(std::size_t count, Clock::time_point deadline) const;

  /// How the program ended; empty while it runs. Throws std::runtime_error when the launcher ended without
  /// saying, because somebody else killed it.
  [[nodiscard]] std::optional<Exit> exit() const;
  /// As `exit`, once the program has ended or the deadline has passed.
  [[nodiscard]] std::optional<Exit> wait(Clock::time_point deadline) const;
  [[nodiscard]] double cpu_seconds() const;  ///< of the program and all its children, once it has ended
  /// How long its first thread was ready to run without a processor, once it has ended.
  [[nodiscard]] std::chrono::nanoseconds starved() const;

  /// Stops the program and all its children (SIGSTOP), and waits until they stand. Throws
  /// std::runtime_error when they do not within 30 s.
  void pause();
  /// Lets all of them go on (SIGCONT).
  void resume();
  void kill();                            ///< waits until all are gone
  void end_because(Exit::Reason reason);  ///< like `kill`, and `exit` gives this reason

 private:
  void run();
  void poll_once();
  void feed_input();
  void read_output(Descriptor& pipe, Output& output);
  void hear_launcher();
  void note_end(const launcher::Report& report);
  void bury();
  void wake_thread() const;
  [[nodiscard]] std::optional<Exit> exit_locked() const;

  const std::size_t most_output_;
  const std::chrono::seconds most_cpu_;
  Descriptor wake_, input_, output_pipe_, errors_pipe_;
  Confined confined_;
  FaultPlan faults_;
  std::optional<SystemCallBorder> border_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::string to_feed_;
  std::size_t fed_ = 0;
  bool close_input_ = false;
  Output output_, errors_;
  bool stands_still_ = false;
  std::optional<Exit::Reason> forced_reason_;
  std::optional<Exit> exit_;
  rusage usage_{};
  std::chrono::nanoseconds starved_{};
  bool lost_ = false;  ///< the launcher ended and did not say why
  bool gone_ = false;  ///< nothing is left of the sandbox

  std::thread thread_;
};

}  // namespace wirelab
