#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/address.hh"
#include "grader/network/namespace.hh"

namespace wirelab {

/// An address with the length of its network's prefix: `10.5.0.1/24`, `fd00::1/64`.
struct InterfaceAddress {
  Address address;          ///< port 0
  unsigned prefix_length;   ///< bits

  /// Throws std::invalid_argument when `text` is not of that form.
  static InterfaceAddress parse(const std::string& text);
};

/// A machine on the lab's network: a network namespace with a name, `lo`, and an `ethN` for each cable.
/// Made by Network::host, plugged in by Network::link and Network::segment.
class Host {
 public:
  Host(std::string name, bool forwards);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] NetworkNamespace::Visit visit() const { return namespace_.visit(); }
  [[nodiscard]] const NetworkNamespace& network_namespace() const { return namespace_; }

  /// Every address given to the host so far, in the order they were given. Port 0.
  [[nodiscard]] const std::vector<InterfaceAddress>& addresses() const { return addresses_; }

  /// The host's first address, with this port. Throws std::logic_error when the host has none.
  [[nodiscard]] Address at(std::uint16_t port) const;

  /// A further address on an interface (`eth0`, `lo`). Usable at once: no duplicate address detection.
  Host& add_address(const std::string& interface, const std::string& address);

  /// Sends what has no nearer route by way of this gateway.
  Host& default_route(const std::string& gateway);

  /// Sends packets for `destination` ("10.9.0.0/24") by way of this gateway.
  Host& route(const std::string& destination, const std::string& gateway);

  /// The largest IP packet the interface sends, in bytes.
  Host& mtu(const std::string& interface, unsigned bytes);

  /// Sets a variable under /proc/sys/net for this host: `sysctl("ipv4/tcp_syncookies", "0")`.
  Host& sysctl(const std::string& name, const std::string& value);

 private:
  friend class Network;
  std::string name_;
  NetworkNamespace namespace_;
  std::vector<InterfaceAddress> addresses_;
  unsigned interfaces_ = 0;
};

}  // namespace wirelab
