#include "socket_lifecycle.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"

// A socket is a file descriptor: a small number that stands for something the kernel keeps. It is born by
// socket(2) without any address, gets one when it connects, carries bytes both ways, can be closed in one
// direction alone, and dies when the last descriptor for it is closed. This program follows one socket from
// birth to death.

namespace wirelab {
namespace {

// ---- addresses
// ------------------------------------------------------------------------------------------------

/// An address as people write it: `10.1.0.2:40831`, or `[fd00::2]:40831` for IPv6 (RFC 5952, section 6).
///
/// `sockaddr_storage` has room for every family; `ss_family` says which structure it really is: sockaddr_in
/// for AF_INET, sockaddr_in6 for AF_INET6. In both the port is in network byte order, most significant byte
/// first. See inet_ntop(3), byteorder(3), ip(7), ipv6(7).
std::string to_text(const sockaddr_storage& address) {
  // TODO(01.1): turn host and port into text, for both families.
  todo("01.1", address);
}

/// What kind of port it is (RFC 6335, section 6): "system" from 0 to 1023, "user" from 1024 to 49151,
/// "dynamic" above.
std::string_view port_class(std::uint16_t port) {
  // TODO(01.2): compare the port with the borders.
  todo("01.2", port);
}

/// The address the socket has at this end. Before it is bound or connected that is 0.0.0.0:0 or [::]:0.
/// Throws std::system_error, `getsockname: ...`. See getsockname(2).
sockaddr_storage local_end(int fd) {
  // TODO(01.3): ask the kernel with getsockname.
  todo("01.3", fd);
}

// ---- the life of a socket
// -------------------------------------------------------------------------------------

/// A TCP socket of this family, AF_INET or AF_INET6. Its owner closes it, whichever way the program goes on
/// from here. Throws std::system_error, `socket: ...`. See socket(2), tcp(7).
Descriptor open_socket(int family) {
  // TODO(01.4): create the socket.
  todo("01.4", family);
}

/// Waits until a connection that is under way is there or has failed, for this long at most; returns what
/// became of it, an errno value, 0 for success. See connect(2) on EINPROGRESS, poll(2), socket(7) on
/// SO_ERROR.
int outcome_within(int fd, std::chrono::milliseconds limit) {
  // STRETCH(01.8): wait until the socket can be written to, and ask it for its error; ETIMEDOUT when time is
  // up.
  todo("01.8", fd, limit);
}

/// Connects, but gives up after so many seconds. The kernel itself would go on for two minutes (tcp(7),
/// tcp_syn_retries). Throws std::system_error, `connect 10.1.0.2:1060: Connection timed out`.
void connect_within(int fd, const Address& server, double seconds) {
  must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
  if (connect(fd, server.data(), *server.size()) < 0) {
    const std::chrono::milliseconds limit(static_cast<std::int64_t>(1000 * seconds));
    const int error = errno == EINPROGRESS ? outcome_within(fd, limit) : errno;
    if (error != 0) throw_errno("connect", server.to_string(), error);
  }
  must(fcntl(fd, F_SETFL, 0), "fcntl");
}

/// Connects; the kernel gives the socket an ephemeral port. Throws std::system_error,
/// `connect 10.1.0.2:1060: Connection refused`. See connect(2).
void connect_to(int fd, const Address& server) {
  // TODO(01.5): connect the socket to the server's address.
  todo("01.5", fd, server);
}

/// Sends every byte. One send(2) may take a part only, and says how much; a signal may interrupt it before
/// anything went (EINTR). A connection that is gone is an error, not a signal that ends the program:
/// MSG_NOSIGNAL. Throws std::system_error, `send: ...`. See send(2).
void send_all(int fd, std::string_view bytes) {
  // TODO(01.6): send until nothing is left.
  todo("01.6", fd, bytes);
}

/// Tells the server that no more will come from here (a FIN leaves), goes on receiving until the server has
/// finished too (recv returns 0), and returns how many bytes came. A signal may interrupt recv (EINTR): that
/// is no end. Throws std::system_error, `receive: Connection reset by peer`. See shutdown(2), recv(2).
std::uint64_t half_close_and_drain(int fd) {
  // TODO(01.7): shut down the sending direction, and receive until end of file.
  todo("01.7", fd);
}

std::string described(const sockaddr_storage& address) {
  const Address same(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return to_text(address) + " (" + std::string(port_class(same.port())) + " port)";
}

}  // namespace

void run_lifecycle(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor fd = open_socket(server.family());
  std::cout << "Socket: descriptor " << fd.get() << std::endl;
  std::cout << "Before connecting: " << to_text(local_end(fd.get())) << std::endl;

  if (arguments.has("--timeout")) {
    connect_within(fd.get(), server, arguments.number("--timeout", 0, 0.001, 3600));
  } else {
    connect_to(fd.get(), server);
  }
  std::cout << "Local address: " << described(local_end(fd.get())) << std::endl;
  std::cout << "Connected to: " << described(reinterpret_cast<const sockaddr_storage&>(*server.data()))
            << std::endl;

  const std::string line = (arguments.words.empty() ? "Hello, wire!" : arguments.words.front()) + "\n";
  send_all(fd.get(), line);
  std::cout << "Sent: " << line.size() << " bytes" << std::endl;
  std::cout << "Received: " << half_close_and_drain(fd.get()) << " bytes" << std::endl;
  fd.reset();
  std::cout << "Closed" << std::endl;
}

}  // namespace wirelab
