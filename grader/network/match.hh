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
  using Test = std::function<bool(const Frame&)>;
  explicit Match(Test test) : test_(std::move(test)) {}

  bool operator()(const Frame& frame) const { return test_(frame); }

  /// Sent by this host's interface, whatever source address it claims.
  [[nodiscard]] Match from(const Host& host) const;
  /// Addressed to one of this host's addresses.
  [[nodiscard]] Match to(const Host& host) const;
  /// By the addresses in the IP header; port 0 matches every port.
  [[nodiscard]] Match from(const Address& source) const;
  [[nodiscard]] Match to(const Address& destination) const;
  [[nodiscard]] Match from_port(std::uint16_t port) const;
  [[nodiscard]] Match to_port(std::uint16_t port) const;
  /// The payload is exactly, or contains, these bytes.
  [[nodiscard]] Match saying(std::string payload) const;
  [[nodiscard]] Match containing(std::string bytes) const;

  friend Match operator&&(const Match& a, const Match& b);
  friend Match operator||(const Match& a, const Match& b);
  friend Match operator!(const Match& a);

 private:
  Test test_;
};

extern const Match anything, udp, tcp, icmp, icmpv6, arp;
extern const Match syn;  ///< TCP: SYN without ACK, the first of the handshake
extern const Match syn_ack;
extern const Match fin;  ///< TCP with FIN, whatever else
extern const Match rst;
extern const Match with_payload;      ///< TCP or UDP that carries at least one byte
extern const Match port_unreachable;  ///< ICMP or ICMPv6: nobody listens on that port
extern const Match too_big;           ///< ICMP "fragmentation needed", ICMPv6 "packet too big"

/// What the kernels say among themselves, not the programs: ARP, neighbour discovery, multicast reports.
extern const Match background;

}  // namespace wirelab
