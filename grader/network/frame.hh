#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.hh"

namespace wirelab {

class Host;

/// Bytes as they are on the wire: a whole Ethernet frame, without its preamble and check sequence.
using Bytes = std::vector<std::byte>;

/// Flag bits of a TCP header, RFC 9293 section 3.1.
namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01;  ///< the sender has no more data
inline constexpr std::uint8_t syn = 0x02;  ///< opens a connection: the sequence number is the initial one
inline constexpr std::uint8_t rst = 0x04;  ///< breaks the connection off, or refuses it
inline constexpr std::uint8_t psh = 0x08;  ///< the receiver need not wait for more
inline constexpr std::uint8_t ack = 0x10;  ///< the acknowledgment number counts
}  // namespace tcp_flag

/// What a frame says in its headers, as libtins reads them. Fields that the protocol does not have are zero
/// or empty.
struct Headers {
  /// What the frame carries, as far down as it was read; `other` also for fragments and unreadable frames.
  enum class Protocol { other, arp, icmp, icmpv6, udp, tcp };
  Protocol protocol = Protocol::other;            ///< what follows the IP header, if that is there
  std::array<std::uint8_t, 6> source_mac{};       ///< Ethernet
  std::array<std::uint8_t, 6> destination_mac{};  ///< Ethernet; ff:ff:ff:ff:ff:ff is everybody
  Address source;        ///< with port where the protocol has ports; AF_UNSPEC when there is no IP header
  Address destination;   ///< likewise
  std::uint8_t ttl = 0;  ///< or hop limit
  bool dont_fragment = false;         ///< IPv4: routers may not cut it to pieces (RFC 791, RFC 1191)
  bool fragment = false;              ///< IPv4: part of a packet, the first part included
  bool more_fragments = false;        ///< IPv4
  std::uint16_t fragment_offset = 0;  ///< IPv4, bytes
  std::uint16_t header_length = 0;    ///< IPv4, bytes
  std::uint16_t total_length = 0;     ///< IPv4, bytes, as the header says
  std::uint16_t identification = 0;   ///< IPv4
  std::uint8_t flags = 0;             ///< TCP: see tcp_flag
  std::uint32_t sequence = 0;         ///< TCP
  std::uint32_t acknowledgment = 0;   ///< TCP
  std::uint16_t window = 0;           ///< TCP, as in the header (not scaled)
  std::optional<std::uint16_t> maximum_segment_size{};  ///< TCP option
  std::optional<std::uint8_t> window_scale{};           ///< TCP option
  std::uint8_t type = 0;                                ///< ICMP and ICMPv6 (RFC 792, RFC 4443)
  std::uint8_t code = 0;                                ///< ICMP and ICMPv6
  std::uint16_t identifier = 0;                         ///< ICMP echo: of the program that asks
  std::uint16_t sequence_number = 0;                    ///< ICMP echo: of the request
  std::uint32_t flow_label = 0;                         ///< IPv6, 20 bits
  std::uint32_t next_hop_mtu = 0;  ///< ICMP "fragmentation needed", ICMPv6 "packet too big"; bytes
  std::string payload;             ///< bytes after the last header
};

/// An Ethernet frame. Headers are decoded once, when somebody first asks. Copies share the decoded headers.
class Frame {
 public:
  /// A copy of these bytes. `sender` must outlive the frame; null when the grader made it.
  explicit Frame(std::span<const std::byte> bytes, const Host* sender = nullptr);

  /// The whole frame, from the destination's hardware address on.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  /// The host whose interface sent the frame; null when the grader made it.
  [[nodiscard]] const Host* sender() const { return sender_; }

  /// What stands in its headers: see decode. Valid as long as the frame.
  [[nodiscard]] const Headers& headers() const;

  /// One line for people: `TCP 10.3.0.1:40213 > 10.3.0.2:1060 SYN, seq 0`, without any payload.
  [[nodiscard]] std::string summary() const;

 private:
  Bytes bytes_;
  const Host* sender_;
  mutable std::shared_ptr<const Headers> headers_;
};

/// Decodes an Ethernet frame; what cannot be read is Protocol::other. Never throws.
Headers decode(std::span<const std::byte> frame);

}  // namespace wirelab
