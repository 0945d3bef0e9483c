// Daniel Kowalczyk
// NOT FINISHED, handed in 5 minutes before the deadline, sorry

#include <sys/socket.h>

#include <iostream>
#include <random>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  double drop = arguments.number("--drop", 0.5, 0, 1);
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  Descriptor sock(must(socket(address.family(), SOCK_DGRAM, 0), "socket"));
  must(bind(sock.get(), address.data(), *address.size()), "bind", address.to_string());

  char buffer[1024];
  for (;;) {
    Address from
    int n = recvfrom(sock.get(), buffer, sizeof(buffer), 0, from.data(), from.size());
    if (random_number() < drop) continue;
    std::string answer = "Your data was " + n + " bytes long";
    sendto(sock.get(), answer.c_str(), answer.length(), 0, from.data(), from.size());
  }
}

}  // namespace wirelab
