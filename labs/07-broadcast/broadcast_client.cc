#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "broadcast.hh"
#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"

// One datagram, and every neighbour hears it: the address says so. 255.255.255.255 is everybody on this
// cable, whatever network they think they are on; the last address of a network (10.7.0.255 of 10.7.0.0/24)
// is everybody on that network. Either way the frame goes to ff:ff:ff:ff:ff:ff, and no router passes it on.

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

/// The address where everybody on a network is reached (RFC 919, RFC 922). `network` is an address, which is
/// taken as it is (255.255.255.255, 10.7.0.255), or an address and the length of the network's prefix in bits
/// (10.7.3.0/24): then all bits after the prefix are one in the result (10.7.3.255). The address before the
/// slash may be any in the network. Throws UsageError when it is neither: no address, or a prefix longer than
/// 32 bits.
std::string broadcast_address(const std::string& network) {
  // TODO(07.3): set the bits after the prefix.
  todo("07.3", network);
}

/// A UDP socket that may send broadcasts; the kernel refuses that to a socket that did not ask for it, lest a
/// program bother everybody by accident. `permission` false leaves the permission out. `from`, if not empty,
/// is the address of this host to send from: that decides on which interface 255.255.255.255 leaves. Throws
/// std::system_error. See socket(7) on SO_BROADCAST, bind(2).
Descriptor open_sender(bool permission, const std::string& from) {
  // TODO(07.4): create the socket, ask for the permission, and bind it to `from`, port 0.
  todo("07.4", permission, from);
}

/// Sends one datagram. Throws std::system_error, `send to 10.7.0.255:1060: Permission denied`. See sendto(2).
void send_to(int fd, std::string_view message, const Address& everybody) {
  // TODO(07.5): send the message to everybody.
  todo("07.5", fd, message, everybody);
}

/// Collects answers until the deadline, however many datagrams come, and prints the address of each who
/// answers, once, as soon as the answer is there. An answer begins with `answer`; anything else is passed
/// over. Returns how many answered. Throws std::system_error. See poll(2), recvfrom(2).
std::size_t collect_answers(int fd, Clock::time_point deadline) {
  // STRETCH(07.7): receive until the deadline, and print each sender of an answer once.
  todo("07.7", fd, deadline);
}

std::string option(const Arguments& arguments, const std::string& name) {
  return arguments.has(name) ? arguments.options.at(name) : std::string();
}

Address everybody_on(const Arguments& arguments) {
  return Address::numeric(broadcast_address(arguments.host), arguments.port);
}

}  // namespace

void run_client(const Arguments& arguments) {
  const Address everybody = everybody_on(arguments);
  const Descriptor fd = open_sender(!arguments.has("--no-permission"), option(arguments, "--from"));
  const std::string message = arguments.words.empty() ? "Good morning, everybody!" : arguments.words.front();
  send_to(fd.get(), message, everybody);
  std::cout << "Sent " << message.size() << " bytes to " << everybody.to_string() << std::endl;
}

void run_discover(const Arguments& arguments) {
  const Address everybody = everybody_on(arguments);
  const std::chrono::duration<double> window(arguments.number("--window", 1, 0.001, 3600));
  const Descriptor fd = open_sender(true, option(arguments, "--from"));
  send_to(fd.get(), question, everybody);
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(window);
  if (collect_answers(fd.get(), deadline) == 0)
    throw std::runtime_error("discover " + everybody.to_string() + ": nobody answered");
}

}  // namespace wirelab
