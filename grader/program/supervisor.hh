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

  [[nodiscard]] pid_t pid() const { return confined_.pid; }
  [[nodiscard]] const Descriptor& program() const { return confined_.program; }
  [[nodiscard]] FaultPlan& faults() { return faults_; }

  void write_input(std::string_view bytes);
  void close_input();

  /// Calls `look` with standard output and error as they are now, under the lock.
  void with_outputs(const std::function<void(const Output& output, const Output& errors)>& look) const;
  bool wait_for_lines(std::size_t count, Clock::time_point deadline) const;

  [[nodiscard]] std::optional<Exit> exit() const;
  [[nodiscard]] std::optional<Exit> wait(Clock::time_point deadline) const;
  [[nodiscard]] double cpu_seconds() const;  ///< of the program and all its children, once it has ended

  void pause();
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
  bool lost_ = false;  ///< the launcher ended and did not say why
  bool gone_ = false;  ///< nothing is left of the sandbox

  std::thread thread_;
};

}  // namespace wirelab
