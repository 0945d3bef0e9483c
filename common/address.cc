#include "common/address.hh"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "common/error.hh"

namespace wirelab {
namespace {

const sockaddr_in& as_v4(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in*>(address); }
const sockaddr_in6& as_v6(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in6*>(address); }

/// The address that `host` writes out, or nothing when it is a name. See inet_pton(3).
std::optional<Address> parse(std::string_view host, std::uint16_t port) {
  const std::string text(host);
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return Address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return Address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return std::nullopt;
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t size) : size_(size) {
  std::memcpy(&storage_, address, std::min<std::size_t>(size, sizeof storage_));
}

Address Address::numeric(std::string_view host, std::uint16_t port) {
  if (const auto address = parse(host, port)) return *address;
  throw std::invalid_argument("address " + std::string(host) + ": neither IPv4 nor IPv6");
}

std::vector<Address> Address::resolve(const std::string& host, std::uint16_t port, int type) {
  // Every interface is 0.0.0.0 here: one family keeps the address that a server prints the one that was
  // asked.
  if (host.empty()) return {numeric("0.0.0.0", port)};
  // A number needs no resolver, and so works in a static program with no file of the C library at hand:
  // getaddrinfo loads nsswitch.conf(5) and its plug-ins when it looks up a name.
  if (const auto address = parse(host, port)) return {*address};

  addrinfo wanted{};
  wanted.ai_socktype = type;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) throw std::runtime_error("resolve " + host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);

  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    addresses.emplace_back(one->ai_addr, one->ai_addrlen);
  }
  return addresses;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(as_v4(data()).sin_port);
  if (family() == AF_INET6) return ntohs(as_v6(data()).sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address copy = *this;
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(copy.data())->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(copy.data())->sin6_port = htons(port);
  return copy;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &as_v4(data()).sin_addr, text, sizeof text);
    return text;
  }
  if (family() != AF_INET6) return "(no address)";
  inet_ntop(AF_INET6, &as_v6(data()).sin6_addr, text, sizeof text);
  std::string result = text;
  if (const auto scope = as_v6(data()).sin6_scope_id; scope != 0) {
    char name[IF_NAMESIZE] = "";
    result += '%';
    result += if_indextoname(scope, name) != nullptr ? std::string(name) : std::to_string(scope);
  }
  return result;
}

std::string Address::to_string() const {
  const std::string port_text = ":" + std::to_string(port());
  return family() == AF_INET6 ? "[" + host() + "]" + port_text : host() + port_text;
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (a.family() == AF_INET) return as_v4(a.data()).sin_addr.s_addr == as_v4(b.data()).sin_addr.s_addr;
  if (a.family() != AF_INET6) return true;
  const sockaddr_in6 &one = as_v6(a.data()), &other = as_v6(b.data());
  return IN6_ARE_ADDR_EQUAL(&one.sin6_addr, &other.sin6_addr) && one.sin6_scope_id == other.sin6_scope_id;
}

Address local_address(int fd) {
  Address address;
  must(getsockname(fd, address.data(), address.size()), "getsockname");
  return address;
}

Address peer_address(int fd) {
  Address address;
  must(getpeername(fd, address.data(), address.size()), "getpeername");
  return address;
}

}  // namespace wirelab
