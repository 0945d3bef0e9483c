// Lab 05's client on an unconnected socket: it compares the sender by itself, and IP_RECVERR brings it the
// ICMP errors. The waits are those of a timer, which is a descriptor like any other.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {
namespace {

Descriptor open_socket(const Address& server) {
  Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM, 0), "socket"));
  const int yes = 1;
  if (server.family() == AF_INET6) {
    must(setsockopt(descriptor.get(), IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof yes), "setsockopt");
  } else {
    must(setsockopt(descriptor.get(), IPPROTO_IP, IP_RECVERR, &yes, sizeof yes), "setsockopt");
  }
  return descriptor;
}

void start(const Descriptor& timer, long milliseconds) {
  itimerspec when{};
  when.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  must(timerfd_settime(timer.get(), 0, &when, nullptr), "timerfd_settime");
}

/// One datagram that waits already, if it is the server's.
bool take(const Descriptor& descriptor, const Address& server, std::string& answer) {
  std::vector<char> buffer(70000);
  Address from;
  const ssize_t count =
      recvfrom(descriptor.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, from.data(), from.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  must(count, "receive from", server.to_string());
  if (!(from == server)) return false;
  answer.assign(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

/// Whether the answer came before the timer.
bool wait(const Descriptor& descriptor, const Descriptor& timer, const Address& server, std::string& answer) {
  while (true) {
    pollfd watched[] = {{descriptor.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) throw_errno("poll");
    if (watched[0].revents != 0 && take(descriptor, server, answer)) return true;
    if (watched[0].revents == 0 && watched[1].revents != 0) return false;
  }
}

}  // namespace

void run_client(const Arguments& arguments) {
  const std::string request = arguments.words.empty() ? "Is anybody there?" : arguments.words.front();
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor = open_socket(server);
  const Descriptor timer(must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create"));

  std::string answer;
  for (const long milliseconds : {100, 200, 400, 800, 1600}) {
    while (sendto(descriptor.get(), request.data(), request.size(), 0, server.data(), *server.size()) < 0) {
      if (errno != EINTR) throw_errno("send to", server.to_string());
    }
    start(timer, milliseconds);
    if (wait(descriptor, timer, server, answer)) {
      std::cout << answer << std::endl;
      return;
    }
  }
  throw std::runtime_error("receive from " + server.to_string() + ": silence, the server seems to be down");
}

}  // namespace wirelab
