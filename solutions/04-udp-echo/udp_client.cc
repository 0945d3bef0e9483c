#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "udp_echo.hh"

// The client talks to one server, and lets the kernel know: its socket is connected. The kernel then keeps
// everybody else away and tells it when nobody is there. Against silence there is only a clock.

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;  // never set back or forth, as the time of day may be
using Seconds = std::chrono::duration<double>;

/// A connected UDP socket. connect(2) sends nothing here: it tells the kernel whom we talk to, and gives the
/// socket a local address and port. From then on only datagrams from exactly that address and port are ours;
/// to all others the kernel answers as if the port were closed (ICMP port unreachable). And when the server's
/// host answers so to us, the next call on the socket fails with ECONNREFUSED; a socket that is not connected
/// hears nothing of it (udp(7)). Errors read `connect 10.4.0.2:1060: Network is unreachable`.
Descriptor open_connected(const Address& server) {
  // TODO(04.6): make a UDP socket of the server's family and connect it to the server.
  Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  return descriptor;
}

/// Sends one datagram on a connected socket. A signal may interrupt the call before anything is sent (EINTR):
/// then it is repeated. Errors read `send to 10.4.0.2:1060: Message too long`.
void send_whole(int descriptor, const Address& server, const std::string& message) {
  // TODO(04.7): send the message as one datagram.
  while (send(descriptor, message.data(), message.size(), 0) < 0) {
    if (errno != EINTR) throw_errno("send to", server.to_string());
  }
}

/// Waits for a datagram on a connected socket, not longer than until `deadline`; nothing when none came.
/// poll(2) waits for a span of time, not until a moment, and a signal can interrupt it (EINTR), so the span
/// that is left is worked out anew each time, and rounded up to whole milliseconds. That poll reports a
/// datagram does not promise that recv finds one (BUGS in select(2)), so recv is not to wait (MSG_DONTWAIT);
/// EAGAIN and EINTR mean: go on waiting. An empty datagram is an answer like any other. Errors read `receive
/// from 10.4.0.2:1060: Connection refused`.
std::optional<std::string> receive_until(int descriptor, const Address& server, Clock::time_point deadline) {
  std::string datagram(Message::largest, '\0');
  // TODO(04.8): wait with poll until the deadline for a datagram and return it; else return std::nullopt.
  while (true) {
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    pollfd watched{descriptor, POLLIN, 0};
    const int ready =
        poll(&watched, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    if (ready == 0) return std::nullopt;
    if (ready < 0 && errno == EINTR) continue;
    must(ready, "poll");
    const ssize_t length = recv(descriptor, datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (length >= 0) return datagram.substr(0, static_cast<std::size_t>(length));
    if (errno != EAGAIN && errno != EINTR) throw_errno("receive from", server.to_string());
  }
}

}  // namespace

void run_client(const Arguments& arguments) {
  if (arguments.words.empty()) throw UsageError("MESSAGE is missing");
  const Seconds limit(arguments.number("--timeout", 2, 0.01, 3600));
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();

  const Descriptor descriptor = open_connected(server);
  send_whole(descriptor.get(), server, arguments.words.front());
  const auto deadline = Clock::now() + std::chrono::ceil<Clock::duration>(limit);
  if (const auto answer = receive_until(descriptor.get(), server, deadline)) {
    std::cout << *answer << std::endl;
    return;
  }
  std::ostringstream reason;
  reason << "receive from " << server.to_string() << ": no answer within " << limit.count() << " s";
  throw std::runtime_error(reason.str());
}

}  // namespace wirelab
