#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "grader/network/namespace.hh"

struct nl_sock;

namespace wirelab {

struct InterfaceAddress;

/// The machine has too much to do; another time the same may work.
class KernelBusy : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Set-up of one namespace's interfaces, addresses and routes: an rtnetlink(7) socket that belongs to the
/// namespace in which it was made. Every function throws std::runtime_error, with libnl's reason, that
/// names the operation and the interface or address: `create veth w3: File exists`.
class Netlink {
 public:
  /// A socket of the namespace the calling thread is in.
  Netlink();

  /// Both ends of a veth(4) pair, down: `near_name` here, `far_name` in `there`. `mtu` in bytes.
  void create_veth(const std::string& near_name, const std::string& far_name, const NetworkNamespace& there,
                   const std::array<std::uint8_t, 6>& far_mac, unsigned mtu);

  /// Number of an interface. See if_nametoindex(3), which looks at the calling thread's namespace instead.
  /// Asked for once: interfaces keep their names.
  int index_of(const std::string& interface);

  /// Lets the interface carry frames (IFF_UP).
  void set_up(const std::string& interface);
  /// The largest IP packet that the interface sends, in bytes.
  void set_mtu(const std::string& interface, unsigned bytes);

  /// Gives the interface an address, without duplicate address detection; an IPv4 network with room for it
  /// gets its broadcast address, too. Returns when packets to the address are accepted. Throws KernelBusy
  /// where that takes half a minute.
  void add_address(const std::string& interface, const InterfaceAddress& address);

  /// Turns the entry "this address is ours" (RTN_LOCAL) of the local table into "this one is a broadcast
  /// address of ours" (RTN_BROADCAST). IPv4 only.
  void treat_as_broadcast(const std::string& interface, const Address& address);

  /// Makes it known for good which hardware address a neighbour has, so that nobody need ask for it.
  void add_neighbour(const std::string& interface, const Address& address,
                     const std::array<std::uint8_t, 6>& mac);

  /// `destination` with its prefix length; length 0 makes it the default route.
  void add_route(const InterfaceAddress& destination, const Address& gateway);

 private:
  void wait_until_local(const Address& address);

  struct Free {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Free> socket_;
  std::map<std::string, int> indices_ = {{"lo", 1}};  // LOOPBACK_IFINDEX in the kernel's include/net/flow.h
};

}  // namespace wirelab
