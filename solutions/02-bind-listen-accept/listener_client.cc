#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "listener.hh"

namespace wirelab {

/// A TCP socket connected to the server: connect(2) sends the SYN and returns when the handshake is done. It
/// needs no bind before: the kernel then chooses the address, and a port that is free.
/// Errors read `connect 10.2.0.1:1060: Connection refused`. See socket(2), connect(2).
Descriptor open_connection(const Address& server) {
  // TODO(02.5): make a TCP socket of the server's family and connect it.
  Descriptor connection(must(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(connection.get(), server.data(), *server.size()), "connect", server.to_string());
  return connection;
}

/// Prints what the server sends, exactly as it comes, until the server closes.
/// recv(2) returns as soon as anything is there, so a line may come in several pieces; it returns 0 when the
/// server has closed, and no sooner. With EINTR nothing has happened: call it again. Flush what you print.
/// Errors read `receive from 10.2.0.1:1060: Connection reset by peer`, and when the server closed before a
/// line was complete, `receive from 10.2.0.1:1060: connection closed before the end of the line`.
void print_answer(const Descriptor& connection, const std::string& server) {
  // TODO(02.6): receive and print until the end; throw when it failed, or ended without a newline.
  std::array<char, 512> buffer{};
  char last = 0;
  while (true) {
    const ssize_t count = recv(connection.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("receive from", server);
    if (count == 0) break;
    std::cout.write(buffer.data(), count).flush();
    last = buffer[static_cast<std::size_t>(count) - 1];
  }
  if (last != '\n')
    throw std::runtime_error("receive from " + server + ": connection closed before the end of the line");
}

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  print_answer(open_connection(server), server.to_string());
}

}  // namespace wirelab
