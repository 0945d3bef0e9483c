#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

#include "packet_analysis.hh"

// The C library's own structures, filled by memcpy: no packet need lie at an even address.

namespace wirelab {
namespace {

template <typename Header>
bool load(Header& header, ByteSpan bytes) {
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return true;
}

Address endpoint(in_addr_t host, in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = host;
  address.sin_port = port;
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

}  // namespace

std::optional<Segment> read_segment(const Packet& packet) {
  ByteSpan rest = packet.bytes;
  ether_header ethernet;
  if (!load(ethernet, rest)) return {};
  rest = rest.subspan(sizeof ethernet);
  std::uint16_t type = ntohs(ethernet.ether_type);
  while (type == ETHERTYPE_VLAN || type == 0x88a8) {
    std::uint16_t tag[2];
    if (!load(tag, rest)) return {};
    type = ntohs(tag[1]);
    rest = rest.subspan(sizeof tag);
  }
  iphdr ip;
  if (type != ETHERTYPE_IP || !load(ip, rest)) return {};
  const std::size_t ip_size = ip.ihl * 4u, total = ntohs(ip.tot_len);
  if (ip.version != 4 || ip.ihl < 5 || total < ip_size || rest.size() < ip_size) return {};
  if (ip.protocol != IPPROTO_TCP || (ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK)) != 0) return {};
  rest = rest.first(std::min(rest.size(), total)).subspan(ip_size);

  tcphdr tcp;
  if (!load(tcp, rest) || tcp.doff < 5 || tcp.doff * 4u > total - ip_size) return {};
  Segment segment;
  segment.packet = packet.number;
  segment.time = packet.time;
  segment.source = endpoint(ip.saddr, tcp.source);
  segment.destination = endpoint(ip.daddr, tcp.dest);
  segment.sequence = ntohl(tcp.seq);
  segment.acknowledgment = ntohl(tcp.ack_seq);
  segment.flags = std::to_integer<std::uint8_t>(rest[13]);
  segment.window = ntohs(tcp.window);
  segment.length = static_cast<std::uint32_t>(total - ip_size - tcp.doff * 4u);

  const auto* option = reinterpret_cast<const unsigned char*>(rest.data()) + sizeof tcp;
  const auto* end =
      reinterpret_cast<const unsigned char*>(rest.data()) + std::min<std::size_t>(rest.size(), tcp.doff * 4u);
  while (option < end && *option != TCPOPT_EOL) {
    if (*option == TCPOPT_NOP) {
      ++option;
      continue;
    }
    if (end - option < 2 || option[1] < 2 || option[1] > end - option) break;
    if (*option == TCPOPT_MAXSEG && option[1] == 4)
      segment.mss = static_cast<std::uint16_t>(option[2] * 256 + option[3]);
    if (*option == TCPOPT_WINDOW && option[1] == 3) segment.scale = std::min<unsigned char>(option[2], 14);
    option += option[1];
  }
  return segment;
}

}  // namespace wirelab
