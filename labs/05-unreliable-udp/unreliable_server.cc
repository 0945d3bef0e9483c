#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "unreliable_udp.hh"

// The network loses datagrams when a queue is full or a frame is damaged, and tells nobody. This server loses
// them on purpose, so that the client has something to recover from, even on a cable that never fails.

namespace wirelab {

/// Decides which requests are lost. The same seed gives the same decisions, so that what went wrong once can
/// be looked at again.
class Dropper {
 public:
  /// `probability` is from 0 (never) to 1 (always).
  Dropper(double probability, std::uint64_t seed) : probability_(probability), engine_(seed) {}

  /// Whether to drop the next request.
  bool drops();

 private:
  double probability_;
  std::mt19937_64 engine_;
};

/// A number drawn evenly from [0, 1) is below P with probability P: never for 0, always for 1.
/// The engine's output is 64 random bits, the same everywhere for the same seed; the standard library's
/// distributions may turn them into other numbers on another machine. The upper 53 bits fit a double exactly:
/// times 2^-53 (0x1p-53) they are such a number.
bool Dropper::drops() {
  // TODO(05.2): draw a number from [0, 1) and compare it with probability_.
  todo("05.2", engine_, probability_);
}

/// The number that a request carries: `#7 ` of `#7 Hello`, or nothing of `Hello`. It is a `#`, one to ten
/// digits and a space, at the very beginning; the data of the request is what follows.
std::string_view number_of(std::string_view request) {
  // STRETCH(05.7): return the part of the request that is its number.
  return request.substr(0, 0);
}

/// What the server says to a request: the number it carried, and how long its data was.
std::string answer_to(std::string_view request) {
  const std::string_view number = number_of(request);
  const std::size_t length = request.size() - number.size();
  return std::string(number) + "Your data was " + std::to_string(length) + " bytes long";
}

/// A UDP socket that receives what is sent to this address; port 0 is any free port. A datagram socket needs
/// no listen and no accept: there are no connections. SO_REUSEADDR is not for UDP servers: on Linux it would
/// let a second server take over the port (socket(7)). Errors read `bind 10.5.0.2:1060: Address already in
/// use`. See socket(2), bind(2), udp(7).
Descriptor open_socket(const Address& address) {
  // TODO(05.1): make a UDP socket of the address's family and bind it to the address.
  todo("05.1", address);
}

/// Receives one request, and answers or drops it: recvfrom(2) waits for a datagram and tells who sent it,
/// sendto(2) sends one there. Prints one line that names the client and ends in what became of the request:
/// `5 bytes from 10.5.0.1:40213: answered`, or `... dropped`.
/// recvfrom may be interrupted by a signal (EINTR): then there was no request. When an answer cannot be sent
/// (a forged sender may have port 0, to which nothing can be sent), that is no reason to stop serving the
/// others.
void serve_one(int descriptor, Dropper& dropper) {
  static std::array<char, 65535> buffer;  // no datagram is larger: its length has 16 bits in UDP (RFC 768)
  // TODO(05.3): receive a request, ask the dropper, send answer_to(request) or not, and print the line.
  todo("05.3", descriptor, dropper, buffer, answer_to);
}

void run_server(const Arguments& arguments) {
  constexpr double largest_seed = 9007199254740992;  // 2^53: up to here a double holds every whole number
  const double probability = arguments.number("--drop", 0.5, 0, 1);
  const double seed = arguments.number("--seed", std::random_device()(), 0, largest_seed);
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();

  Dropper dropper(probability, static_cast<std::uint64_t>(seed));
  const Descriptor descriptor = open_socket(address);
  std::cout << "Listening at " << local_address(descriptor.get()).to_string() << std::endl;
  while (true) serve_one(descriptor.get(), dropper);
}

}  // namespace wirelab
