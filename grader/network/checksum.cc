#include "grader/network/checksum.hh"

#include <fmt/format.h>
#include <netinet/in.h>

#include <cstdint>

namespace wirelab {
namespace {

using Span = std::span<const std::byte>;

constexpr std::size_t ethernet_header = 14, ipv4_header = 20, ipv6_header = 40;

std::uint16_t word(Span bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

/// The sum of all 16-bit words, an odd last byte filled up with zero.
std::uint64_t sum_of(Span bytes) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += word(bytes, at);
  if (bytes.size() % 2 == 1) sum += std::to_integer<unsigned>(bytes.back()) << 8;
  return sum;
}

/// The checksum that belongs to a sum: its carries folded in, inverted.
std::uint16_t checksum_of(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// Compares the checksum that stands at `field` of `bytes`; `pseudo` is the sum of what else it covers.
std::string compare(std::string_view name, Span bytes, std::size_t field, std::uint64_t pseudo = 0) {
  if (bytes.size() < field + 2) return fmt::format("the {} header is cut short", name);
  const std::uint16_t is = word(bytes, field);
  std::uint16_t should_be = checksum_of(sum_of(bytes) - is + pseudo);
  // In ones' complement 0xffff is zero as well, and no receiver tells them apart. For UDP it must be that
  // one: 0 is kept for "none" (RFC 768). Linux writes it for every protocol (CSUM_MANGLED_0 in
  // skb_checksum_help).
  if (should_be == 0 && (name == "UDP" || is == 0xffff)) should_be = 0xffff;
  if (is == should_be) return {};
  return fmt::format("the {} checksum is 0x{:04x}, and should be 0x{:04x}", name, is, should_be);
}

/// What follows the IP header. `addresses` is the sum of both.
std::string trouble_inside(Span bytes, int protocol, std::uint64_t addresses, bool ipv6) {
  const std::uint64_t pseudo =
      addresses + static_cast<unsigned>(protocol) + (bytes.size() & 0xffff) + (bytes.size() >> 16);
  switch (protocol) {
    case IPPROTO_ICMP:
      return compare("ICMP", bytes, 2);
    case IPPROTO_ICMPV6:
      return compare("ICMPv6", bytes, 2, pseudo);
    case IPPROTO_TCP:
      return compare("TCP", bytes, 16, pseudo);
    case IPPROTO_UDP: {
      const bool none = !ipv6 && bytes.size() >= 8 && word(bytes, 6) == 0;
      return none ? std::string() : compare("UDP", bytes, 6, pseudo);
    }
    default:
      return {};
  }
}

std::string ipv4_trouble(Span packet) {
  if (packet.size() < ipv4_header) return "the IP header is cut short";
  const std::size_t header = 4 * (std::to_integer<std::size_t>(packet[0]) & 15);
  const std::size_t total = word(packet, 2);
  if (header < ipv4_header || header > total || total > packet.size()) {
    return fmt::format("the IP header says {} bytes of header and {} in all; {} came", header, total,
                       packet.size());
  }
  if (const std::string trouble = compare("IP header", packet.first(header), 10); !trouble.empty())
    return trouble;
  const bool fragment = (word(packet, 6) & 0x3fff) != 0;  // more to come, or not the first
  if (fragment) return {};
  return trouble_inside(packet.subspan(header, total - header), std::to_integer<int>(packet[9]),
                        sum_of(packet.subspan(12, 8)), false);
}

/// Extension headers are not followed: no lab sends any.
std::string ipv6_trouble(Span packet) {
  if (packet.size() < ipv6_header) return "the IPv6 header is cut short";
  const std::size_t length = word(packet, 4);
  if (ipv6_header + length > packet.size()) {
    return fmt::format("the IPv6 header says {} bytes of payload; {} came", length,
                       packet.size() - ipv6_header);
  }
  return trouble_inside(packet.subspan(ipv6_header, length), std::to_integer<int>(packet[6]),
                        sum_of(packet.subspan(8, 32)), true);
}

}  // namespace

std::string checksum_trouble(Span frame) {
  if (frame.size() < ethernet_header) return {};
  const Span packet = frame.subspan(ethernet_header);
  switch (word(frame, 12)) {
    case 0x0800:
      return ipv4_trouble(packet);
    case 0x86dd:
      return ipv6_trouble(packet);
    default:
      return {};
  }
}

}  // namespace wirelab
