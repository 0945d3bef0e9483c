#include "grader/network/network.hh"

#include <array>
#include <atomic>
#include <cstdint>

namespace wirelab {
namespace {

/// Fixed, so that captures of two runs can be compared. Locally administered: the second bit of the first
/// byte.
std::array<std::uint8_t, 6> mac_address(unsigned interface) {
  return {
      0x02, 'w', 'i', 'r', static_cast<std::uint8_t>(interface >> 8), static_cast<std::uint8_t>(interface)};
}

/// One number for each cable end of the process: the kernel takes its time to remove those of an earlier
/// network.
unsigned next_cable_end() {
  static std::atomic<unsigned> last{0};
  return ++last;
}

}  // namespace

Network::Network() = default;

Network::~Network() { courier_.stop(); }

Segment& Network::link(Host& a, Host& b, Cable cable) { return segment({&a, &b}, std::move(cable)); }

Segment& Network::segment(const std::vector<Host*>& hosts, Cable cable) {
  if (cable.name.empty()) {
    for (const Host* host : hosts) cable.name += (cable.name.empty() ? "" : "-") + host->name();
  }
  Segment& made = segments_.emplace_back(cable.name, courier_);
  std::vector<Plug> plugs;
  for (Host* host : hosts) plugs.push_back(plug(*host, made, cable.mtu));
  introduce(plugs);
  courier_.serve(made);
  return made;
}

Network::Plug Network::plug(Host& host, Segment& into, unsigned mtu) {
  const unsigned number = next_cable_end();
  const std::string backstage_end = "w" + std::to_string(number);
  const std::string interface = host.prepare_interface();
  backstage_.create_veth(backstage_end, interface, host.network_namespace(), mac_address(number), mtu);
  host.do_not_offload(interface);
  // Ours first, so that the host's end is ready to send once it is up; and shortly before it, because an end
  // that is up alone costs the whole machine a synchronize_net (dev_deactivate in the kernel's
  // net/core/link_watch.c).
  backstage_.set_up(backstage_end);
  into.plug_in(host, std::make_unique<Port>(backstage_end, mtu));
  return {&host, interface, host.set_up_interface(interface), mac_address(number)};
}

void Network::introduce(const std::vector<Plug>& neighbours) {
  for (const Plug& one : neighbours) {
    for (const Plug& other : neighbours) {
      if (&one == &other) continue;
      for (const Address& address : other.addresses) {
        one.host->netlink_.add_neighbour(one.interface, address, other.mac);
      }
    }
  }
}

}  // namespace wirelab
