#include "grader/network/host.hh"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "common/error.hh"

namespace wirelab {
namespace {

void write_sysctl(const std::string& name, const std::string& value) {
  const std::string path = "/proc/sys/net/" + name;
  const Descriptor file(must(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open", path));
  must(write(file.get(), value.data(), value.size()), "write", path);
}

/// veth leaves checksums and segmentation "to the hardware", which here is the grader: frames would cross the
/// cable with wrong sums and sixty kilobytes long. Segments are cut for an interface that cannot sum them
/// (netif_skb_features in the kernel's net/core/dev.c), so this one switch is enough.
void do_not_offload(const std::string& interface) {
  const Descriptor fd(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  must(ioctl(fd.get(), SIOCETHTOOL, &request), "switch off offloading of", interface);
}

NetworkNamespace quiet_namespace() {
  NetworkNamespace made = NetworkNamespace::create();
  const auto inside = made.visit();
  // Addresses are usable without the seconds of duplicate address detection, and nobody asks for routers.
  write_sysctl("ipv6/conf/default/accept_dad", "0");
  write_sysctl("ipv6/conf/default/router_solicitations", "0");
  // The kernel throttles the ICMP errors it sends, and a check would miss them at random: icmp(7).
  // Without the mask there is a limit besides, which on older kernels the whole machine shares.
  write_sysctl("ipv4/icmp_ratelimit", "0");
  write_sysctl("ipv4/icmp_ratemask", "0");
  write_sysctl("ipv6/icmp/ratelimit", "0");
  // What one connection may have on its way fits the buffer of a Port (425 kB at the usual
  // net.core.rmem_max).
  write_sysctl("ipv4/tcp_wmem", "4096 16384 262144");
  write_sysctl("ipv4/tcp_rmem", "4096 131072 262144");
  return made;
}

Netlink netlink_of(const NetworkNamespace& there) {
  const auto inside = there.visit();
  return Netlink();
}

}  // namespace

InterfaceAddress InterfaceAddress::parse(const std::string& text) {
  const auto slash = text.find('/');
  unsigned length = 0;
  if (slash == std::string::npos)
    throw std::invalid_argument("address " + text + ": a prefix length is missing");
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, length);
  const Address address = Address::numeric(text.substr(0, slash), 0);
  if (error != std::errc{} || stop != end || length > (address.family() == AF_INET ? 32u : 128u)) {
    throw std::invalid_argument("address " + text + ": wrong prefix length");
  }
  return {address, length};
}

Host::Host(std::string name, std::vector<std::string> interface_addresses)
    : name_(std::move(name)),
      interface_addresses_(std::move(interface_addresses)),
      namespace_(quiet_namespace()),
      netlink_(netlink_of(namespace_)) {
  netlink_.set_up("lo");
}

bool Host::has(const Address& address) const {
  return std::ranges::any_of(addresses_, [&](const Address& own) { return own == address.with_port(0); });
}

Address Host::at(std::uint16_t port) const {
  if (addresses_.empty()) throw std::logic_error("host " + name_ + " has no address yet: plug it in first");
  return addresses_.front().with_port(port);
}

Host& Host::add_address(const std::string& interface, const std::string& text) {
  const InterfaceAddress wanted = InterfaceAddress::parse(text);
  if (wanted.address.family() == AF_INET6 && interface != "lo" && !speak_ipv6_.contains(interface)) {
    sysctl("ipv6/conf/" + interface + "/disable_ipv6", "0");
    speak_ipv6_.insert(interface);
  }
  netlink_.add_address(interface, wanted);
  addresses_.push_back(wanted.address);
  return *this;
}

Host& Host::default_route(const std::string& gateway) {
  const Address via = Address::numeric(gateway, 0);
  netlink_.add_route({Address::numeric(via.family() == AF_INET ? "0.0.0.0" : "::", 0), 0}, via);
  return *this;
}

Host& Host::route(const std::string& destination, const std::string& gateway) {
  netlink_.add_route(InterfaceAddress::parse(destination), Address::numeric(gateway, 0));
  return *this;
}

Host& Host::mtu(const std::string& interface, unsigned bytes) {
  netlink_.set_mtu(interface, bytes);
  return *this;
}

Host& Host::forward() {
  sysctl("ipv4/ip_forward", "1");
  sysctl("ipv6/conf/all/forwarding", "1");
  return *this;
}

Host& Host::hush_tcp() {
  if (interfaces_ != 1) throw std::logic_error("host " + name_ + ": not plugged in, or more than once");
  for (const Address& address : addresses_) {
    if (address.family() == AF_INET) netlink_.treat_as_broadcast("eth0", address);
  }
  return *this;
}

Host& Host::sysctl(const std::string& name, const std::string& value) {
  const auto inside = visit();
  write_sysctl(name, value);
  return *this;
}

std::string Host::prepare_interface() {
  std::string interface = "eth" + std::to_string(interfaces_);
  const bool ipv6 = interfaces_ < interface_addresses_.size() &&
                    interface_addresses_[interfaces_].find(':') != std::string::npos;
  sysctl("ipv6/conf/default/disable_ipv6", ipv6 ? "0" : "1");
  if (ipv6) speak_ipv6_.insert(interface);
  return interface;
}

void Host::do_not_offload(const std::string& interface) {
  const auto inside = visit();
  wirelab::do_not_offload(interface);
}

std::vector<Address> Host::set_up_interface(const std::string& interface) {
  netlink_.set_up(interface);
  const std::size_t before = addresses_.size();
  if (interfaces_ < interface_addresses_.size()) {
    std::istringstream list(interface_addresses_[interfaces_]);
    for (std::string address; list >> address;) add_address(interface, address);
  }
  ++interfaces_;
  return {addresses_.begin() + static_cast<std::ptrdiff_t>(before), addresses_.end()};
}

}  // namespace wirelab
