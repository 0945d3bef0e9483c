#include <sys/socket.h>

#include <array>
#include <iostream>
#include <string>
#include <string_view>

#include "common/error.hh"
#include "spoofed_reply.hh"

// Given: there is nothing to do in this file. This client is the victim. It asks one question and believes
// the first datagram that comes to its port. With --connected its kernel hands it only what has the server's
// address and port on it; but who put them there?

namespace wirelab {

void run_client(const Arguments& arguments) {
  const std::string question = arguments.words.empty() ? "Where is the bank?" : arguments.words.front();
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  if (arguments.has("--connected")) {
    must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  }
  must(sendto(descriptor.get(), question.data(), question.size(), 0, server.data(), *server.size()),
       "send to", server.to_string());

  static std::array<char, 65535> buffer;
  Address from;
  ssize_t count = -1;
  do {
    count = recvfrom(descriptor.get(), buffer.data(), buffer.size(), 0, from.data(), from.size());
  } while (count < 0 && errno == EINTR);
  must(count, "receive from", server.to_string());
  std::cout << from.to_string()
            << " says: " << std::string_view(buffer.data(), static_cast<std::size_t>(count)) << std::endl;
}

}  // namespace wirelab
