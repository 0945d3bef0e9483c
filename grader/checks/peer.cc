#include "grader/checks/peer.hh"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/error.hh"
#include "grader/checks/compare.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto stuck_after = 300ms;  // a program that takes nothing for so long has been told to wait by TCP

void set_option(int fd, int level, int option, int value) {
  must(setsockopt(fd, level, option, &value, sizeof value), "setsockopt");
}

/// Whether one of the events is there by the deadline.
bool poll_until(int fd, short events, Clock::time_point deadline) {
  const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
  const timespec timeout{.tv_sec = left / 1s, .tv_nsec = (left % std::chrono::seconds(1)).count()};
  pollfd ready{fd, events, 0};
  const int count = ppoll(&ready, 1, &timeout, nullptr);
  if (count < 0 && errno != EINTR) throw_errno("poll");
  return count > 0;
}

/// The same, but not longer than there is any program that could bring it about.
bool wait_until(Story& story, int fd, short events, Clock::time_point deadline) {
  return story.wait(deadline, [&](Clock::time_point until) { return poll_until(fd, events, until); });
}

bool means_gone(int error) {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == EHOSTUNREACH;
}

Descriptor bound_socket(const Host& host, int type, const Address& here) {
  const auto inside = host.visit();
  Descriptor fd(must(socket(here.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  if (type == SOCK_STREAM) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  must(bind(fd.get(), here.data(), *here.size()), "bind", here.to_string());
  return fd;
}

}  // namespace

TcpPeer::TcpPeer(Story& story, std::string name, Descriptor fd)
    : story_(story), name_(std::move(name)), fd_(std::move(fd)), local_(local_address(fd_.get())) {
  // Without it a test that sends in pieces now and then meets Nagle and the delayed acknowledgment: 40 ms.
  set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
}

TcpPeer::Came TcpPeer::receive_some(std::string& into, std::size_t most, Clock::time_point deadline) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = recv(fd_.get(), buffer.data(), std::min(most, buffer.size()), MSG_DONTWAIT);
    if (count > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(count));
      return Came::bytes;
    }
    if (count == 0) return Came::end;
    if (means_gone(errno)) return Came::reset;
    if (errno != EAGAIN && errno != EINTR) throw_errno("recv");
    if (!wait_until(story_, fd_.get(), POLLIN, deadline)) return Came::nothing;
  }
}

void TcpPeer::send(std::string_view bytes) {
  step("send " + describe(bytes));
  const auto deadline = Clock::now() + patience;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
    } else if (means_gone(errno)) {
      story_.fail("the program takes the bytes",
                  fmt::format("it broke the connection off after {} of {} bytes", sent, bytes.size()));
    } else if (errno != EAGAIN && errno != EINTR) {
      throw_errno("send");
    } else if (!wait_until(story_, fd_.get(), POLLOUT, deadline)) {
      story_.fail(
          "the program takes the bytes",
          fmt::format("it has stopped reading: only {} of {} bytes could be sent", sent, bytes.size()));
    }
  }
}

void TcpPeer::fail_receive(std::string_view expected, const std::string& got, Came how) {
  std::string actual = difference(expected, got);
  if (how == Came::end) actual += ", then the program closed the connection";
  if (how == Came::reset) actual += ", then the connection was reset";
  if (how == Came::nothing) actual += fmt::format(", and nothing more for {} s", patience.count());
  story_.fail(describe(expected) + " from the program", actual);
}

void TcpPeer::expect_receive(std::string_view bytes) {
  step("expect " + describe(bytes));
  const auto deadline = Clock::now() + patience;
  std::string got;
  while (got.size() < bytes.size()) {
    const Came came = receive_some(got, bytes.size() - got.size(), deadline);
    if (came != Came::bytes || !bytes.starts_with(got)) fail_receive(bytes, got, came);
  }
}

void TcpPeer::expect_echo(std::string_view bytes, std::size_t sent) {
  step(fmt::format("send {} and at the same time expect the same back", describe(bytes.substr(sent))));
  auto deadline = Clock::now() + patience;
  std::size_t back = 0;
  std::string piece;  // one at a time: many megabytes need not be kept
  const auto fail = [&](Came how) { fail_receive(bytes, std::string(bytes.substr(0, back)) + piece, how); };
  while (back < bytes.size()) {
    const short events = static_cast<short>(POLLIN | (sent < bytes.size() ? POLLOUT : 0));
    piece.clear();
    if (!wait_until(story_, fd_.get(), events, deadline)) fail(Came::nothing);
    if (sent < bytes.size()) {
      const ssize_t count =
          ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
      if (count < 0 && means_gone(errno)) fail(Came::reset);
    }
    const Came came = receive_some(piece, bytes.size() - back, Clock::now());
    if (came == Came::end || came == Came::reset) fail(came);
    if (bytes.substr(back, piece.size()) != piece) fail(Came::bytes);
    if (!piece.empty()) deadline = Clock::now() + patience;
    back += piece.size();
  }
}

std::size_t TcpPeer::send_until_stuck(std::string_view bytes) {
  step(fmt::format("send {} without reading anything, until no more is taken", describe(bytes)));
  std::size_t sent = 0;
  while (sent < bytes.size() && wait_until(story_, fd_.get(), POLLOUT, Clock::now() + stuck_after)) {
    const ssize_t count =
        ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && means_gone(errno))
      story_.fail("the program keeps the connection", "it broke the connection off");
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  return sent;
}

