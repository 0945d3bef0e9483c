#pragma once

#include <gmock/gmock.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/network.hh"

// What the claims about datagrams (decks 04 to 07) have in common. A test plays both sides with sockets of
// its own.

namespace wirelab::claims {

/// How long a test waits for what must come: for ever, as far as a busy machine is concerned.
inline constexpr std::chrono::milliseconds patience = std::chrono::seconds(30);
/// And for what must not. Silence can be proved only so far; whatever breaks it here would come at once.
inline constexpr std::chrono::milliseconds a_while{150};

inline Address v4(const std::string& host, std::uint16_t port) { return Address::numeric(host, port); }

/// The loopback interface of the namespace in which the thread is comes up, as it does on every machine.
inline void bring_up_loopback() {
  const Descriptor any(must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  must(ioctl(any.get(), SIOCSIFFLAGS, &request), "set lo up");
}

/// A UDP socket of the host on which the thread is. Calls return what the system call does; errno stays.
class Udp {
 public:
  Udp() : fd_(must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")) {}
  explicit Udp(const Address& here) : Udp() {
    must(::bind(fd_.get(), here.data(), *here.size()), "bind", here.to_string());
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Address here() const { return local_address(fd_.get()); }
  int bind(const Address& here) const { return ::bind(fd_.get(), here.data(), *here.size()); }
  int connect(const Address& to) const { return ::connect(fd_.get(), to.data(), *to.size()); }

  int set(int level, int option, int value) const {
    return setsockopt(fd_.get(), level, option, &value, sizeof value);
  }

  ssize_t send(const std::string& text, const Address& to) const {
    return sendto(fd_.get(), text.data(), text.size(), 0, to.data(), *to.size());
  }
  ssize_t send(const std::string& text) const { return ::send(fd_.get(), text.data(), text.size(), 0); }

  /// Whether there is something to receive, a datagram or an error.
  [[nodiscard]] bool readable(std::chrono::milliseconds within = patience) const {
    pollfd watched{fd_.get(), POLLIN, 0};
    return poll(&watched, 1, static_cast<int>(within.count())) == 1;
  }

  /// The next datagram, or nothing: none came in time, or an error, which is left in errno.
  std::optional<std::string> receive(std::chrono::milliseconds within = patience,
                                     Address* from = nullptr) const {
    if (!readable(within)) {
      errno = ETIMEDOUT;
      return std::nullopt;
    }
    std::string text(65536, '\0');
    Address sender;
    const ssize_t count =
        recvfrom(fd_.get(), text.data(), text.size(), MSG_DONTWAIT, sender.data(), sender.size());
    if (count < 0) return std::nullopt;
    if (from != nullptr) *from = sender;
    text.resize(static_cast<std::size_t>(count));
    return text;
  }

  /// The error that is waiting for the next call; 0 when there is none.
  [[nodiscard]] int pending_error() const {
    int error = 0;
    socklen_t size = sizeof error;
    must(getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt SO_ERROR");
    return error;
  }

 private:
  Descriptor fd_;
};

/// A UDP socket on that host.
inline Udp udp_on(const Host& host) {
  const auto inside = host.visit();
  return {};
}
inline Udp udp_on(const Host& host, const Address& here) {
  const auto inside = host.visit();
  return Udp(here);
}

/// A host with nothing but a loopback interface.
class Alone {
 public:
  Alone() { bring_up_loopback(); }

 private:
  NetworkNamespace namespace_ = NetworkNamespace::create();
  NetworkNamespace::Visit inside_ = namespace_.visit();
};

}  // namespace wirelab::claims
