// Daniel Kowalczyk
// Echo client: send everything, then read everything

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <sstream>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor sock(must(socket(address.family(), SOCK_STREAM, 0), "socket"));
  must(connect(sock.get(), address.data(), *address.size()), "connect", address.to_string());

  std::string message;
  if (arguments.words.empty()) {
    std::stringstream everything;
    everything << std::cin.rdbuf();
    message = everything.str();
  } else {
    for (size_t i = 0; i < arguments.words.size(); ++i) {
      if (i > 0) message += ' ';
      message += arguments.words[i];
    }
  }
  must(send(sock.get(), message.data(), message.size(), 0), "send");
  shutdown(sock.get(), SHUT_WR);

  char buffer[1024];
  int n;
  while ((n = recv(sock.get(), buffer, sizeof(buffer), 0)) > 0) {
    std::cout << std::string(buffer, n);
  }
  std::cout << std::flush;
}

}  // namespace wirelab
