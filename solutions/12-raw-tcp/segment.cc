#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/todo.hh"
#include "raw_tcp.hh"

// A segment as it travels: twenty bytes of header, options, data. The kernel writes and reads the IPv4 header
// in front of it; everything behind that is ours. What comes in is judged here before anybody believes it:
// a raw socket hands over every TCP segment that reaches this host, whole or not, for us or for others.
//
//    0                   1                   2                   3        RFC 9293, section 3.1
//   |          source port          |       destination port        |
//   |                        sequence number                        |
//   |                     acknowledgment number                     |
//   | header| (4)   |     flags     |            window             |     header: its length in 32-bit words
//   |           checksum            |        urgent pointer         |
//   |                 options: kind, length, value                  |

namespace wirelab {
namespace {

constexpr std::size_t least_ip_header = 20;   // RFC 791, section 3.1
constexpr std::size_t least_tcp_header = 20;  // RFC 9293, section 3.1
constexpr std::size_t checksum_at = 16;       // in the TCP header

/// Appends a number in network byte order, which is most significant byte first.
void put(std::vector<std::byte>& bytes, std::uint64_t number, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) bytes.push_back(std::byte(number >> shift));
}

/// Reads a number of `width` bytes in network byte order. The bytes must be there.
std::uint32_t get(std::span<const std::byte> bytes, std::size_t at, std::size_t width) {
  std::uint32_t number = 0;
  for (const std::byte one : bytes.subspan(at, width))
    number = number << 8 | std::to_integer<std::uint32_t>(one);
  return number;
}

/// The value of the MSS option: kind 2, length 4, and 16 bits. Kind 0 ends the options, kind 1 is a single
/// byte of padding, and every other kind is followed by its length, which counts kind and length as well.
/// (RFC 9293, section 3.2)
std::optional<std::uint16_t> find_maximum_segment_size(std::span<const std::byte> options) {
  for (std::size_t at = 0; at < options.size() && get(options, at, 1) != 0;) {
    const std::uint32_t kind = get(options, at, 1);
    const std::size_t length = kind == 1 ? 1 : at + 1 < options.size() ? get(options, at + 1, 1) : 0;
    if (length == 0 || at + length > options.size() || (kind != 1 && length < 2)) return std::nullopt;
    if (kind == 2 && length == 4) return static_cast<std::uint16_t>(get(options, at + 2, 2));
    at += length;
  }
  return std::nullopt;
}

}  // namespace

/// RFC 1071: add up the 16-bit words, add what overflows 16 bits back in, and take the complement. When the
/// number of bytes is odd, a zero byte is thought to follow the last one.
std::uint16_t internet_checksum(std::span<const std::byte> bytes) {
  // TODO(12.1): return the internet checksum of the bytes.
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// The checksum of a segment covers more than the segment: a pseudo header stands in front, with both
/// addresses, a zero byte, the number of the protocol (6), and the length of header and data (RFC 9293,
/// section 3.1). So a segment that goes astray to another host is noticed there. s_addr is in network byte
/// order already.
std::uint16_t segment_checksum(std::span<const std::byte> segment, in_addr source, in_addr destination) {
  std::vector<std::byte> summed;
  // TODO(12.2): put the pseudo header and the segment into `summed`, and return its internet checksum.
  put(summed, ntohl(source.s_addr), 4);
  put(summed, ntohl(destination.s_addr), 4);
  put(summed, IPPROTO_TCP, 2);
  put(summed, segment.size(), 2);
  summed.insert(summed.end(), segment.begin(), segment.end());
  return internet_checksum(summed);
}

/// The header's fields in the order of the picture above, in network byte order. The checksum is computed
/// with zeros in its place, and then put there. The urgent pointer is 0. With a maximum segment size there
/// are four bytes of options, which count as one more word of header.
std::vector<std::byte> to_bytes(const Segment& segment, in_addr source, in_addr destination) {
  std::vector<std::byte> bytes;
  // TODO(12.3): put header, option and data into `bytes`, with the checksum in its place.
  const bool has_option = segment.maximum_segment_size.has_value();
  put(bytes, segment.source_port, 2);
  put(bytes, segment.destination_port, 2);
  put(bytes, segment.sequence, 4);
  put(bytes, segment.acknowledgment, 4);
  put(bytes, (has_option ? 6 : 5) << 4, 1);
  put(bytes, segment.flags, 1);
  put(bytes, segment.window, 2);
  put(bytes, 0, 4);  // checksum, urgent pointer
  if (has_option) put(bytes, 0x02040000 | *segment.maximum_segment_size, 4);
  const auto data = std::as_bytes(std::span(segment.data));
  bytes.insert(bytes.end(), data.begin(), data.end());

  const std::uint16_t checksum = segment_checksum(bytes, source, destination);
  bytes[checksum_at] = std::byte(checksum >> 8);
  bytes[checksum_at + 1] = std::byte(checksum & 0xff);
  return bytes;
}

/// The lower four bits of a packet's first byte are the length of its IP header in 32-bit words, bytes 2 and
/// 3 the length of the whole packet, bytes 12 to 15 and 16 to 19 the addresses (RFC 791, section 3.1). Both
/// headers may be longer than twenty bytes. No length is to be believed before it has been compared with what
/// is there: this comes from the network, where anybody can write anything. A segment with its checksum in it
/// sums up to 0.
std::optional<Segment> from_packet(std::span<const std::byte> packet, in_addr source, in_addr destination) {
  // TODO(12.4): check lengths, addresses and checksum, and return what the headers say, with the data.
  if (packet.size() < least_ip_header) return std::nullopt;
  const std::size_t ip_header = std::size_t{get(packet, 0, 1) & 0x0f} * 4;
  const std::size_t length = get(packet, 2, 2);
  if (ip_header < least_ip_header || length < ip_header + least_tcp_header || packet.size() < length)
    return std::nullopt;
  if (get(packet, 12, 4) != ntohl(source.s_addr) || get(packet, 16, 4) != ntohl(destination.s_addr))
    return std::nullopt;

  const auto bytes = packet.subspan(ip_header, length - ip_header);
  const std::size_t header = std::size_t{get(bytes, 12, 1) >> 4} * 4;
  if (header < least_tcp_header || header > bytes.size()) return std::nullopt;
  if (segment_checksum(bytes, source, destination) != 0) return std::nullopt;

  Segment segment;
  segment.source_port = static_cast<std::uint16_t>(get(bytes, 0, 2));
  segment.destination_port = static_cast<std::uint16_t>(get(bytes, 2, 2));
  segment.sequence = get(bytes, 4, 4);
  segment.acknowledgment = get(bytes, 8, 4);
  segment.flags = static_cast<std::uint8_t>(get(bytes, 13, 1));
  segment.window = static_cast<std::uint16_t>(get(bytes, 14, 2));
  segment.maximum_segment_size =
      find_maximum_segment_size(bytes.subspan(least_tcp_header, header - least_tcp_header));
  const auto data = bytes.subspan(header);
  segment.data.assign(reinterpret_cast<const char*>(data.data()), data.size());
  return segment;
}

}  // namespace wirelab
