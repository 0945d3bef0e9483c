// Lab 05's server with room for one byte of a request, of which it wants to know no more than the length, and
// with drops drawn as whole numbers.
#include <sys/socket.h>

#include <cstdint>
#include <iostream>
#include <random>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  constexpr std::uint32_t million = 1000000;
  const auto dropped_of_a_million =
      static_cast<std::uint32_t>(arguments.number("--drop", 0.5, 0, 1) * million + 0.5);
  std::minstd_rand engine(
      static_cast<std::uint32_t>(arguments.number("--seed", std::random_device()(), 0, 4294967295.0)));
  std::uniform_int_distribution<std::uint32_t> draw(0, million - 1);
  engine.discard(16);  // the first numbers of neighbouring seeds are alike

  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(address.family(), SOCK_DGRAM, 0), "socket"));
  must(bind(descriptor.get(), address.data(), *address.size()), "bind", address.to_string());
  std::cout << "Listening at " << local_address(descriptor.get()).to_string() << std::endl;

  while (true) {
    Address client;
    char bytes[1];  // MSG_TRUNC: the result is the datagram's own length, however little room there is
    const ssize_t count =
        recvfrom(descriptor.get(), bytes, sizeof bytes, MSG_TRUNC, client.data(), client.size());
    if (count < 0) continue;
    const bool drop = draw(engine) < dropped_of_a_million;
    const std::string answer = "Your data was " + std::to_string(count) + " bytes long";
    if (!drop) sendto(descriptor.get(), answer.data(), answer.size(), 0, client.data(), *client.size());
    std::cout << (drop ? "dropped " : "answered ") << count << " bytes from " << client.to_string()
              << std::endl;
  }
}

}  // namespace wirelab
