// Giorgos Papadakis, AM 2107
// reads the whole message of the client until end of file, then sends it back

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

static std::string read_message(int fd) {
  std::string message;
  char c;
  while (recv(fd, &c, 1, 0) > 0) {    // one byte at a time, so that I lose nothing
    message += c;
    if (c == '\n') break;             // end of the message
  }
  return message;
}

void run_server(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int s = must(socket(address.family(), SOCK_STREAM, 0), "socket");
  must(bind(s, address.data(), *address.size()), "bind", address.to_string());
  must(listen(s, 1), "listen");
  std::cout << "Listening at " << local_address(s).to_string() << std::endl;
  while (true) {
    int c = must(accept(s, nullptr, nullptr), "accept");
    std::string message = read_message(c);
    send(c, message.data(), message.size(), 0);
    close(c);
  }
}

}  // namespace wirelab
