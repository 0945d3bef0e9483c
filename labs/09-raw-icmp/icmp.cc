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
  todo("09.14", packet);
}

}  // namespace

/// RFC 1071: take the bytes as 16-bit numbers, high byte first, a last odd byte as if a zero followed; add
/// them up; add what does not fit 16 bits to the low end again, until it does; return the complement. Over
/// bytes that contain their own checksum it is 0.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  // TODO(09.1): add up the 16-bit numbers, fold the carries back in, and return the complement.
  todo("09.1", bytes, number_at);
}

/// The header as drawn above, types_of(family).echo_request with code 0, and the data. The checksum covers
/// all of it; while it is computed, its own field is zero. (For IPv6 the kernel writes the checksum, which
/// covers the addresses as well: RFC 4443, section 2.3.)
Bytes echo_request(int family, std::uint16_t identifier, std::uint16_t sequence,
                   std::span<const std::uint8_t> data) {
  // TODO(09.2): fill in the header, append the data, and then put the checksum in its place.
  todo("09.2", family, identifier, sequence, data, put_number);
}

/// RFC 791, section 3.1: the low half of the first byte is the header's length in words of four bytes. 5 is
/// the least; there are more when the header carries options. The tenth byte tells what follows:
/// IPPROTO_ICMP.
std::span<const std::uint8_t> behind_ipv4_header(std::span<const std::uint8_t> packet) {
  // TODO(09.3): return the part of the packet behind its header, and nothing if there is no whole header.
  todo("09.3", packet);
}

/// An echo reply carries identifier, sequence number and data of the request. An error message (unreachable,
/// time exceeded) carries, behind the eight bytes of its own header, the packet that it is about: the IP
/// header and at least eight bytes more (RFC 792, RFC 4443), which are the ICMP header of our request, if it
/// was one. Everything else is no answer, and so are messages that are too short. A checksum that is not 0
/// over the whole message says that it was damaged. (For IPv6 the kernel has looked.)
std::optional<Answer> read_answer(int family, std::span<const std::uint8_t> message) {
  const Types types = types_of(family);
  // TODO(09.4): look at length, checksum and type, and return what is answered, or std::nullopt.
  todo("09.4", types, message, number_at, behind_ipv6_header);
}

}  // namespace wirelab
