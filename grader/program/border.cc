#include "grader/program/border.hh"

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "grader/program/syscall_filter.hh"

namespace wirelab {
namespace {

// Added in Linux 6.6: the program runs on at once on our processor. Unknown to older headers.
constexpr unsigned long set_flags = _IOW('!', 4, std::uint64_t);
constexpr std::uint64_t sync_wake_up = 1;

/// The kernel's own word for "a signal came first": it runs the handler and then makes the call again, or
/// returns EINTR, as SA_RESTART says. Never seen by a program, since a signal waits for it (see
/// signal_waits_for).
constexpr int restart_after_signal = 512;

/// read, write and close serve files of every kind; only on a socket are they calls of ours.
bool concerns_any_file(int number) {
  return number == SYS_read || number == SYS_readv || number == SYS_write || number == SYS_writev ||
         number == SYS_close;
}

}  // namespace

SystemCallBorder::SystemCallBorder(Descriptor listener, FaultPlan& plan)
    : listener_(std::move(listener)), plan_(plan) {
  ioctl(listener_.get(), set_flags, sync_wake_up);  // only for speed
}

void SystemCallBorder::add_events(std::vector<pollfd>& events) const {
  if (listener_) events.push_back({listener_.get(), POLLIN, 0});
  for (const Waiting& one : waiting_) {
    events.push_back({one.call.socket(), static_cast<short>(one.call.receives() ? POLLIN : POLLOUT), 0});
  }
}

int SystemCallBorder::patience_ms() const {
  const auto first = std::ranges::min_element(held_, {}, &Held::due);
  if (first == held_.end()) return waiting_.empty() ? -1 : tick_ms;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first->due - Clock::now()).count();
  return std::clamp(static_cast<int>(left), 0, tick_ms);
}

void SystemCallBorder::serve() {
  look_for_signals_ = Clock::now() >= next_look_;
  if (look_for_signals_) next_look_ = Clock::now() + std::chrono::milliseconds(tick_ms);
  std::erase_if(waiting_, [this](const Waiting& one) { return settle_waiting(one); });
  std::erase_if(held_, [this, now = Clock::now()](const Held& one) {
    if (one.due <= now) respond(one.made, 0, one.error);
    return one.due <= now;
  });
  pollfd event{listener_.get(), POLLIN, 0};
  while (poll(&event, 1, 0) == 1) {
    if ((event.revents & POLLIN) == 0)
      return listener_.reset();  // hung up: all who had the filter have ended
    seccomp_notif made{};
    // ENOENT: the program was killed meanwhile.
    if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &made) == 0) answer(made);
  }
}

void SystemCallBorder::answer(const seccomp_notif& made) {
  const std::optional<Call> call = call_of(made.data.nr);
  const auto thread = static_cast<pid_t>(made.pid);
  if (!call || (concerns_any_file(made.data.nr) && !is_socket(thread, static_cast<int>(made.data.args[0])))) {
    return wave_through(made);
  }
  const std::optional<Strike> strike = plan_.next(*call);
  if (!strike) return wave_through(made);
  if (strike->fault.kind == Fault::Kind::fail) return fail(made, strike->fault);
  answer_shortened(made, *strike);
}

void SystemCallBorder::fail(const seccomp_notif& made, const Fault& fault) {
  const auto held = fault.late ? wait_for_input(made) * 7 / 8 : std::chrono::milliseconds(0);
  if (held.count() == 0) return respond(made, 0, fault.error);
  held_.push_back({made, fault.error, Clock::now() + held});
}

void SystemCallBorder::answer_shortened(const seccomp_notif& made, const Strike& strike) {
  std::optional<StreamCall> call = StreamCall::read(made);
  // The thread may have ended while we looked, and its number gone to another one.
  const bool still_there = ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &made.id) == 0;
  if (!call || !still_there) {
    plan_.take_back(strike);
    return wave_through(made);
  }
  if (settle(made, *call, strike)) return;
  const std::chrono::microseconds patience = call->patience();
  const auto deadline = patience.count() == 0 ? Clock::time_point::max() : Clock::now() + patience;
  waiting_.push_back({made, std::move(*call), strike, deadline});
}

/// Makes the call in the program's place. False when the program has to wait for it.
bool SystemCallBorder::settle(const seccomp_notif& made, const StreamCall& call, const Strike& strike) {
  const std::int64_t moved = call.move(strike.fault.bytes);
  if (moved == -EAGAIN && call.blocks()) return false;
  if (moved <= 0) plan_.take_back(strike);
  if (moved >= 0) {
    respond(made, moved, 0);
  } else if (moved == -EPIPE) {
    wave_through(made);  // the kernel says the same and sends SIGPIPE
  } else {
    respond(made, 0, static_cast<int>(-moved));
  }
  return true;
}

bool SystemCallBorder::settle_waiting(const Waiting& waiting) {
  const auto give_up = [&](int error) {
    plan_.take_back(waiting.strike);
    respond(waiting.made, 0, error);
    return true;
  };
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &waiting.made.id) != 0) return give_up(EINTR);
  if (look_for_signals_ && signal_waits_for(static_cast<pid_t>(waiting.made.pid))) {
    plan_.unmake(waiting.strike.fault.call);
    return give_up(restart_after_signal);
  }
  if (settle(waiting.made, waiting.call, waiting.strike)) return true;
  return Clock::now() >= waiting.deadline && give_up(EAGAIN);
}

void SystemCallBorder::wave_through(const seccomp_notif& made) {
  respond(made, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void SystemCallBorder::respond(const seccomp_notif& made, std::int64_t value, int error, unsigned flags) {
  seccomp_notif_resp response{};
  response.id = made.id;
  response.val = value;
  response.error = -error;
  response.flags = flags;
  // Fails when the program was killed meanwhile; then nobody waits for an answer.
  ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace wirelab
