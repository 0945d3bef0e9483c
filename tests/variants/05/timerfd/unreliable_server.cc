// Lab 05's server with recvmsg, and with the standard library's distribution for the drops.
#include <sys/socket.h>

#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  std::bernoulli_distribution drop(arguments.number("--drop", 0.5, 0, 1));
  std::mt19937 engine(
      static_cast<unsigned>(arguments.number("--seed", std::random_device()(), 0, 4294967295.0)));

  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(address.family(), SOCK_DGRAM, 0), "socket"));
  must(bind(descriptor.get(), address.data(), *address.size()), "bind", address.to_string());
  std::cout << "Listening at " << local_address(descriptor.get()).to_string() << std::endl;

  std::vector<char> buffer(70000);
  while (true) {
    Address client;
    iovec bytes{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = client.data();
    message.msg_namelen = *client.size();
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    const ssize_t count = recvmsg(descriptor.get(), &message, 0);
    if (count < 0 && errno == EINTR) continue;
    must(count, "receive");

    std::string fate = "dropped";
    if (!drop(engine)) {
      const std::string answer = "Your data was " + std::to_string(count) + " bytes long";
      const ssize_t sent =
          sendto(descriptor.get(), answer.data(), answer.size(), 0, client.data(), message.msg_namelen);
      fate = sent < 0 ? std::strerror(errno) : "answered";
    }
    std::cout << count << " bytes from " << client.to_string() << ": " << fate << std::endl;
  }
}

}  // namespace wirelab
