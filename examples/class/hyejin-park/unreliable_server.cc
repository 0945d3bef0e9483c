// Park Hye-jin
// Lab 5: server

#include <sys/socket.h>

#include <iostream>
#include <random>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  double drop = arguments.number("--drop", 0.5, 0, 1);
  std::mt19937_64 engine(static_cast<uint64_t>(arguments.number("--seed", 1, 0, 9e15)));
  std::uniform_real_distribution<double> random(0, 1);
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int fd = must(socket(address.family(), SOCK_DGRAM, 0), "socket");
  must(bind(fd, address.data(), *address.size()), "bind", address.to_string());
  std::cout << "Listening at " << local_address(fd).to_string() << std::endl;

  char buffer[65535];
  while (true) {
    Address client;
    ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, client.data(), client.size());
    if (n < 0) continue;
    if (random(engine) < drop) {
      std::cout << n << " bytes from " << client.to_string() << ": dropped" << std::endl;
    } else {
      std::string answer = "Your data was " + std::to_string(n) + " bytes long";
      sendto(fd, answer.data(), answer.size(), 0, client.data(), *client.size());
      std::cout << n << " bytes from " << client.to_string() << ": answered" << std::endl;
    }
  }
}

}  // namespace wirelab
