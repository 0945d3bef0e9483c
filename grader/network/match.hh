#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "grader/network/frame.hh"

namespace wirelab {

/// Which frames are meant: `udp.from(client).to_port(1060)`, `tcp && !with_payload`, `syn || fin`.
/// A match asks only what it was told to ask; the rest matches anything.
class Match {
 public:
  /// Whether a frame is meant. Called on the network's own thread, too, so it must not wait.
  using Test = std::function<bool(const Frame&)>;
  /// A match that asks this alone.
  explicit Match(Test test) : test_(std::move(test)) {}

  /// Whether this frame is meant.
  bool operator()(const Frame& frame) const { return test_(frame); }

  /// Sent by this host's interface, whatever source address it claims.
  [[nodiscard]] Match from(const Host& host) const;
  /// Addressed to one of this host's addresses.
  [[nodiscard]] Match to(const Host& host) const;
  /// By the source in the IP header, which may be a lie; port 0 matches every port.
  [[nodiscard]] Match from(const Address& source) const;
  /// By the destination in the IP header; port 0 matches every port.
  [[nodiscard]] Match to(const Address& destination) const;
  /// By the source port of UDP or TCP, host byte order.
  [[nodiscard]] Match from_port(std::uint16_t port) const;
  /// By the destination port of UDP or TCP, host byte order.
  [[nodiscard]] Match to_port(std::uint16_t port) const;
  /// The payload (Headers::payload) is exactly these bytes.
  [[nodiscard]] Match saying(std::string payload) const;
  /// These bytes stand somewhere in the payload.
  [[nodiscard]] Match containing(std::string bytes) const;

  /// What both mean.
  friend Match operator&&(const Match& a, const Match& b);
  /// What either means.
  friend Match operator||(const Match& a, const Match& b);
  /// Everything that `a` does not mean.
  friend Match operator!(const Match& a);

 private:
  Test test_;
};

extern const Match anything;          ///< every frame
extern const Match udp;               ///< UDP over IPv4 or IPv6; of a fragmented datagram none
extern const Match tcp;               ///< TCP over IPv4 or IPv6
extern const Match icmp;              ///< ICMP over IPv4: errors and echo
extern const Match icmpv6;            ///< ICMPv6, neighbour discovery included: see `background`
extern const Match arp;               ///< requests and replies
extern const Match syn;               ///< TCP: SYN without ACK, the first of the handshake
extern const Match syn_ack;           ///< TCP: SYN with ACK, the answer to the first
extern const Match fin;               ///< TCP with FIN, whatever else
extern const Match rst;               ///< TCP with RST, whatever else
extern const Match with_payload;      ///< TCP or UDP that carries at least one byte
extern const Match port_unreachable;  ///< ICMP or ICMPv6: nobody listens on that port
extern const Match too_big;           ///< ICMP "fragmentation needed", ICMPv6 "packet too big"

/// What the kernels say among themselves, not the programs: ARP, neighbour discovery, multicast reports.
extern const Match background;

}  // namespace wirelab
