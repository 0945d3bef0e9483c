#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/namespace.hh"

// What the tests of claims about TCP stand on: a network namespace for each test that holds a loopback
// interface and nothing else, so that no port and no TIME_WAIT of another test is there.

namespace wirelab::claims {

/// How long something may take that must come.
inline constexpr int patience_ms = 10'000;

/// How long we look for something that must not come.
inline constexpr int silence_ms = 300;

inline Descriptor tcp_socket(int flags = 0) {
  return Descriptor(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"));
}

/// Sets an option of type int, such as SO_REUSEADDR.
inline void set(const Descriptor& socket, int level, int option, int value) {
  must(setsockopt(socket.get(), level, option, &value, sizeof value), "setsockopt");
}

/// An option's value, of type int or a structure.
template <typename Value = int>
Value get(const Descriptor& socket, int level, int option) {
  Value value{};
  socklen_t size = sizeof value;
  must(getsockopt(socket.get(), level, option, &value, &size), "getsockopt");
  return value;
}

/// The state of a TCP socket: TCP_ESTABLISHED, TCP_CLOSE_WAIT, ... See tcp(7), TCP_INFO.
inline int state(const Descriptor& socket) { return get<tcp_info>(socket, IPPROTO_TCP, TCP_INFO).tcpi_state; }

/// The errno value of a call that must fail; 0 when it did not.
inline int error_of(long result) { return result < 0 ? errno : 0; }

/// Whether poll reports this event in time.
inline bool ready(const Descriptor& socket, short event, int limit_ms = patience_ms) {
  pollfd watched{socket.get(), event, 0};
  return poll(&watched, 1, limit_ms) == 1;
}

/// Waits until `condition` holds, within patience.
template <typename Condition>
bool eventually(const Condition& condition) {
  for (int waited = 0; waited < patience_ms; ++waited) {
    if (condition()) return true;
    usleep(1000);
  }
  return false;
}

inline int bind_to(const Descriptor& socket, const Address& address) {
  return error_of(bind(socket.get(), address.data(), *address.size()));
}

inline int connect_to(const Descriptor& socket, const Address& address) {
  return error_of(connect(socket.get(), address.data(), *address.size()));
}

/// A socket that listens at a free port of 127.0.0.1, or at `address`.
inline Descriptor listening(int backlog = 16, const Address& address = Address::numeric("127.0.0.1", 0)) {
  Descriptor listener = tcp_socket();
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), backlog), "listen");
  return listener;
}

/// A socket connected to a listener, which need not have accepted.
inline Descriptor connected_to(const Descriptor& listener) {
  Descriptor client = tcp_socket();
  const Address server = local_address(listener.get());
  must(connect(client.get(), server.data(), *server.size()), "connect");
  return client;
}

inline Descriptor accepted(const Descriptor& listener) {
  return Descriptor(must(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

inline void say(const Descriptor& socket, const std::string& text) {
  ASSERT_EQ(send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// What one recv returns, as text; nothing when it failed.
inline std::optional<std::string> heard(const Descriptor& socket, std::size_t room = 4096, int flags = 0) {
  std::string text(room, '\0');
  const ssize_t count = recv(socket.get(), text.data(), room, flags);
  if (count < 0) return {};
  text.resize(static_cast<std::size_t>(count));
  return text;
}

/// A process that has loopback, and nobody else's sockets.
class Loopback : public testing::Test {
 protected:
  Loopback() {
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    const Descriptor any = tcp_socket();
    must(ioctl(any.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS lo");
  }

 private:
  NetworkNamespace world_ = NetworkNamespace::create();
  NetworkNamespace::Visit inside_ = world_.visit();
};

/// And one connection, whose ends are `client` and `server`.
class Connected : public Loopback {
 protected:
  Descriptor listener = listening();
  Descriptor client = connected_to(listener);
  Descriptor server = accepted(listener);
};

}  // namespace wirelab::claims
