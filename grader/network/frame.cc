#include "grader/network/frame.hh"

#include <fmt/format.h>
#include <netinet/in.h>
#include <tins/tins.h>

#include <algorithm>

namespace wirelab {
namespace {

Address address_of(const Tins::IPv4Address& ip) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ip;  // both in network byte order
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

Address address_of(const Tins::IPv6Address& ip) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::ranges::copy(ip, address.sin6_addr.s6_addr);
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

void read_options(const Tins::TCP& tcp, Headers& into) {
  if (const auto* option = tcp.search_option(Tins::TCP::MSS); option && option->data_size() == 2) {
    into.maximum_segment_size =
        static_cast<std::uint16_t>(option->data_ptr()[0] << 8 | option->data_ptr()[1]);
  }
  if (const auto* option = tcp.search_option(Tins::TCP::WSCALE); option && option->data_size() == 1) {
    into.window_scale = option->data_ptr()[0];
  }
}

/// Where the headers inside an IP packet are read: fills in all but the IP addresses' hosts.
void read_transport(const Tins::PDU& ip, Headers& into) {
  std::uint16_t source_port = 0, destination_port = 0;
  if (const auto* tcp = ip.find_pdu<Tins::TCP>()) {
    into.protocol = Headers::Protocol::tcp;
    source_port = tcp->sport();
    destination_port = tcp->dport();
    into.flags = static_cast<std::uint8_t>(tcp->flags());
    into.sequence = tcp->seq();
    into.acknowledgment = tcp->ack_seq();
    into.window = tcp->window();
    read_options(*tcp, into);
  } else if (const auto* udp = ip.find_pdu<Tins::UDP>()) {
    into.protocol = Headers::Protocol::udp;
    source_port = udp->sport();
    destination_port = udp->dport();
  } else if (const auto* icmp = ip.find_pdu<Tins::ICMP>()) {
    into.protocol = Headers::Protocol::icmp;
    into.type = static_cast<std::uint8_t>(icmp->type());
    into.code = icmp->code();
    into.identifier = icmp->id();
    into.sequence_number = icmp->sequence();
    if (into.type == 3 && into.code == 4) into.next_hop_mtu = icmp->mtu();
  } else if (const auto* icmp6 = ip.find_pdu<Tins::ICMPv6>()) {
    into.protocol = Headers::Protocol::icmpv6;
    into.type = static_cast<std::uint8_t>(icmp6->type());
    into.code = icmp6->code();
    into.identifier = icmp6->identifier();
    into.sequence_number = icmp6->sequence();
    if (into.type == 2)
      into.next_hop_mtu = static_cast<std::uint32_t>(icmp6->identifier()) << 16 | icmp6->sequence();
  }
  into.source = into.source.with_port(source_port);
  into.destination = into.destination.with_port(destination_port);
  if (const auto* raw = ip.find_pdu<Tins::RawPDU>()) {
    into.payload.assign(raw->payload().begin(), raw->payload().end());
  }
}

std::string flag_names(std::uint8_t flags) {
  std::string text;
  const auto add = [&](std::uint8_t bit, std::string_view name) {
    if ((flags & bit) == 0) return;
    if (!text.empty()) text += ' ';
    text += name;
  };
  add(tcp_flag::syn, "SYN");
  add(tcp_flag::fin, "FIN");
  add(tcp_flag::rst, "RST");
  add(tcp_flag::ack, "ACK");
  return text;
}

std::string_view icmp_name(const Headers& headers) {
  if (headers.protocol == Headers::Protocol::icmp) {
    if (headers.type == 0) return "echo reply";
    if (headers.type == 8) return "echo request";
    if (headers.type == 11) return "time exceeded";
    if (headers.type == 3 && headers.code == 3) return "port unreachable";
    if (headers.type == 3 && headers.code == 4) return "fragmentation needed";
    if (headers.type == 3) return "destination unreachable";
  } else {
    if (headers.type == 1 && headers.code == 4) return "port unreachable";
    if (headers.type == 1) return "destination unreachable";
    if (headers.type == 2) return "packet too big";
    if (headers.type == 3) return "time exceeded";
    if (headers.type == 128) return "echo request";
    if (headers.type == 129) return "echo reply";
    if (headers.type == 135) return "neighbour solicitation";
    if (headers.type == 136) return "neighbour advertisement";
  }
  return "";
}

}  // namespace

Frame::Frame(std::span<const std::byte> bytes, const Host* sender)
    : bytes_(bytes.begin(), bytes.end()), sender_(sender) {}

const Headers& Frame::headers() const {
  if (!headers_) headers_ = std::make_shared<const Headers>(decode(bytes_));
  return *headers_;
}

std::string Frame::summary() const {
  const Headers& is = headers();
  using enum Headers::Protocol;
  const auto ends = [&] { return is.source.to_string() + " > " + is.destination.to_string(); };
  const auto hosts = [&] { return is.source.host() + " > " + is.destination.host(); };
  switch (is.protocol) {
    case arp:
      return "ARP";
    case udp:
      return fmt::format("UDP {}, {} bytes", ends(), is.payload.size());
    case tcp:
      return is.payload.empty()
                 ? fmt::format("TCP {} {}", ends(), flag_names(is.flags))
                 : fmt::format("TCP {} {}, {} bytes", ends(), flag_names(is.flags), is.payload.size());
    case icmp:
    case icmpv6: {
      const std::string_view name = icmp_name(is);
      if (name.empty()) return fmt::format("ICMP {} type {} code {}", hosts(), is.type, is.code);
      if (!name.starts_with("echo")) return fmt::format("ICMP {} {}", hosts(), name);
      return fmt::format("ICMP {} {}, id 0x{:04x}, seq {}, {} bytes", hosts(), name, is.identifier,
                         is.sequence_number, is.payload.size());
    }
    case other:
      break;
  }
  if (is.fragment) return fmt::format("IP {} fragment", hosts());
  if (is.source.family() != AF_UNSPEC) return "IP " + hosts();
  return fmt::format("frame of {} bytes", bytes_.size());
}

Headers decode(std::span<const std::byte> frame) {
  Headers result;
  try {
    const Tins::EthernetII ethernet(reinterpret_cast<const std::uint8_t*>(frame.data()),
                                    static_cast<std::uint32_t>(frame.size()));
    std::ranges::copy(ethernet.src_addr(), result.source_mac.begin());
    std::ranges::copy(ethernet.dst_addr(), result.destination_mac.begin());
    if (ethernet.find_pdu<Tins::ARP>() != nullptr) {
      result.protocol = Headers::Protocol::arp;
    } else if (const auto* ip = ethernet.find_pdu<Tins::IP>()) {
      result.source = address_of(ip->src_addr());
      result.destination = address_of(ip->dst_addr());
      result.ttl = ip->ttl();
      result.dont_fragment = (ip->flags() & Tins::IP::DONT_FRAGMENT) != 0;
      result.fragment = ip->is_fragmented();
      result.more_fragments = (ip->flags() & Tins::IP::MORE_FRAGMENTS) != 0;
      result.fragment_offset = static_cast<std::uint16_t>(8 * ip->fragment_offset());
      result.header_length = static_cast<std::uint16_t>(4 * ip->head_len());
      result.total_length = ip->tot_len();
      result.identification = ip->id();
      read_transport(*ip, result);
    } else if (const auto* ip6 = ethernet.find_pdu<Tins::IPv6>()) {
      result.source = address_of(ip6->src_addr());
      result.destination = address_of(ip6->dst_addr());
      result.ttl = ip6->hop_limit();
      result.flow_label = ip6->flow_label();
      read_transport(*ip6, result);
    }
  } catch (const Tins::exception_base&) {
    result = Headers{};  // what a decoder cannot read, no check can ask about
  }
  return result;
}

}  // namespace wirelab
