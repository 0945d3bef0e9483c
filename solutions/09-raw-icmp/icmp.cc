#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/todo.hh"
#include "raw_icmp.hh"

// The messages themselves, byte by byte. Nothing here knows of sockets, so it can be tried on bytes of your
// own. Numbers of several bytes stand in network byte order: the most significant byte comes first. Put
// together and taken apart with shifts they come out right on every machine.
//
//      0               1               2               3
//     +---------------+---------------+-------------------------------+
//   0 |     type      |     code      |           checksum            |
//     +---------------+---------------+-------------------------------+
//   4 |          identifier           |        sequence number        |
//     +-------------------------------+-------------------------------+
//   8 |  data ...

namespace wirelab {
namespace {

/// The number in the two bytes at this place.
std::uint16_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// Writes a number into the two bytes at this place.
void put_number(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t number) {
  bytes[at] = static_cast<std::uint8_t>(number >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(number & 0xff);
}

/// What follows the IPv6 header of a packet, if that is an ICMPv6 message; else nothing. The header has
/// always 40 bytes; the seventh tells what follows: IPPROTO_ICMPV6 (RFC 8200, section 3).
std::span<const std::uint8_t> behind_ipv6_header(std::span<const std::uint8_t> packet) {
  // STRETCH(09.14): return the part of the packet behind its header.
  constexpr std::size_t header_length = 40;
  if (packet.size() < header_length || packet[6] != IPPROTO_ICMPV6) return {};
  return packet.subspan(header_length);
}

}  // namespace

/// RFC 1071: take the bytes as 16-bit numbers, high byte first, a last odd byte as if a zero followed; add
/// them up; add what does not fit 16 bits to the low end again, until it does; return the complement. Over
/// bytes that contain their own checksum it is 0.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  // TODO(09.1): add up the 16-bit numbers, fold the carries back in, and return the complement.
  std::uint32_t sum = 0;  // 65,535 bytes are 32,768 numbers: their sum fits
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += number_at(bytes, i);
  if (bytes.size() % 2 == 1) sum += static_cast<std::uint32_t>(bytes.back() << 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// The header as drawn above, types_of(family).echo_request with code 0, and the data. The checksum covers
/// all of it; while it is computed, its own field is zero. (For IPv6 the kernel writes the checksum, which
/// covers the addresses as well: RFC 4443, section 2.3.)
Bytes echo_request(int family, std::uint16_t identifier, std::uint16_t sequence,
                   std::span<const std::uint8_t> data) {
  // TODO(09.2): fill in the header, append the data, and then put the checksum in its place.
  Bytes message(icmp_header_length);
  message[0] = types_of(family).echo_request;
  put_number(message, 4, identifier);
  put_number(message, 6, sequence);
  for (const std::uint8_t byte : data) message.push_back(byte);
  put_number(message, 2, internet_checksum(message));
  return message;
}

/// RFC 791, section 3.1: the low half of the first byte is the header's length in words of four bytes. 5 is
/// the least; there are more when the header carries options. The tenth byte tells what follows:
/// IPPROTO_ICMP.
std::span<const std::uint8_t> behind_ipv4_header(std::span<const std::uint8_t> packet) {
  // TODO(09.3): return the part of the packet behind its header, and nothing if there is no whole header.
  constexpr std::size_t least = 20;
  if (packet.size() < least || packet[9] != IPPROTO_ICMP) return {};
  const std::size_t header_length = std::size_t{4} * (packet[0] & 0x0f);
  if (header_length < least || header_length > packet.size()) return {};
  return packet.subspan(header_length);
}

/// An echo reply carries identifier, sequence number and data of the request. An error message (unreachable,
/// time exceeded) carries, behind the eight bytes of its own header, the packet that it is about: the IP
/// header and at least eight bytes more (RFC 792, RFC 4443), which are the ICMP header of our request, if it
/// was one. Everything else is no answer, and so are messages that are too short. A checksum that is not 0
/// over the whole message says that it was damaged. (For IPv6 the kernel has looked.)
std::optional<Answer> read_answer(int family, std::span<const std::uint8_t> message) {
  const Types types = types_of(family);
  // TODO(09.4): look at length, checksum and type, and return what is answered, or std::nullopt.
  if (message.size() < icmp_header_length) return std::nullopt;
  if (family == AF_INET && internet_checksum(message) != 0) return std::nullopt;
  const auto rest = message.subspan(icmp_header_length);

  if (message[0] == types.echo_reply) {
    return Answer{.kind = Answer::Kind::echo,
                  .identifier = number_at(message, 4),
                  .sequence = number_at(message, 6),
                  .data = Bytes(rest.begin(), rest.end())};
  }
  if (message[0] != types.unreachable && message[0] != types.time_exceeded) return std::nullopt;
  const auto request = family == AF_INET6 ? behind_ipv6_header(rest) : behind_ipv4_header(rest);
  if (request.size() < icmp_header_length || request[0] != types.echo_request) return std::nullopt;
  const bool unreachable = message[0] == types.unreachable;
  return Answer{.kind = unreachable ? Answer::Kind::unreachable : Answer::Kind::time_exceeded,
                .code = message[1],
                .identifier = number_at(request, 4),
                .sequence = number_at(request, 6)};
}

}  // namespace wirelab
