#include "grader/network/netlink.hh"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "grader/network/host.hh"

namespace wirelab {
namespace {

void check(int result, const std::string& operation, const std::string& object) {
  if (result < 0) throw std::runtime_error(operation + " " + object + ": " + nl_geterror(result));
}

template <typename Object, auto release>
struct Put {
  void operator()(Object* object) const { release(object); }
};
using Link = std::unique_ptr<rtnl_link, Put<rtnl_link, rtnl_link_put>>;
using Addr = std::unique_ptr<rtnl_addr, Put<rtnl_addr, rtnl_addr_put>>;
using Route = std::unique_ptr<rtnl_route, Put<rtnl_route, rtnl_route_put>>;
using Neighbour = std::unique_ptr<rtnl_neigh, Put<rtnl_neigh, rtnl_neigh_put>>;
using Raw = std::unique_ptr<nl_addr, Put<nl_addr, nl_addr_put>>;

Raw parse(const std::string& text, int family) {
  nl_addr* address = nullptr;
  check(nl_addr_parse(text.c_str(), family, &address), "parse address", text);
  return Raw(address);
}

}  // namespace

void Netlink::Free::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Netlink::Netlink() : socket_(nl_socket_alloc()) {
  if (!socket_) throw std::runtime_error("allocate netlink socket: out of memory");
  check(nl_connect(socket_.get(), NETLINK_ROUTE), "connect", "rtnetlink");
}

void Netlink::create_veth(const std::string& near_name, const std::string& far_name,
                          const NetworkNamespace& there, const std::array<std::uint8_t, 6>& far_mac,
                          unsigned mtu) {
  const Link near(rtnl_link_veth_alloc());
  if (!near) throw std::runtime_error("allocate veth " + near_name + ": out of memory");
  rtnl_link* far = rtnl_link_veth_get_peer(near.get());  // a reference of our own
  const Link far_owner(far);
  rtnl_link_set_name(near.get(), near_name.c_str());
  rtnl_link_set_mtu(near.get(), mtu);
  rtnl_link_set_name(far, far_name.c_str());
  rtnl_link_set_mtu(far, mtu);
  rtnl_link_set_ns_fd(far, there.fd());
  const Raw mac(nl_addr_build(AF_LLC, far_mac.data(), far_mac.size()));
  rtnl_link_set_addr(far, mac.get());
  // Without a number of queues the kernel makes one for each processor, and then takes all but one away
  // again. For that it waits, twice, until every processor has come by (synchronize_net), and so long nobody
  // on the machine can touch an interface or an address: many checks that began at once held each other up
  // for ten seconds.
  for (rtnl_link* end : {near.get(), far}) {
    rtnl_link_set_num_tx_queues(end, 1);
    rtnl_link_set_num_rx_queues(end, 1);
  }
  check(rtnl_link_add(socket_.get(), near.get(), NLM_F_CREATE | NLM_F_EXCL), "create veth", near_name);
}

int Netlink::index_of(const std::string& interface) {
  int& index = indices_[interface];
  if (index != 0) return index;
  rtnl_link* found = nullptr;
  check(rtnl_link_get_kernel(socket_.get(), 0, interface.c_str(), &found), "find interface", interface);
  const Link owner(found);
  return index = rtnl_link_get_ifindex(found);
}

void Netlink::set_up(const std::string& interface) {
  const Link old(rtnl_link_alloc());
  const Link change(rtnl_link_alloc());
  rtnl_link_set_ifindex(old.get(), index_of(interface));
  rtnl_link_set_flags(change.get(), IFF_UP);
  check(rtnl_link_change(socket_.get(), old.get(), change.get(), 0), "set up", interface);
}

void Netlink::set_mtu(const std::string& interface, unsigned bytes) {
  const Link old(rtnl_link_alloc());
  const Link change(rtnl_link_alloc());
  rtnl_link_set_ifindex(old.get(), index_of(interface));
  rtnl_link_set_mtu(change.get(), bytes);
  check(rtnl_link_change(socket_.get(), old.get(), change.get(), 0), "set MTU of", interface);
}

void Netlink::add_address(const std::string& interface, const InterfaceAddress& wanted) {
  const int family = wanted.address.family();
  const std::string text = wanted.address.host() + "/" + std::to_string(wanted.prefix_length);
  const Addr address(rtnl_addr_alloc());
  const Raw local = parse(text, family);
  rtnl_addr_set_ifindex(address.get(), index_of(interface));
  check(rtnl_addr_set_local(address.get(), local.get()), "set address", text);
  if (family == AF_INET6) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
  if (family == AF_INET && wanted.prefix_length < 31) {
    auto* v4 = reinterpret_cast<std::uint8_t*>(nl_addr_get_binary_addr(local.get()));
    std::array<std::uint8_t, 4> bytes{v4[0], v4[1], v4[2], v4[3]};
    for (unsigned bit = wanted.prefix_length; bit < 32; ++bit)
      bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
    const Raw broadcast(nl_addr_build(AF_INET, bytes.data(), bytes.size()));
    check(rtnl_addr_set_broadcast(address.get(), broadcast.get()), "set broadcast address of", text);
  }
  check(rtnl_addr_add(socket_.get(), address.get(), 0), "add address", text + " to " + interface);
  if (family == AF_INET6) wait_until_local(wanted.address);
}

/// Even without duplicate address detection the kernel puts the route to an own IPv6 address in later, on a
/// work queue; until then it throws away what comes for it.
void Netlink::wait_until_local(const Address& address) {
  const Raw own = parse(address.host(), AF_INET6);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    rtnl_route* found = nullptr;
    if (rtnl_route_lookup(socket_.get(), own.get(), &found) == 0) {
      const Route route(found);
      if (rtnl_route_get_type(found) == RTN_LOCAL) return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  throw KernelBusy("add address " + address.host() +
                   ": the machine's kernel does not make it usable in time");
}

void Netlink::treat_as_broadcast(const std::string& interface, const Address& address) {
  const std::string text = address.host() + "/32";
  const auto entry = [&](unsigned char type, unsigned char scope) {
    Route route(rtnl_route_alloc());
    const Raw to = parse(text, AF_INET);
    rtnl_route_set_table(route.get(), RT_TABLE_LOCAL);
    rtnl_route_set_type(route.get(), type);
    rtnl_route_set_scope(route.get(), scope);
    rtnl_route_set_protocol(route.get(), RTPROT_KERNEL);  // as the entry that came with the address
    check(rtnl_route_set_dst(route.get(), to.get()), "set destination", text);
    rtnl_nexthop* hop = rtnl_route_nh_alloc();  // owned by the route from here on
    rtnl_route_nh_set_ifindex(hop, index_of(interface));
    rtnl_route_add_nexthop(route.get(), hop);
    return route;
  };
  // First the new one: an address without either would be unreachable for a moment.
  check(rtnl_route_add(socket_.get(), entry(RTN_BROADCAST, RT_SCOPE_LINK).get(), NLM_F_CREATE | NLM_F_APPEND),
        "add broadcast route", text);
  check(rtnl_route_delete(socket_.get(), entry(RTN_LOCAL, RT_SCOPE_HOST).get(), 0), "delete local route",
        text);
}

void Netlink::add_neighbour(const std::string& interface, const Address& address,
                            const std::array<std::uint8_t, 6>& mac) {
  const Neighbour neighbour(rtnl_neigh_alloc());
  const Raw there = parse(address.host(), address.family());
  const Raw hardware(nl_addr_build(AF_LLC, mac.data(), mac.size()));
  rtnl_neigh_set_ifindex(neighbour.get(), index_of(interface));
  rtnl_neigh_set_dst(neighbour.get(), there.get());
  rtnl_neigh_set_lladdr(neighbour.get(), hardware.get());
  rtnl_neigh_set_state(neighbour.get(), NUD_PERMANENT);
  check(rtnl_neigh_add(socket_.get(), neighbour.get(), NLM_F_CREATE), "add neighbour",
        address.host() + " on " + interface);
}

void Netlink::add_route(const InterfaceAddress& destination, const Address& gateway) {
  const int family = gateway.family();
  const std::string text = destination.address.host() + "/" + std::to_string(destination.prefix_length);
  const Route route(rtnl_route_alloc());
  const Raw to = parse(text, family);
  const Raw via = parse(gateway.host(), family);
  check(rtnl_route_set_dst(route.get(), to.get()), "set destination", text);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();  // owned by the route from here on
  rtnl_route_nh_set_gateway(hop, via.get());
  rtnl_route_add_nexthop(route.get(), hop);
  check(rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE), "add route",
        text + " via " + gateway.host());
}

}  // namespace wirelab
