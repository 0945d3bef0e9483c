// Giorgos Papadakis, AM 2107

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int s = must(socket(address.family(), SOCK_STREAM, 0), "socket");
  must(connect(s, address.data(), *address.size()), "connect", address.to_string());

  std::string message, line;
  if (arguments.words.empty())
    while (std::getline(std::cin, line)) message += line + "\n";
  for (const auto& w : arguments.words) message += w + "\n";
  send(s, message.data(), message.size(), 0);

  // print until the server closes the connection
  char buffer[100];
  while (true) {
    int n = recv(s, buffer, sizeof(buffer), 0);
    if (n > 0) std::cout.write(buffer, n).flush();
  }
}

}  // namespace wirelab
