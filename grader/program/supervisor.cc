#include "grader/program/supervisor.hh"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "common/error.hh"

namespace wirelab {
namespace {

using launcher::Command;
using launcher::Report;
using std::chrono::seconds;

struct Pipe {
  Descriptor read_end, write_end;
};

/// A pipe of which one end is the program's. It belongs to the program's user where that is another one, so
/// that it can open /dev/stdout and its like.
Pipe make_pipe(const Confinement& confinement) {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  const unsigned user = confinement.network != nullptr ? sandbox_user : outside_nobody;
  [[maybe_unused]] const int refused = fchown(ends[0], user, user);  // where there is no other user
  return pipe;
}

void never_block(const Descriptor& fd) {
  must(fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK), "fcntl O_NONBLOCK");
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

Supervisor::Supervisor(Confinement confinement, int input_fd, const std::vector<Fault>& faults)
    : most_output_(confinement.limits.output),
      most_cpu_(confinement.limits.cpu),
      wake_(must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  Pipe input = make_pipe(confinement), output = make_pipe(confinement), errors = make_pipe(confinement);
  confinement.standard = {input_fd >= 0 ? input_fd : input.read_end.get(), output.write_end.get(),
                          errors.write_end.get()};
  confined_ = confine(confinement);
  if (input_fd < 0) input_ = std::move(input.write_end);
  output_pipe_ = std::move(output.read_end);
  errors_pipe_ = std::move(errors.read_end);
  for (const Descriptor* fd : {&input_, &output_pipe_, &errors_pipe_}) {
    if (*fd) never_block(*fd);
  }
  for (const Fault& fault : faults) faults_.arm(fault);
  if (confined_.listener) border_.emplace(std::move(confined_.listener), faults_);
  command(confined_, Command::go);
  thread_ = std::thread([this] { run(); });
}

Supervisor::~Supervisor() {
  command(confined_, Command::kill);
  thread_.join();
}

// ---------------------------------------------------------------------------------------------- asked by
// others

void Supervisor::wake_thread() const { eventfd_write(wake_.get(), 1); }

void Supervisor::write_input(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  to_feed_.erase(0, fed_);
  fed_ = 0;
  to_feed_.append(bytes);
  wake_thread();
}

void Supervisor::close_input() {
  const std::lock_guard lock(mutex_);
  close_input_ = true;
  wake_thread();
}

void Supervisor::with_outputs(const std::function<void(const Output&, const Output&)>& look) const {
  const std::lock_guard lock(mutex_);
  look(output_, errors_);
}

bool Supervisor::wait_for_lines(std::size_t count, Clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return output_.lines().size() > count || output_.closed(); });
  return output_.lines().size() > count;
}

std::optional<Exit> Supervisor::exit_locked() const {
  if (lost_ && !exit_)
    throw std::runtime_error("the sandbox broke down: its launcher was killed from outside");
  return exit_;
}

std::optional<Exit> Supervisor::exit() const {
  const std::lock_guard lock(mutex_);
  return exit_locked();
}

std::optional<Exit> Supervisor::wait(Clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return exit_.has_value() || lost_; });
  return exit_locked();
}

double Supervisor::cpu_seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_of(usage_.ru_utime) + seconds_of(usage_.ru_stime);
}

std::chrono::nanoseconds Supervisor::starved() const {
  const std::lock_guard lock(mutex_);
  return starved_;
}

void Supervisor::pause() {
  std::unique_lock lock(mutex_);
  stands_still_ = false;
  command(confined_, Command::stop);
  const auto done = [&] { return stands_still_ || exit_ || lost_; };
  if (!changed_.wait_for(lock, seconds(30), done))
    throw std::runtime_error("pause: the program does not stand still");
}

void Supervisor::resume() { command(confined_, Command::resume); }

void Supervisor::kill() {
  command(confined_, Command::kill);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return gone_; });
}

void Supervisor::end_because(Exit::Reason reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!forced_reason_) forced_reason_ = reason;
  }
  kill();
}

// -------------------------------------------------------------------------------------------------- the
// thread

void Supervisor::run() {
  // A pipe without a reader raises SIGPIPE; blocked, it stays a mere EPIPE. Other signals are for other
  // threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  for (bool ended = false; !ended;) {
    poll_once();
    const std::lock_guard lock(mutex_);
    ended = exit_.has_value() || lost_;
  }
  bury();
}

