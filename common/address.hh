#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// The address of one end of a conversation: an IPv4 or IPv6 address with a port, as the socket calls want
/// it.
///
///     Address peer;                                              // empty, with room for either family
///     int fd = accept(listener, peer.data(), peer.size());       // the kernel fills it in
///     std::cout << "connection from " << peer.to_string() << std::endl;
class Address {
 public:
  /// An empty address with room for every family (sockaddr_storage), for the kernel to fill in.
  Address() = default;

  /// A copy of what the kernel or getaddrinfo gave; `size` is in bytes.
  Address(const sockaddr* address, socklen_t size);

  /// A numeric address: `Address::numeric("10.3.0.1", 1060)`, `Address::numeric("fd00::1", 1060)`.
  /// Throws std::invalid_argument when `host` is neither IPv4 nor IPv6 text (inet_pton(3)).
  static Address numeric(std::string_view host, std::uint16_t port);

  /// The addresses of a name or number, in the order to try them; the empty name is 0.0.0.0, every IPv4
  /// address of this machine (only for a socket that will be bound). `type` is SOCK_STREAM or SOCK_DGRAM.
  /// Never empty. Throws std::runtime_error, `resolve nosuch.example: Name or service not known`. See
  /// getaddrinfo(3).
  static std::vector<Address> resolve(const std::string& host, std::uint16_t port, int type);

  /// For calls that read the address: `bind(fd, address.data(), *address.size())`. Points into this object.
  [[nodiscard]] const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  /// Bytes of the address in use: what was given or filled in; the whole room of an empty one.
  [[nodiscard]] const socklen_t* size() const { return &size_; }

  /// For calls that fill the address in: `recvfrom(fd, buffer, length, 0, from.data(), from.size())`.
  sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage_); }
  /// Room for the kernel to fill in, and afterwards how much it has filled in, in bytes. An address that is
  /// filled in a second time has only as much room as the first left it: take a new one.
  socklen_t* size() { return &size_; }

  /// AF_INET or AF_INET6; AF_UNSPEC when nothing has been filled in. See socket(2).
  [[nodiscard]] int family() const { return storage_.ss_family; }

  /// The port in host byte order; 0 when the family has none.
  [[nodiscard]] std::uint16_t port() const;

  /// The same host with another port, in host byte order. An address that has no port comes back unchanged.
  [[nodiscard]] Address with_port(std::uint16_t port) const;

  /// The host as text, without brackets or port: `10.3.0.1`, `fd00::1`, `fe80::1%eth0` (a zone whose
  /// interface is not there by its number, RFC 4007, section 11). `(no address)` for other families.
  [[nodiscard]] std::string host() const;

  /// Host and port as people write them: `10.3.0.1:1060` or `[fd00::1]:1060` (RFC 5952, section 6).
  [[nodiscard]] std::string to_string() const;

  /// Same family, host and port.
  friend bool operator==(const Address& a, const Address& b);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = sizeof(sockaddr_storage);
};

/// The address a socket is bound to. Throws std::system_error. See getsockname(2).
Address local_address(int fd);

/// The address a socket is connected to. Throws std::system_error. See getpeername(2).
Address peer_address(int fd);

}  // namespace wirelab
