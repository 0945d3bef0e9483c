#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// A field of a header, as its RFC draws it.
struct HeaderField {
  std::string name;   ///< for people: `Source address`
  unsigned bits = 0;  ///< how wide it is
  std::string value;  ///< as people write it: `10.5.0.1`, `echo request (8)`
};

/// The header of one layer, taken apart. The fields follow each other without holes.
struct PacketHeader {
  std::string layer;                 ///< `ipv4`, see `header_layers`
  std::string title;                 ///< `IPv4 header (RFC 791, 3.1)`
  std::vector<HeaderField> fields;   ///< in the order they have on the wire
  std::span<const std::byte> bytes;  ///< of the header alone
  std::size_t behind = 0;            ///< how many bytes of the frame follow it
};

/// The names of all layers that are known: ethernet, arp, ipv4, ipv6, icmp, icmpv6, udp, tcp.
const std::vector<std::string_view>& header_layers();

/// Takes the headers of an Ethernet frame apart, from the outside in, as far as they are known and whole.
/// The result refers to `frame`. Never throws for what a frame says.
/// Sources: RFC 791, 792, 768, 826, 4443, 4861, 8200, 9293; IEEE 802.3 for Ethernet.
std::vector<PacketHeader> packet_headers(std::span<const std::byte> frame);

}  // namespace wirelab
