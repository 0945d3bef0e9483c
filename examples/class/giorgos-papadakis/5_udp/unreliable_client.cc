// Giorgos Papadakis, AM 2107

#include <sys/socket.h>

#include <ctime>
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

  bool answered = false;
  double delay = 0.1;
  while (!answered) {
    sendto(s, message.data(), message.size(), 0, address.data(), *address.size());
    clock_t start = clock();
    char buffer[512];
    // wait without blocking
    while ((clock() - start) / (double)CLOCKS_PER_SEC < delay) {
      int n = recv(s, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n > 0) {
        std::cout << std::string(buffer, n) << std::endl;
        answered = true;
        break;
      }
    }
    if (delay < 2) delay = delay * 2;
  }
}

}  // namespace wirelab
