#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/lab_main.hh"

namespace wirelab {

/// A message as it is on the wire.
using Bytes = std::vector<std::uint8_t>;

/// The numbers by which messages are told apart. ICMP is RFC 792, ICMPv6 is RFC 4443.
struct Types {
  std::uint8_t echo_request;   ///< "are you there?"
  std::uint8_t echo_reply;     ///< "yes", with the same identifier, sequence number and data
  std::uint8_t unreachable;    ///< the packet could not be delivered; the code says why
  std::uint8_t time_exceeded;  ///< a router got it with no hops left (code 0)
};
/// Those of ICMPv6 for AF_INET6, of ICMP for any other family.
constexpr Types types_of(int family) {
  return family == AF_INET6 ? Types{128, 129, 1, 3} : Types{8, 0, 3, 11};
}

/// Type, code, checksum, identifier and sequence number: RFC 792, page 14.
inline constexpr std::size_t icmp_header_length = 8;

/// What may come back for an echo request: the echo, or the news that it did not arrive.
struct Answer {
  /// The echo itself, or one of the two errors that this lab is about.
  enum class Kind { echo, unreachable, time_exceeded };
  Kind kind{};                   ///< decides which of the members below count
  std::uint8_t code = 0;         ///< why it is unreachable
  std::uint16_t identifier = 0;  ///< of the request that it answers, in host byte order
  std::uint16_t sequence = 0;    ///< likewise
  Bytes data = {};               ///< of an echo
};

/// The internet checksum of these bytes (RFC 1071), in host byte order.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

/// An echo request, ready to be sent.
Bytes echo_request(int family, std::uint16_t identifier, std::uint16_t sequence,
                   std::span<const std::uint8_t> data);

/// What follows the IPv4 header of a packet, if that is an ICMP message; else nothing.
std::span<const std::uint8_t> behind_ipv4_header(std::span<const std::uint8_t> packet);

/// The answer that an ICMP message is; nothing when it is none, or damaged.
std::optional<Answer> read_answer(int family, std::span<const std::uint8_t> message);

/// `raw_icmp HOST`: sends echo requests, tells of each what became of it, and sums up. Throws when none was
/// answered, and std::system_error when the socket cannot be had. Stretch: `--trace`, `--unprivileged`, and a
/// HOST with an IPv6 address, as the handout says.
void run_raw_icmp(const Arguments& arguments);

}  // namespace wirelab
