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
  Run longest;
  for (std::size_t begin = 0; begin < groups.size();) {
    std::size_t end = begin;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - begin > longest.length) longest = {begin, end - begin};
    begin = end + 1;
  }
  return longest.length >= 2 ? longest : Run{};
}

/// RFC 5952, section 4: the groups in hexadecimal, lower case, without leading zeros, with colons between
/// them, and `::` in place of the run of zeros. The bytes of an address are in network order: the first is
/// the upper half of the first group. Mind the runs at either end: `::1`, `fd00::`, `::`.
std::string host_text(const in6_addr& address) {
  // TODO(10.2): make the eight groups of address.s6_addr, find the run to shorten, and write the text.
  Groups groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<unsigned>(address.s6_addr[2 * i] << 8 | address.s6_addr[2 * i + 1]);
  }
  const Run run = run_to_shorten(groups);
  std::ostringstream text;
  text << std::hex;
  for (std::size_t i = 0; i < groups.size();) {
    if (run.length > 0 && i == run.begin) {
      text << "::";
      i += run.length;
    } else {
      const bool after_run = run.length > 0 && i == run.begin + run.length;
      text << (i == 0 || after_run ? "" : ":") << groups[i];
      ++i;
    }
  }
  return text.str();
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
  if (endpoint.family() == AF_INET) {
    return host_text(endpoint.v4().sin_addr) + ":" + std::to_string(ntohs(endpoint.v4().sin_port));
  }
  const sockaddr_in6& v6 = endpoint.v6();
  const std::string port = ":" + std::to_string(ntohs(v6.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    in_addr v4{};
    std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof v4);
    return host_text(v4) + port;
  }
  std::string scope;
  if (char name[IF_NAMESIZE]; v6.sin6_scope_id != 0 && if_indextoname(v6.sin6_scope_id, name) != nullptr) {
    scope = std::string("%") + name;
  }
  return "[" + host_text(v6.sin6_addr) + scope + "]" + port;
}

/// getaddrinfo(3) reads numbers and scopes of either family, asks for the addresses of a name, and sorts them
/// in the order in which they should be tried (RFC 6724): do not change it. What it returns is a list that
/// freeaddrinfo takes back. It does not set errno: it returns an error of its own kind, for gai_strerror.
/// Hints: any family (AF_UNSPEC), SOCK_STREAM or every address comes three times, and AI_NUMERICSERV, as the
/// port is a number.
std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  // TODO(10.4): ask getaddrinfo for the addresses of the host, and copy each with its length into the result.
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) throw std::runtime_error("resolve " + host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);

  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Endpoint& endpoint = endpoints.emplace_back();
    std::memcpy(&endpoint.storage, one->ai_addr, one->ai_addrlen);
    endpoint.size = one->ai_addrlen;
  }
  return endpoints;
}

}  // namespace wirelab
