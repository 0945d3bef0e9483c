#include <sys/socket.h>

#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/todo.hh"
#include "mtu.hh"

// Two ways to find the path MTU. The first asks the kernel what it believes and lets a probe of that size
// confirm it; each router that disagrees corrects the kernel. The second believes nobody, because there are
// networks where the routers' reports are thrown away.

namespace wirelab {
namespace {

[[noreturn]] void give_up(const Address& host) {
  throw std::runtime_error("probe " + host.to_string() + ": no answer after " + std::to_string(most_tries) +
                           " tries");
}

}  // namespace

/// Path MTU discovery, RFC 1191. Only the arrival of a probe proves its size; what the kernel knows is
/// hearsay, and may be old. A probe that brought no news, or news that leaves known_mtu as it was, was a try:
/// after `most_tries` of one size it gives up. A known_mtu that is smaller than before is a new size, with
/// all its tries before it. It may also be larger than before: the kernel forgets reports after ten minutes,
/// and the first link may be set to another MTU. Then the next probe has that size, and the tries count on.
std::size_t discover(const Address& host) {
  Path path(host, Trust::reports);
  std::size_t mtu = path.known_mtu();
  // TODO(08.7): probe with what is known, until a probe arrives; return the MTU that it confirmed.
  todo("08.7", path, mtu);
}

/// Whether packets of this size get through. One that is lost says nothing about sizes, so silence counts
/// only after `most_tries` of them. A socket of its own for each size: what comes late, or twice, about
/// another size comes to another port.
bool fits(const Address& host, std::size_t size) {
  Path path(host, Trust::arrivals);
  // STRETCH(08.9): probe up to most_tries times; true once one arrived, false when they did not or it is too
  // large.
  todo("08.9", path, size);
}

/// Packetization-layer path MTU discovery, RFC 4821 and RFC 8899, as a search by halves. The smallest size
/// that every link takes must fit, or the host is not there at all. Sizes that are larger than the first link
/// cost nothing: the kernel refuses them.
std::size_t search(const Address& host) {
  std::size_t fitting = constants_of(host.family()).smallest;
  std::size_t too_large = largest_packet + 1;
  if (!fits(host, fitting)) give_up(host);
  // STRETCH(08.10): halve the range between the two until they are neighbours.
  todo("08.10", fitting, too_large);
  return fitting;
}

void run(const Arguments& arguments) {
  const Address host = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const std::size_t mtu = arguments.has("--search") ? search(host) : discover(host);
  std::cout << "Path MTU: " << mtu << std::endl;
}

}  // namespace wirelab
