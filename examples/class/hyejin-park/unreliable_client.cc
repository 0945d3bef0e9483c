// Park Hye-jin
// Lab 5: client. recv with MSG_DONTWAIT so that it does not block

#include <sys/socket.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int fd = must(socket(address.family(), SOCK_DGRAM, 0), "socket");
  must(connect(fd, address.data(), *address.size()), "connect", address.to_string());
  std::string message = arguments.words.empty() ? "hello" : arguments.words[0];

  char buffer[65535];
  for (double wait = 0.1; wait < 2; wait *= 2) {
    must(send(fd, message.data(), message.size(), 0), "send");
    auto start = std::chrono::steady_clock::now();
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < wait) {
      std::cout << "waiting for the answer ..." << std::endl;
      ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n >= 0) {
        std::cout << std::string(buffer, n) << std::endl;
        return;
      }
      if (errno != EAGAIN) throw_errno("recv", address.to_string());
    }
  }
  throw std::runtime_error("no answer, the server seems to be down");
}

}  // namespace wirelab
