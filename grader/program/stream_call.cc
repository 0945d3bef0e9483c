#include "grader/program/stream_call.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

namespace wirelab {
namespace {

/// More than any program asks for at once; a fault that allows more is no fault.
constexpr std::size_t most_at_once = 1 << 20;

bool read_memory(pid_t thread, std::uint64_t address, void* into, std::size_t size) {
  const iovec local{into, size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  return process_vm_readv(thread, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

void write_memory(pid_t thread, std::uint64_t address, const void* from, std::size_t size) {
  const iovec local{const_cast<void*>(from), size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  // A bad address is the program's own mistake, and costs it the result only.
  [[maybe_unused]] const ssize_t written = process_vm_writev(thread, &local, 1, &remote, 1, 0);
}

/// A number from /proc/PID/status; 0 when the thread is gone.
std::uint64_t status_field(std::string_view status, std::string_view name, int base) {
  const std::size_t at = status.find(name);
  return at == std::string_view::npos ? 0 : std::strtoull(status.data() + at + name.size(), nullptr, base);
}

std::string status_of(pid_t thread) {
  const std::string path = "/proc/" + std::to_string(thread) + "/status";
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(8192, '\0');
  const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

/// pidfd_getfd(2) wants the process, and we have one of its threads.
Descriptor duplicate(pid_t thread, int number) {
  const auto process = static_cast<pid_t>(status_field(status_of(thread), "\nTgid:", 10));
  const Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
}

}  // namespace

std::optional<StreamCall> StreamCall::read(const seccomp_notif& made) {
  StreamCall call;
  call.thread_ = static_cast<pid_t>(made.pid);
  if (!call.locate(made) || call.size_ == 0) return std::nullopt;
  const int harmless = MSG_DONTWAIT | MSG_NOSIGNAL | (call.receives_ ? MSG_CMSG_CLOEXEC : MSG_MORE);
  if ((call.flags_ & ~harmless) != 0) return std::nullopt;

  call.socket_ = duplicate(call.thread_, static_cast<int>(made.data.args[0]));
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(call.socket(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return std::nullopt;
  call.blocks_ = (call.flags_ & MSG_DONTWAIT) == 0 && (fcntl(call.socket(), F_GETFL) & O_NONBLOCK) == 0;
  return call;
}

bool StreamCall::locate(const seccomp_notif& made) {
  const auto& arguments = made.data.args;
  receives_ = made.data.nr == SYS_read || made.data.nr == SYS_readv || made.data.nr == SYS_recvfrom ||
              made.data.nr == SYS_recvmsg;
  switch (made.data.nr) {
    case SYS_recvfrom:
      if (arguments[4] != 0) name_length_ = arguments[5];
      [[fallthrough]];
    case SYS_sendto:
      if (!receives_ && arguments[4] != 0) return false;
      flags_ = static_cast<int>(arguments[3]);
      [[fallthrough]];
    case SYS_read:
    case SYS_write:
      memory_ = {{reinterpret_cast<void*>(arguments[1]), arguments[2]}};
      size_ = arguments[2];
      return true;
    case SYS_readv:
    case SYS_writev:
      return locate_parts(arguments[1], arguments[2]);
    case SYS_recvmsg:
    case SYS_sendmsg:
      flags_ = static_cast<int>(arguments[2]);
      return locate_message(arguments[1]);
    default:
      return false;
  }
}

bool StreamCall::locate_message(std::uint64_t address) {
  msghdr message{};
  if (!read_memory(thread_, address, &message, sizeof message)) return false;
  if (message.msg_controllen != 0 || (!receives_ && message.msg_name != nullptr)) return false;
  if (receives_) message_ = address;
  return locate_parts(reinterpret_cast<std::uint64_t>(message.msg_iov), message.msg_iovlen);
}

bool StreamCall::locate_parts(std::uint64_t address, std::uint64_t count) {
  if (count > IOV_MAX) return false;
  memory_.resize(count);
  if (!read_memory(thread_, address, memory_.data(), count * sizeof(iovec))) return false;
  for (const iovec& part : memory_) size_ += part.iov_len;
  return true;
}

std::int64_t StreamCall::move(std::size_t most) const {
  const std::size_t size = std::min({most, size_, most_at_once});
  return receives_ ? receive(size) : send(size);
}

std::int64_t StreamCall::receive(std::size_t most) const {
  std::vector<std::byte> bytes(most);
  const ssize_t count = recv(socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0) return -errno;
  const iovec local{bytes.data(), static_cast<std::size_t>(count)};
  if (count > 0 && process_vm_writev(thread_, &local, 1, memory_.data(), memory_.size(), 0) != count)
    return -EFAULT;
  settle_results();
  return count;
}

std::int64_t StreamCall::send(std::size_t most) const {
  std::vector<std::byte> bytes(most);
  const iovec local{bytes.data(), bytes.size()};
  const ssize_t count = process_vm_readv(thread_, &local, 1, memory_.data(), memory_.size(), 0);
  if (count != static_cast<ssize_t>(most)) return -EFAULT;
  const ssize_t sent =
      ::send(socket(), bytes.data(), bytes.size(), (flags_ & MSG_MORE) | MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

/// A connected stream has no address and no control messages to tell.
void StreamCall::settle_results() const {
  const socklen_t none = 0;
  const std::size_t no_control = 0;
  const int no_flags = 0;
  if (name_length_ != 0) write_memory(thread_, name_length_, &none, sizeof none);
  if (message_ == 0) return;
  write_memory(thread_, message_ + offsetof(msghdr, msg_namelen), &none, sizeof none);
  write_memory(thread_, message_ + offsetof(msghdr, msg_controllen), &no_control, sizeof no_control);
  write_memory(thread_, message_ + offsetof(msghdr, msg_flags), &no_flags, sizeof no_flags);
}

std::chrono::microseconds StreamCall::patience() const {
  timeval limit{};
  socklen_t size = sizeof limit;
  getsockopt(socket(), SOL_SOCKET, receives_ ? SO_RCVTIMEO : SO_SNDTIMEO, &limit, &size);
  return std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
}

bool is_socket(pid_t thread, int number) {
  const std::string path = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(number);
  char target[16];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size > 0 && std::string_view(target, static_cast<std::size_t>(size)).starts_with("socket:");
}

std::chrono::milliseconds wait_for_input([[maybe_unused]] const seccomp_notif& made) {
#ifdef SYS_poll  // some processors have ppoll alone
  std::array<pollfd, 16> watched;
  const std::uint64_t count = made.data.args[1];
  if (made.data.nr != SYS_poll || count > watched.size()) return {};
  if (!read_memory(static_cast<pid_t>(made.pid), made.data.args[0], watched.data(), count * sizeof(pollfd)))
    return {};
  const auto first = watched.begin(), last = first + static_cast<std::ptrdiff_t>(count);
  if (std::any_of(first, last, [](const pollfd& one) { return (one.events & POLLOUT) != 0; })) return {};
  return std::chrono::milliseconds(std::max(static_cast<int>(made.data.args[2]), 0));
#else
  return {};
#endif
}

bool signal_waits_for(pid_t thread) {
  const std::string status = status_of(thread);
  std::uint64_t pending = status_field(status, "\nSigPnd:", 16);
  // The kernel hands a process's signals to its first thread where that one does not block them.
  const bool is_first = status_field(status, "\nTgid:", 10) == static_cast<std::uint64_t>(thread);
  if (is_first) pending |= status_field(status, "\nShdPnd:", 16);
  return (pending & ~status_field(status, "\nSigBlk:", 16)) != 0;
}

}  // namespace wirelab
