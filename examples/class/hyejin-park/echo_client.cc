// Park Hye-jin
// Lab 3: echo client

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
  int fd = must(socket(address.family(), SOCK_STREAM, 0), "socket");
  must(connect(fd, address.data(), *address.size()), "connect", address.to_string());

  std::string data;
  if (arguments.words.empty()) {
    char c;
    while (std::cin.get(c)) data += c;
  } else {
    data = arguments.words[0];
    for (size_t i = 1; i < arguments.words.size(); i++) data += " " + arguments.words[i];
  }

  size_t sent = 0, received = 0;
  char buffer[4096];
  while (received < data.size()) {
    if (sent < data.size()) {
      size_t part = std::min<size_t>(1000, data.size() - sent);
      sent += must(send(fd, data.data() + sent, part, 0), "send");
    }
    ssize_t n = must(recv(fd, buffer, sizeof(buffer), 0), "recv");
    if (n == 0) {
      std::cerr << "connection ended early" << std::endl;
      _exit(1);
    }
    std::cout.write(buffer, n);
    received += n;
  }
  std::cout.flush();
  shutdown(fd, SHUT_WR);
}

}  // namespace wirelab
