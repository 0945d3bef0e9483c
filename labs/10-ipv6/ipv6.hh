#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/lab_main.hh"

namespace wirelab {

/// One end of a connection: an address of either family, as the socket calls want it. A sockaddr_in has 16
/// bytes and a sockaddr_in6 28; a call that fills one in writes no more than it was given room for, and says
/// nothing about the rest. sockaddr_storage has room for any (RFC 3493, section 3.10).
struct Endpoint {
  sockaddr_storage storage{};                 ///< read it through the functions below
  socklen_t size = sizeof(sockaddr_storage);  ///< room for the kernel; then how much it filled in

  /// AF_INET or AF_INET6; AF_UNSPEC as long as nothing was filled in.
  [[nodiscard]] int family() const { return storage.ss_family; }
  /// For calls that read the address; with `size`.
  [[nodiscard]] const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
  /// For calls that fill it in; with `&size`.
  [[nodiscard]] sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage); }

  /// The same bytes by their true type; only for an endpoint of that family.
  [[nodiscard]] const sockaddr_in& v4() const { return *reinterpret_cast<const sockaddr_in*>(&storage); }
  /// Likewise, for AF_INET6.
  [[nodiscard]] const sockaddr_in6& v6() const { return *reinterpret_cast<const sockaddr_in6*>(&storage); }
  /// Likewise, to write to.
  [[nodiscard]] sockaddr_in6& v6() { return *reinterpret_cast<sockaddr_in6*>(&storage); }
};

/// The text of an IPv6 address, `2001:db8::1` (RFC 5952, section 4).
std::string host_text(const in6_addr& address);

/// `10.10.0.2:1060`, `[fd00::1]:1060`, `[fe80::1%eth0]:1060`; an IPv4-mapped address as the IPv4 address that
/// it is.
std::string to_text(const Endpoint& endpoint);

/// The endpoints of a name or a numeric address, in the order to try them. Never empty. Throws
/// std::runtime_error, `resolve nosuch.example: Name or service not known`. See getaddrinfo(3).
std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port);

/// `ipv6 server HOST`: sends back whatever its clients send, of either family. Runs until it is killed.
/// Throws std::system_error when it cannot bind.
void run_server(const Arguments& arguments);

/// `ipv6 client HOST MESSAGE`: sends the message to the first address that can be reached, and prints what
/// comes back. Throws when none can. Stretch: `--happy`, `--flow-label N`, as the handout says.
void run_client(const Arguments& arguments);

}  // namespace wirelab
