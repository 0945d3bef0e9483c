#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "grader/network/courier.hh"
#include "grader/network/host.hh"
#include "grader/network/segment.hh"

namespace wirelab {

/// The private network of one check, and the entrance to `grader/network/`.
///
/// Theory of operation. The process is root of a world of its own (enter_private_world). A Host is a further
/// network namespace. Each of its interfaces is one end of a veth(4) pair; the other end lies in the
/// process's first namespace, "backstage", where a Port reads and writes frames. A Segment joins ports: it
/// keeps the rules, decides what becomes of each frame and records it. One thread, the Courier, moves all
/// frames of the network; the thread of the check builds, adds rules and looks at captures, under the
/// courier's mutex. Programs and sockets live in hosts and know nothing of all this. Everything is gone when
/// the process is: namespaces live by their last user.
///
///     host "client"            backstage            host "server"
///       eth0 ===(veth)=== Port ─ Segment ─ Port ===(veth)=== eth0
class Network {
 public:
  /// The calling thread must be in a private world. Throws std::system_error, or std::runtime_error with
  /// libnl's reason.
  Network();
  /// Stops the courier. Hosts whose programs or sockets still live stay until those are gone.
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// A machine. Its first interface gets the first of these addresses when it is plugged in, and so on; one
  /// entry may name several, separated by spaces: `net.host("client", "10.5.0.1/24 fd00::1/64")`.
  template <std::convertible_to<std::string>... Addresses>
  Host& host(std::string name, Addresses... interface_addresses) {
    return hosts_.emplace_back(std::move(name), std::vector<std::string>{std::move(interface_addresses)...});
  }

  /// A machine that forwards packets between its interfaces.
  template <std::convertible_to<std::string>... Addresses>
  Host& router(std::string name, Addresses... interface_addresses) {
    return host(std::move(name), std::move(interface_addresses)...).forward();
  }

  /// How a cable is made.
  struct Cable {
    unsigned mtu = 1500;  ///< bytes of IP packet that every interface on it takes
    std::string name;     ///< for captures; made of the hosts' names when empty
  };

  /// A cable between two hosts. Each host gets its next interface, eth0
  /// first, and knows the hardware addresses of the others: the first datagram is on the cable when it is
  /// sent, not when address resolution has come to an end. (For addresses that come later, or do not exist,
  /// hosts resolve as usual.)
  Segment& link(Host& a, Host& b, Cable cable);
  /// The same, of 1,500 bytes.
  Segment& link(Host& a, Host& b) { return link(a, b, Cable{}); }
  /// A hub with any number of hosts, who are plugged in as `link` does it.
  Segment& segment(const std::vector<Host*>& hosts, Cable cable);
  /// The same, of 1,500 bytes.
  Segment& segment(const std::vector<Host*>& hosts) { return segment(hosts, Cable{}); }

  /// From now on nothing crosses any cable, and captures stay as they are.
  void stop() { courier_.stop(); }

  /// Hosts and routers, in the order they were made.
  [[nodiscard]] const std::deque<Host>& hosts() const { return hosts_; }
  /// Cables and hubs, in the order they were made.
  [[nodiscard]] const std::deque<Segment>& segments() const { return segments_; }

 private:
  /// A host's interface on a segment, for those who need to know of each other.
  struct Plug {
    Host* host;
    std::string interface;
    std::vector<Address> addresses;
    std::array<std::uint8_t, 6> mac;
  };
  Plug plug(Host& host, Segment& into, unsigned mtu);
  static void introduce(const std::vector<Plug>& neighbours);

  Netlink backstage_;
  Courier courier_;
  std::deque<Host> hosts_;
  std::deque<Segment> segments_;
};

}  // namespace wirelab
