// Lab 03 with blocking calls and a thread for each connection. Backpressure comes by itself: a thread that
// waits in send does not receive.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {
namespace {

/// One write per line, so that the lines of several threads do not mix.
void report(const std::string& line) { (std::cout << line + "\n").flush(); }

bool send_all(int socket, const char* bytes, ssize_t length) {
  while (length > 0) {
    const ssize_t sent = send(socket, bytes, static_cast<std::size_t>(length), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) bytes += sent, length -= sent;
  }
  return true;
}

void echo(Descriptor socket, std::string peer) {
  char bytes[16 << 10];
  while (true) {
    const ssize_t count = recv(socket.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || !send_all(socket.get(), bytes, count)) break;
  }
  report("Closed " + peer);
}

void serve(Descriptor socket, const Address& peer) {
  const int yes = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  report("Connection from " + peer.to_string());
  try {
    std::thread(echo, std::move(socket), peer.to_string()).detach();
  } catch (const std::system_error&) {
    report("No thread for " + peer.to_string());
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const Descriptor listener(must(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int yes = 1;
  must(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), SOMAXCONN), "listen", address.to_string());
  report("Listening at " + local_address(listener.get()).to_string());
  while (true) {
    Address peer;
    Descriptor client(accept(listener.get(), peer.data(), peer.size()));
    if (client) {
      serve(std::move(client), peer);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

}  // namespace wirelab
