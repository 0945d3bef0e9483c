// Giorgos Papadakis, AM 2107

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int s = must(socket(address.family(), SOCK_DGRAM, 0), "socket");
  std::string message = arguments.words.empty() ? "hello" : arguments.words[0];

  double delay = 0.1;
  while (true) {
    sendto(s, message.data(), message.size(), 0, address.data(), *address.size());
    char buffer[512];
    int n = recv(s, buffer, sizeof(buffer), 0);
    if (n > 0) {
      std::cout << std::string(buffer, n) << std::endl;
      break;
    }
    // no answer: wait longer the next time
    usleep(delay * 1000000);
    if (delay < 2) delay = delay * 2;
  }
}

}  // namespace wirelab
