#include "grader/network/match.hh"

#include "grader/network/host.hh"

namespace wirelab {
namespace {

using Protocol = Headers::Protocol;

Match of_protocol(Headers::Protocol wanted) {
  return Match([wanted](const Frame& frame) { return frame.headers().protocol == wanted; });
}

Match with_flags(std::uint8_t mask, std::uint8_t wanted) {
  return Match([=](const Frame& frame) {
    return frame.headers().protocol == Protocol::tcp && (frame.headers().flags & mask) == wanted;
  });
}

bool same_end(const Address& pattern, const Address& actual) {
  return pattern.port() == 0 ? pattern == actual.with_port(0) : pattern == actual;
}

bool is_port_unreachable(const Frame& frame) {
  const Headers& is = frame.headers();
  return (is.protocol == Protocol::icmp && is.type == 3 && is.code == 3) ||
         (is.protocol == Protocol::icmpv6 && is.type == 1 && is.code == 4);
}

bool is_background(const Frame& frame) {
  const Headers& is = frame.headers();
  if (is.protocol == Protocol::arp) return true;
  // RFC 4443 gives errors and echo the types below 130; above lie multicast listener and neighbour discovery.
  if (is.protocol == Protocol::icmpv6) return is.type >= 130;
  return is.protocol == Protocol::other && !is.fragment;
}

}  // namespace

Match Match::from(const Host& host) const {
  return *this && Match([sender = &host](const Frame& frame) { return frame.sender() == sender; });
}
Match Match::to(const Host& host) const {
  return *this &&
         Match([there = &host](const Frame& frame) { return there->has(frame.headers().destination); });
}
Match Match::from(const Address& source) const {
  return *this && Match([source](const Frame& frame) { return same_end(source, frame.headers().source); });
}
Match Match::to(const Address& destination) const {
  return *this &&
         Match([destination](const Frame& f) { return same_end(destination, f.headers().destination); });
}
Match Match::from_port(std::uint16_t port) const {
  return *this && Match([port](const Frame& frame) { return frame.headers().source.port() == port; });
}
Match Match::to_port(std::uint16_t port) const {
  return *this && Match([port](const Frame& frame) { return frame.headers().destination.port() == port; });
}
Match Match::saying(std::string payload) const {
  return *this && Match([payload](const Frame& frame) { return frame.headers().payload == payload; });
}
Match Match::containing(std::string bytes) const {
  return *this &&
         Match([bytes](const Frame& f) { return f.headers().payload.find(bytes) != std::string::npos; });
}

Match operator&&(const Match& a, const Match& b) {
  return Match([a = a.test_, b = b.test_](const Frame& frame) { return a(frame) && b(frame); });
}
Match operator||(const Match& a, const Match& b) {
  return Match([a = a.test_, b = b.test_](const Frame& frame) { return a(frame) || b(frame); });
}
Match operator!(const Match& a) {
  return Match([a = a.test_](const Frame& frame) { return !a(frame); });
}

const Match anything([](const Frame&) { return true; });
const Match udp = of_protocol(Protocol::udp);
const Match tcp = of_protocol(Protocol::tcp);
const Match icmp = of_protocol(Protocol::icmp);
const Match icmpv6 = of_protocol(Protocol::icmpv6);
const Match arp = of_protocol(Protocol::arp);
const Match syn = with_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn);
const Match syn_ack = with_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn | tcp_flag::ack);
const Match fin = with_flags(tcp_flag::fin, tcp_flag::fin);
const Match rst = with_flags(tcp_flag::rst, tcp_flag::rst);
const Match with_payload([](const Frame& frame) {
  const auto protocol = frame.headers().protocol;
  return (protocol == Protocol::tcp || protocol == Protocol::udp) && !frame.headers().payload.empty();
});
const Match port_unreachable(is_port_unreachable);
const Match too_big([](const Frame& frame) {
  const Headers& is = frame.headers();
  return (is.protocol == Protocol::icmp && is.type == 3 && is.code == 4) ||
         (is.protocol == Protocol::icmpv6 && is.type == 2);
});
const Match background(is_background);

}  // namespace wirelab
