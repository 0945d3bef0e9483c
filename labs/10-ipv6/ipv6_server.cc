#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "ipv6.hh"

// One socket can serve both families: an IPv6 socket that is not for IPv6 only takes IPv4 connections as
// well, and shows the IPv4 addresses of its clients as IPv4-mapped ones.

namespace wirelab {
namespace {

enum class Serves { one_family, both_families };

void set_option(int descriptor, int level, int option, int value) {
  must(setsockopt(descriptor, level, option, &value, sizeof value), "setsockopt");
}

}  // namespace

/// A TCP socket that listens at this endpoint. Whether an IPv6 socket takes IPv4 as well is told by
/// IPV6_V6ONLY, which has to be set before bind: what it is otherwise depends on the machine (ipv6(7);
/// /proc/sys/net/ipv6/bindv6only). SO_REUSEADDR lets the server come back at once on its port (socket(7)).
/// Errors read `bind [fd00::1]:1060: Address already in use`; when the machine has no IPv6 at all, socket
/// fails with EAFNOSUPPORT.
Descriptor open_listener(const Endpoint& at, Serves serves) {
  // TODO(10.5): make a TCP socket of the endpoint's family, set both options, bind, and listen.
  todo("10.5", at, serves, set_option);
}

/// Listens on every interface for both families: at `::`, on a socket that is not for IPv6 only. There are
/// machines without IPv6; there it is `0.0.0.0`. A std::system_error tells by its code() which error it was.
/// `::` is the address that netinet/in.h calls in6addr_any, and `0.0.0.0` INADDR_ANY: an Endpoint with either
/// comes from `resolve("::", port)`, which only reads a number. (With AI_ADDRCONFIG among its hints, which
/// 10.4 does not ask for, it would refuse `::` by itself on a machine without IPv6, and with another error.)
Descriptor listen_everywhere(std::uint16_t port) {
  // TODO(10.6): open a listener for both families, or where IPv6 is not supported one for IPv4.
  todo("10.6", port, open_listener);
}

/// Takes the next client, prints `Connection from [fd00::2]:40213`, and returns its socket. accept(2) fills
/// the client's address into an endpoint with room for either family, and needs to be told how much room
/// there is. A client that has gone already (ECONNABORTED) or a signal (EINTR) is no reason to end.
Descriptor accept_client(int listener) {
  // TODO(10.7): accept a connection together with the client's address, and print that.
  todo("10.7", listener);
}

/// Sends back everything until the client has finished sending, or is gone.
void echo(const Descriptor& connection) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = recv(connection.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t more =
          send(connection.get(), buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
      if (more < 0 && errno != EINTR) return;
      if (more > 0) sent += more;
    }
  }
}

void run_server(const Arguments& arguments) {
  const Descriptor listener =
      arguments.host.empty()
          ? listen_everywhere(arguments.port)
          : open_listener(resolve(arguments.host, arguments.port).front(), Serves::one_family);
  Endpoint here;
  must(getsockname(listener.get(), here.data(), &here.size), "getsockname");
  std::cout << "Listening at " << to_text(here) << std::endl;
  while (true) {
    // A thread for each client: lab 03 has other ways.
    std::thread([connection = accept_client(listener.get())] { echo(connection); }).detach();
  }
}

}  // namespace wirelab