std::string TcpPeer::echo_everything() {
  step("send back what comes, each piece whole before reading on, until the other side ends");
  std::string all;
  for (;;) {
    const std::size_t before = all.size();
    const Came came = receive_some(all, 65536, Clock::now() + patience);
    if (came == Came::end) return all;
    if (came == Came::reset)
      story_.fail("the program sends, and then half-closes", "it broke the connection off");
    if (came == Came::nothing) {
      story_.fail("the program sends, and then half-closes",
                  fmt::format("after {} bytes nothing more came for {} s", all.size(), patience.count()));
    }
    std::string_view piece = std::string_view(all).substr(before);
    while (!piece.empty()) {
      if (!wait_until(story_, fd_.get(), POLLOUT, Clock::now() + patience)) {
        story_.fail(
            "the program reads what comes back while it sends",
            fmt::format("after {} bytes it has stopped reading, and so the other side had to stop as well",
                        before));
      }
      const ssize_t count = ::send(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) piece.remove_prefix(static_cast<std::size_t>(count));
      if (count < 0 && means_gone(errno))
        story_.fail("the program reads what comes back", "it broke the connection off");
    }
  }
}

void TcpPeer::expect_end() {
  step("expect the end of the stream");
  std::string got;
  const Came came = receive_some(got, 4096, Clock::now() + patience);
  if (came == Came::end) return;
  if (came == Came::bytes)
    story_.fail("the end of the stream (FIN)", fmt::format("{} more came", describe(got)));
  if (came == Came::reset) story_.fail("the end of the stream (FIN)", "the connection was reset (RST)");
  story_.fail("the end of the stream (FIN)",
              fmt::format("nothing for {} s: the program keeps the connection open", patience.count()));
}

void TcpPeer::expect_silence(std::chrono::nanoseconds time) {
  step(fmt::format("nothing comes for {:g} s", std::chrono::duration<double>(time).count()));
  std::string got;
  const Came came = receive_some(got, 4096, Clock::now() + time);
  if (came == Came::nothing) return;
  story_.fail("silence", came == Came::bytes ? describe(got) + " came" : "the connection ended");
}

void TcpPeer::expect_gone() {
  step("expect the end of the connection");
  const auto deadline = Clock::now() + patience;
  std::string got;
  for (;;) {
    const Came came = receive_some(got, 65536, deadline);
    if (came == Came::end || came == Came::reset) return;
    if (came == Came::nothing) {
      story_.fail("the program ends the connection",
                  fmt::format("it is still open after {} s", patience.count()));
    }
  }
}

void TcpPeer::half_close() {
  step("send no more (shutdown, FIN)");
  if (shutdown(fd_.get(), SHUT_WR) != 0 && errno != ENOTCONN) throw_errno("shutdown");
}

void TcpPeer::reset() {
  step("break the connection off (RST)");
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  must(setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "set SO_LINGER");
  fd_.reset();
}

void TcpPeer::close() {
  step("close the connection");
  fd_.reset();
}

TcpListener::TcpListener(Story& story, const Host& host, std::uint16_t port, int receive_buffer)
    : TcpListener(story, host, host.at(port), receive_buffer) {}

TcpListener::TcpListener(Story& story, const Host& host, const Address& at, int receive_buffer)
    : story_(story),
      name_(host.name()),
      fd_(bound_socket(host, SOCK_STREAM, at)),
      address_(local_address(fd_.get())) {
  if (receive_buffer > 0) set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, receive_buffer);
  must(listen(fd_.get(), 128), "listen", address_.to_string());
  story_.step(fmt::format("{}: listen on {}", name_, address_.to_string()));
}

TcpPeer TcpListener::accept() {
  story_.step(name_ + ": wait for a connection");
  if (!wait_until(story_, fd_.get(), POLLIN, Clock::now() + patience)) {
    story_.fail("the program connects to " + address_.to_string(),
                fmt::format("no connection within {} s", patience.count()));
  }
  return {story_, name_,
          Descriptor(must(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept"))};
}

bool TcpListener::has_connection(std::chrono::nanoseconds within) const {
  return poll_until(fd_.get(), POLLIN, Clock::now() + within);
}

UdpPeer::UdpPeer(Story& story, const Host& host, std::uint16_t port) : UdpPeer(story, host, host.at(port)) {}

UdpPeer::UdpPeer(Story& story, const Host& host, const Address& at)
    : story_(story),
      name_(host.name()),
      fd_(bound_socket(host, SOCK_DGRAM, at)),
      local_(local_address(fd_.get())) {}

void UdpPeer::send(std::string_view bytes, const Address& to) {
  story_.step(fmt::format("{}: send {} to {}", name_, describe(bytes), to.to_string()));
  must(sendto(fd_.get(), bytes.data(), bytes.size(), 0, to.data(), *to.size()), "sendto", to.to_string());
}

std::optional<UdpPeer::Datagram> UdpPeer::receive(std::chrono::nanoseconds within) {
  if (!wait_until(story_, fd_.get(), POLLIN, Clock::now() + within)) return std::nullopt;
  Datagram result;
  result.bytes.resize(65536);
  const ssize_t count = recvfrom(fd_.get(), result.bytes.data(), result.bytes.size(), MSG_DONTWAIT,
                                 result.from.data(), result.from.size());
  if (count < 0) return std::nullopt;  // an ICMP error: no datagram
  result.bytes.resize(static_cast<std::size_t>(count));
  return result;
}

UdpPeer::Datagram UdpPeer::expect_datagram(std::chrono::nanoseconds within) {
  story_.step(name_ + ": wait for a datagram");
  auto came = receive(within);
  if (!came) {
    story_.fail("a datagram to " + local_.to_string(),
                fmt::format("none within {:g} s", std::chrono::duration<double>(within).count()));
  }
  return *came;
}

}  // namespace wirelab
