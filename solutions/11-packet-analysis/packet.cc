#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

#include "common/todo.hh"
#include "packet_analysis.hh"

// A frame is a row of headers, and each says which one comes next and how long it is itself. A capture may
// have kept only the beginning of a frame ("snapped" it), and a header may lie. So every function here first
// asks whether what it is going to read is there, and answers with nothing when it is not: then the packet is
// none that we can use.

namespace wirelab {
namespace {

constexpr std::uint16_t ether_type_ipv4 = 0x0800, ether_type_ipv6 = 0x86dd, ether_type_vlan = 0x8100,
                        ether_type_service_vlan = 0x88a8;
constexpr std::uint8_t protocol_tcp = 6;

/// What an Ethernet header says about what it carries.
struct FrameContent {
  std::uint16_t type;
  ByteSpan bytes;
};

/// What an IP header says about what it carries.
struct IpContent {
  Address source, destination;  ///< port 0
  std::uint8_t protocol;
  std::size_t length;  ///< bytes of content on the wire
  ByteSpan bytes;      ///< the part of them that was captured
};

/// The number that `width` bytes make, 1 to 4 of them, in network byte order: the highest bits come first.
std::uint32_t number(ByteSpan bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// An Ethernet header is 14 bytes: destination, source (6 each), EtherType. A VLAN tag (IEEE 802.1Q) stands
/// before the EtherType: 2 bytes that look like an EtherType (ether_type_vlan or ether_type_service_vlan) and
/// 2 bytes with the number of the VLAN. There may be several tags.
std::optional<FrameContent> open_ethernet(ByteSpan frame) {
  // TODO(11.3): find the EtherType behind any VLAN tags, and what follows it.
  std::size_t at = 12;
  while (frame.size() >= at + 2) {
    const auto type = static_cast<std::uint16_t>(number(frame, at, 2));
    if (type != ether_type_vlan && type != ether_type_service_vlan)
      return FrameContent{type, frame.subspan(at + 2)};
    at += 4;
  }
  return std::nullopt;
}

/// The address in the four bytes of an IPv4 header, or the sixteen of IPv6; port 0.
Address address_from(ByteSpan bytes) {
  if (bytes.size() == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, bytes.data(), 4);
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, bytes.data(), 16);
  return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
}

/// An IPv4 header (RFC 791, section 3.1) is 20 bytes, and options after that: the lower half of byte 0 is its
/// length in units of 4 bytes, the upper half is 4. At 2 stands the total length of the packet, header
/// included; what lies in the frame beyond that is padding, since a frame is never shorter than 60 bytes. At
/// 6 stand three flags and the fragment offset (the lower 13 bits); 0x2000 is the flag "more fragments". At 9
/// the protocol, at 12 and 16 the addresses. Nothing when it is not IPv4, when the header is not there as a
/// whole, when its lengths make no sense, or when the packet is a fragment (offset not 0, or more to come):
/// only the first would hold a TCP header.
std::optional<IpContent> open_ipv4(ByteSpan packet) {
  // TODO(11.4): check the header, and return what it says.
  if (packet.size() < 20 || number(packet, 0, 1) >> 4 != 4) return std::nullopt;
  const std::size_t header = std::size_t{4} * (number(packet, 0, 1) & 0xf);
  const std::size_t total = number(packet, 2, 2);
  if (header < 20 || total < header || packet.size() < header) return std::nullopt;
  if ((number(packet, 6, 2) & 0x3fff) != 0) return std::nullopt;
  const std::size_t captured = std::min(packet.size(), total);
  return IpContent{address_from(packet.subspan(12, 4)), address_from(packet.subspan(16, 4)),
                   static_cast<std::uint8_t>(number(packet, 9, 1)), total - header,
                   packet.subspan(header, captured - header)};
}

/// An IPv6 header (RFC 8200, section 3) is 40 bytes: the upper half of byte 0 is 6, at 4 the length of all
/// that follows the header, at 6 the type of the next header, at 8 and 24 the addresses. Extension headers
/// may come before TCP: 0 (hop by hop), 43 (routing) and 60 (destination options) begin with the type of the
/// next one and their own length, in units of 8 bytes beyond the first 8. Nothing for fragments (44), and
/// whatever else is in the way.
std::optional<IpContent> open_ipv6([[maybe_unused]] ByteSpan packet) {
  // STRETCH(11.17): check the header, pass over the extension headers, and return what they say.
  if (packet.size() < 40 || number(packet, 0, 1) >> 4 != 6) return std::nullopt;
  IpContent content{address_from(packet.subspan(8, 16)),
                    address_from(packet.subspan(24, 16)),
                    static_cast<std::uint8_t>(number(packet, 6, 1)),
                    number(packet, 4, 2),
                    {}};
  content.bytes = packet.subspan(40, std::min(packet.size() - 40, content.length));
  while (content.protocol == 0 || content.protocol == 43 || content.protocol == 60) {
    if (content.bytes.size() < 8) return std::nullopt;
    const std::size_t size = 8 + 8 * number(content.bytes, 1, 1);
    if (content.bytes.size() < size) return std::nullopt;
    content.protocol = static_cast<std::uint8_t>(number(content.bytes, 0, 1));
    content.length -= size;
    content.bytes = content.bytes.subspan(size);
  }
  return content;
}

/// TCP options (RFC 9293, section 3.1): one byte says the kind. Kind 0 ends them, kind 1 is one byte of
/// padding. All others have a second byte, the length of the whole option. Of interest are kind 2 (length 4:
/// the maximum segment size) and kind 3 (length 3: the window scale; more than 14 counts as 14, RFC 7323,
/// section 2.3). An option that is not there as a whole, or has a length below 2, ends the reading.
void read_options(ByteSpan options, Segment& segment) {
  // TODO(11.6): go through the options, and note the segment's mss and scale.
  while (!options.empty()) {
    const std::uint32_t kind = number(options, 0, 1);
    if (kind == 0) return;
    if (kind == 1) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return;
    const std::size_t length = number(options, 1, 1);
    if (length < 2 || length > options.size()) return;
    if (kind == 2 && length == 4) segment.mss = static_cast<std::uint16_t>(number(options, 2, 2));
    if (kind == 3 && length == 3)
      segment.scale = static_cast<std::uint8_t>(std::min(number(options, 2, 1), std::uint32_t{14}));
    options = options.subspan(length);
  }
}

/// A TCP header (RFC 9293, section 3.1) is 20 bytes, and options after that. At 0 and 2 the ports, at 4 the
/// sequence number, at 8 the acknowledgment number; the upper half of byte 12 is the length of the header in
/// units of 4 bytes, byte 13 the flags; at 14 the window. What the packet holds beyond the header is data:
/// that length is worked out from what the headers say, for a capture may have kept only the beginning.
/// Nothing when not even the first 20 bytes were captured, or when the lengths make no sense. Options may be
/// cut short.
std::optional<Segment> open_tcp(const IpContent& ip) {
  // TODO(11.5): check the header, and return the segment that it describes; read_options reads the options.
  if (ip.bytes.size() < 20) return std::nullopt;
  const std::size_t header = std::size_t{4} * (number(ip.bytes, 12, 1) >> 4);
  if (header < 20 || header > ip.length) return std::nullopt;
  Segment segment;
  segment.source = ip.source.with_port(static_cast<std::uint16_t>(number(ip.bytes, 0, 2)));
  segment.destination = ip.destination.with_port(static_cast<std::uint16_t>(number(ip.bytes, 2, 2)));
  segment.sequence = number(ip.bytes, 4, 4);
  segment.acknowledgment = number(ip.bytes, 8, 4);
  segment.flags = static_cast<std::uint8_t>(number(ip.bytes, 13, 1));
  segment.window = static_cast<std::uint16_t>(number(ip.bytes, 14, 2));
  segment.length = static_cast<std::uint32_t>(ip.length - header);
  read_options(ip.bytes.subspan(20, std::min(header, ip.bytes.size()) - 20), segment);
  return segment;
}

}  // namespace

std::optional<Segment> read_segment(const Packet& packet) {
  const auto frame = open_ethernet(packet.bytes);
  if (!frame) return std::nullopt;
  std::optional<IpContent> ip;
  if (frame->type == ether_type_ipv4) ip = open_ipv4(frame->bytes);
  if (frame->type == ether_type_ipv6) ip = open_ipv6(frame->bytes);
  if (!ip || ip->protocol != protocol_tcp) return std::nullopt;
  auto segment = open_tcp(*ip);
  if (!segment) return std::nullopt;
  segment->packet = packet.number;
  segment->time = packet.time;
  return segment;
}

}  // namespace wirelab
