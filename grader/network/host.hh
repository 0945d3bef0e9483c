#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/address.hh"
#include "grader/network/namespace.hh"
#include "grader/network/netlink.hh"

namespace wirelab {

/// An address with the length of its network's prefix: `10.5.0.1/24`, `fd00::1/64`.
struct InterfaceAddress {
  Address address;         ///< port 0
  unsigned prefix_length;  ///< bits

  /// Reads `10.5.0.1/24`. Throws std::invalid_argument when `text` is not of that form.
  static InterfaceAddress parse(const std::string& text);
};

/// A machine on the lab's network: a network namespace with a name, `lo`, and an `ethN` for each cable.
/// Made by Network::host and Network::router, plugged in by Network::link and Network::segment.
class Host {
 public:
  /// `interface_addresses`: for each interface, in the order of plugging in, the addresses it gets, separated
  /// by spaces: {"10.5.0.1/24 fd00::1/64", "10.6.0.1/24"}.
  Host(std::string name, std::vector<std::string> interface_addresses);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// As it was given: in messages, and in captures' descriptions.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// The calling thread is on this host for the life of the guard: see NetworkNamespace::Visit.
  [[nodiscard]] NetworkNamespace::Visit visit() const { return namespace_.visit(); }
  /// The namespace that the host is, for programs to be started in.
  [[nodiscard]] const NetworkNamespace& network_namespace() const { return namespace_; }

  /// Every address that an interface has, in the order they were given. Port 0.
  [[nodiscard]] const std::vector<Address>& addresses() const { return addresses_; }

  /// Whether this host has the address; the port does not matter.
  [[nodiscard]] bool has(const Address& address) const;

  /// The host's first address, with this port. Throws std::logic_error when the host has none.
  [[nodiscard]] Address at(std::uint16_t port) const;

  /// A further address on an interface (`eth0`, `lo`), usable at once: no duplicate address detection.
  Host& add_address(const std::string& interface, const std::string& address);

  /// Sends what has no nearer route by way of this gateway.
  Host& default_route(const std::string& gateway);

  /// Sends packets for `destination` ("10.9.0.0/24") by way of this gateway.
  Host& route(const std::string& destination, const std::string& gateway);

  /// Sets the largest IP packet the interface sends, in bytes; at most the MTU of its cable.
  Host& mtu(const std::string& interface, unsigned bytes);

  /// Passes on packets that are for others: what makes a host a router.
  Host& forward();

  /// From now on the kernel's own TCP says nothing on this host: above all it sends no RST to segments of
  /// connections that it does not know, because a program speaks TCP over a raw socket. Raw and packet
  /// sockets send and receive as before. For the IPv4 addresses of a host with one cable, after it was
  /// plugged in.
  ///
  /// How: the kernel is told that the addresses are broadcast addresses. Segments to those are not to be
  /// answered (RFC 1122, section 4.2.3.10): tcp_v4_send_reset in Linux's net/ipv4/tcp_ipv4.c first looks
  /// whether its route is of type RTN_LOCAL. Nothing need be dropped on the cable: an RST seen there is the
  /// program's.
  Host& hush_tcp();

  /// Sets a variable under /proc/sys/net for this host: `sysctl("ipv4/ip_default_ttl", "3")`.
  Host& sysctl(const std::string& name, const std::string& value);

 private:
  friend class Network;

  /// Before the next interface is made: whether it will speak IPv6. Returns its name.
  std::string prepare_interface();

  /// The host's kernel cuts segments and computes checksums itself. For an interface that is still down.
  void do_not_offload(const std::string& interface);

  /// Up, with its addresses, which are returned.
  std::vector<Address> set_up_interface(const std::string& interface);

  std::string name_;
  std::vector<std::string> interface_addresses_;
  NetworkNamespace namespace_;
  Netlink netlink_;
  std::vector<Address> addresses_;
  unsigned interfaces_ = 0;
  std::set<std::string> speak_ipv6_;  // only interfaces with an IPv6 address: no chatter in other captures
};

}  // namespace wirelab
