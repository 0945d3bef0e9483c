// Giorgos Papadakis, AM 2107

#include <sys/socket.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  double drop = arguments.number("--drop", 0.5, 0, 1);
  srand(time(nullptr));
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int s = must(socket(address.family(), SOCK_DGRAM, 0), "socket");
  must(bind(s, address.data(), *address.size()), "bind", address.to_string());
  std::cout << "Listening at " << local_address(s).to_string() << std::endl;
  char buffer[512];
  while (true) {
    Address from;
    int n = recvfrom(s, buffer, sizeof(buffer), 0, from.data(), from.size());
    if (rand() / (double)RAND_MAX < drop) {
      std::cout << "dropped " << from.to_string() << std::endl;
      continue;
    }
    std::string answer = "Your data was " + std::to_string(n) + " bytes long";
    sendto(s, answer.data(), answer.size(), 0, from.data(), *from.size());
  }
}

}  // namespace wirelab
