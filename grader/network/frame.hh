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

using Bytes = std::vector<std::byte>;

/// Flag bits of a TCP header, RFC 9293 section 3.1.
namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
}

/// What a frame says in its headers, as libtins reads them. Fields that the protocol does not have are zero
/// or empty.
struct Headers {
  enum class Protocol { other, arp, icmp, icmpv6, udp, tcp };
  Protocol protocol = Protocol::other;
  std::array<std::uint8_t, 6> source_mac{}, destination_mac{};
  Address source;  ///< with port where the protocol has ports; AF_UNSPEC when there is no IP header
  Address destination;
  std::uint8_t ttl = 0;  ///< or hop limit
  bool dont_fragment = false;
  bool fragment = false;              ///< a fragment other than the first, or a first that is not the whole
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
  std::uint8_t type = 0, code = 0;                      ///< ICMP
  std::uint16_t identifier = 0, sequence_number = 0;    ///< ICMP echo
  std::uint32_t flow_label = 0;                         ///< IPv6, 20 bits
  std::uint32_t next_hop_mtu = 0;  ///< ICMP "fragmentation needed", ICMPv6 "packet too big"; bytes
  std::string payload;             ///< bytes after the last header
};

/// An Ethernet frame. Headers are decoded once, when somebody first asks. Copies share the decoded headers.
class Frame {
 public:
  explicit Frame(std::span<const std::byte> bytes, const Host* sender = nullptr);

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  /// The host whose interface sent the frame; null when the grader made it.
  [[nodiscard]] const Host* sender() const { return sender_; }

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