void Supervisor::poll_once() {
  std::vector<pollfd> events = {{wake_.get(), POLLIN, 0}, {confined_.control.get(), POLLIN, 0}};
  if (output_pipe_) events.push_back({output_pipe_.get(), POLLIN, 0});
  if (errors_pipe_) events.push_back({errors_pipe_.get(), POLLIN, 0});
  {
    const std::lock_guard lock(mutex_);
    if (input_ && fed_ < to_feed_.size()) events.push_back({input_.get(), POLLOUT, 0});
  }
  if (border_) border_->add_events(events);
  poll(events.data(), events.size(), border_ ? border_->patience_ms() : -1);

  eventfd_t wakes = 0;
  if (events[0].revents != 0) eventfd_read(wake_.get(), &wakes);
  if (border_) border_->serve();
  feed_input();
  read_output(output_pipe_, output_);
  read_output(errors_pipe_, errors_);
  if (events[1].revents != 0) hear_launcher();
}

void Supervisor::feed_input() {
  const std::lock_guard lock(mutex_);
  while (input_ && fed_ < to_feed_.size()) {
    const ssize_t written = write(input_.get(), to_feed_.data() + fed_, to_feed_.size() - fed_);
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) input_.reset();  // the program has closed it
    if (written > 0) fed_ += static_cast<std::size_t>(written);
  }
  if (close_input_) input_.reset();
}

void Supervisor::read_output(Descriptor& pipe, Output& output) {
  std::array<char, 65536> buffer;
  while (pipe) {
    const ssize_t size = read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0) return;
    const std::lock_guard lock(mutex_);
    if (size == 0) {
      pipe.reset();
      output.close();
    } else if (!output.append({buffer.data(), static_cast<std::size_t>(size)}, most_output_)) {
      if (!forced_reason_) forced_reason_ = Exit::Reason::output_limit;
      command(confined_, Command::kill);
      pipe.reset();  // a flood could keep us reading for as long as it lasts
      output.close();
    }
    changed_.notify_all();
  }
}

void Supervisor::hear_launcher() {
  Report report{};
  const ssize_t size = recv(confined_.control.get(), &report, sizeof report, MSG_DONTWAIT);
  if (size < 0) return;
  if (size == sizeof report && report.kind == Report::Kind::ended) {
    // All who could write are dead: what is not in the pipes now never comes.
    read_output(output_pipe_, output_);
    read_output(errors_pipe_, errors_);
    return note_end(report);
  }
  const std::lock_guard lock(mutex_);
  if (size == sizeof report && report.kind == Report::Kind::stopped) stands_still_ = true;
  if (size == 0) lost_ = true;
  changed_.notify_all();
}

void Supervisor::note_end(const Report& report) {
  const std::lock_guard lock(mutex_);
  usage_ = report.usage;
  starved_ = std::chrono::nanoseconds(report.starved);
  Exit end;
  end.time = Clock::now();
  const bool by_signal = WIFSIGNALED(report.status);
  end.code = by_signal ? 0 : WEXITSTATUS(report.status);
  end.signal = by_signal ? WTERMSIG(report.status) : 0;
  if (by_signal) end.reason = Exit::Reason::signalled;
  const double used = seconds_of(usage_.ru_utime) + seconds_of(usage_.ru_stime);
  const bool all_used = used >= static_cast<double>(most_cpu_.count());
  if (end.signal == SIGXCPU || (end.signal == SIGKILL && all_used)) end.reason = Exit::Reason::cpu_limit;
  if (report.over_memory) end.reason = Exit::Reason::memory_limit;
  if (forced_reason_) end.reason = *forced_reason_;
  if (end.reason != Exit::Reason::exited && end.signal == 0) end.signal = SIGKILL;
  output_.close();
  errors_.close();
  exit_ = end;
  changed_.notify_all();
}

/// Waits for the sandbox to vanish: the launcher has ended or is about to, and takes everybody with it.
void Supervisor::bury() {
  border_.reset();
  while (waitpid(confined_.bubblewrap, nullptr, 0) < 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  output_.close();
  errors_.close();
  gone_ = true;
  changed_.notify_all();
}

}  // namespace wirelab
