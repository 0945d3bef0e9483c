#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/error.hh"
#include "common/todo.hh"
#include "ipv6.hh"

// What a program of two families has to know about addresses: how they are written, and how a name becomes a
// list of them.

namespace wirelab {

/// An IPv6 address as it is written: eight numbers of 16 bits.
using Groups = std::array<unsigned, 8>;

/// `length` groups from `begin` on; a length of 0 is none.
struct Run {
  std::size_t begin = 0;
  std::size_t length = 0;
};

/// The run of zero groups that `::` stands for (RFC 5952, section 4.2): the longest; of several that are
/// equally long the first; and none that is a single group.
Run run_to_shorten(const Groups& groups) {
  // TODO(10.1): return the first of the longest runs of zeros, or an empty one when that is shorter than two.
  todo("10.1", groups);
}

/// RFC 5952, section 4: the groups in hexadecimal, lower case, without leading zeros, with colons between
/// them, and `::` in place of the run of zeros. The bytes of an address are in network order: the first is
/// the upper half of the first group. Mind the runs at either end: `::1`, `fd00::`, `::`.
std::string host_text(const in6_addr& address) {
  // TODO(10.2): make the eight groups of address.s6_addr, find the run to shorten, and write the text.
  todo("10.2", address, run_to_shorten);
}

/// The four bytes are in network order as well. See inet_ntop(3).
std::string host_text(const in_addr& address) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

/// Address and port in one: `10.10.0.2:1060`, and `[fd00::1]:1060` with brackets, as an IPv6 address has
/// colons of its own (RFC 5952, section 6). On an IPv6 socket that serves IPv4 as well, an IPv4 address comes
/// in the last four bytes of ::ffff:0:0/96 (RFC 4291, section 2.5.5.2; IN6_IS_ADDR_V4MAPPED); people know it
/// as the IPv4 address that it is. A link-local address means nothing without its interface, sin6_scope_id,
/// whose name follows behind a `%` (RFC 4007, section 11; if_indextoname(3)). Ports are in network order:
/// ntohs.
std::string to_text(const Endpoint& endpoint) {
  // TODO(10.3): write the endpoint as its family, a mapped address and a scope demand.
  todo("10.3", endpoint);
}

/// getaddrinfo(3) reads numbers and scopes of either family, asks for the addresses of a name, and sorts them
/// in the order in which they should be tried (RFC 6724): do not change it. What it returns is a list that
/// freeaddrinfo takes back. It does not set errno: it returns an error of its own kind, for gai_strerror.
/// Hints: any family (AF_UNSPEC), SOCK_STREAM or every address comes three times, and AI_NUMERICSERV, as the
/// port is a number.
std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  // TODO(10.4): ask getaddrinfo for the addresses of the host, and copy each with its length into the result.
  todo("10.4", host, port);
}

}  // namespace wirelab
