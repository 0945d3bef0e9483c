#include "grader/report/packet_headers.hh"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace wirelab {
namespace {

using Span = std::span<const std::byte>;

unsigned at(Span bytes, std::size_t i) { return std::to_integer<unsigned>(bytes[i]); }
unsigned word(Span bytes, std::size_t i) { return at(bytes, i) << 8 | at(bytes, i + 1); }
std::uint32_t long_word(Span bytes, std::size_t i) {
  return std::uint32_t{word(bytes, i)} << 16 | word(bytes, i + 2);
}

std::string mac(Span bytes, std::size_t i) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", at(bytes, i), at(bytes, i + 1),
                     at(bytes, i + 2), at(bytes, i + 3), at(bytes, i + 4), at(bytes, i + 5));
}

std::string address(int family, Span bytes, std::size_t i) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, bytes.data() + i, text.data(), text.size());
  return text.data();
}

std::string hex16(unsigned value) { return fmt::format("0x{:04x}", value); }
std::string number(std::uint32_t value) { return std::to_string(value); }

/// `TCP (6)`; the number alone where it has no name here.
std::string named(unsigned value, const std::map<unsigned, std::string_view>& names) {
  const auto found = names.find(value);
  return found == names.end() ? number(value) : fmt::format("{} ({})", found->second, value);
}

std::string ether_type(unsigned value) {
  const std::map<unsigned, std::string_view> names = {{0x0800, "IPv4"}, {0x0806, "ARP"}, {0x86DD, "IPv6"}};
  const auto found = names.find(value);
  return found == names.end() ? hex16(value) : fmt::format("{} ({})", found->second, hex16(value));
}

std::string ip_protocol(unsigned value) {
  return named(value, {{1, "ICMP"}, {6, "TCP"}, {17, "UDP"}, {58, "ICMPv6"}, {44, "fragment"}});
}

/// A frame while its headers are taken off.
class Reader {
 public:
  explicit Reader(Span frame) : rest_(frame) {}

  std::vector<PacketHeader> read() {
    if (rest_.size() < 14) return {};
    const unsigned type = word(rest_, 12);
    take(14, "ethernet", "Ethernet header",
         {{"Destination address", 48, mac(rest_, 0)},
          {"Source address", 48, mac(rest_, 6)},
          {"Type", 16, ether_type(type)}});
    if (type == 0x0806) arp();
    if (type == 0x0800) ipv4();
    if (type == 0x86DD) ipv6();
    return std::move(headers_);
  }

 private:
  void take(std::size_t length, std::string layer, std::string title, std::vector<HeaderField> fields) {
    headers_.push_back(
        {std::move(layer), std::move(title), std::move(fields), rest_.first(length), rest_.size() - length});
    rest_ = rest_.subspan(length);
  }

  void arp() {
    if (rest_.size() < 28 || word(rest_, 0) != 1 || word(rest_, 2) != 0x0800) return;
    take(28, "arp", "ARP packet (RFC 826)",
         {{"Hardware type", 16, named(word(rest_, 0), {{1, "Ethernet"}})},
          {"Protocol type", 16, ether_type(word(rest_, 2))},
          {"Hardware length", 8, number(at(rest_, 4))},
          {"Protocol length", 8, number(at(rest_, 5))},
          {"Operation", 16, named(word(rest_, 6), {{1, "request"}, {2, "reply"}})},
          {"Sender's hardware address", 48, mac(rest_, 8)},
          {"Sender's protocol address", 32, address(AF_INET, rest_, 14)},
          {"Target's hardware address", 48, mac(rest_, 18)},
          {"Target's protocol address", 32, address(AF_INET, rest_, 24)}});
  }

  void ipv4() {
    if (rest_.size() < 20) return;
    const std::size_t length = 4 * (at(rest_, 0) & 0x0F);
    if (at(rest_, 0) >> 4 != 4 || length < 20 || length > rest_.size()) return;
    const unsigned flags = word(rest_, 6), offset = flags & 0x1FFF, protocol = at(rest_, 9);
    std::vector<HeaderField> fields = {
        {"Version", 4, number(at(rest_, 0) >> 4)},
        {"IHL", 4, fmt::format("{} ({} bytes)", length / 4, length)},
        {"DSCP", 6, number(at(rest_, 1) >> 2)},
        {"ECN", 2, number(at(rest_, 1) & 3)},
        {"Total length", 16, fmt::format("{} bytes", word(rest_, 2))},
        {"Identification", 16, hex16(word(rest_, 4))},
        {"0", 1, number(flags >> 15)},
        {"DF", 1, number(flags >> 14 & 1)},
        {"MF", 1, number(flags >> 13 & 1)},
        {"Fragment offset", 13, offset == 0 ? "0" : fmt::format("{} (byte {})", offset, 8 * offset)},
        {"Time to live", 8, number(at(rest_, 8))},
        {"Protocol", 8, ip_protocol(protocol)},
        {"Header checksum", 16, hex16(word(rest_, 10))},
        {"Source address", 32, address(AF_INET, rest_, 12)},
        {"Destination address", 32, address(AF_INET, rest_, 16)}};
    if (length > 20) fields.push_back({"Options", static_cast<unsigned>(8 * (length - 20)), ""});
    const std::size_t total = word(rest_, 2);
    if (total >= length && total < rest_.size()) rest_ = rest_.first(total);  // what follows is padding
    take(length, "ipv4", "IPv4 header (RFC 791)", std::move(fields));
    if (offset == 0) transport(protocol);
  }

  void ipv6() {
    if (rest_.size() < 40 || at(rest_, 0) >> 4 != 6) return;
    const std::uint32_t first = long_word(rest_, 0);
    const unsigned next = at(rest_, 6);
    const std::size_t total = 40 + word(rest_, 4);
    if (total < rest_.size()) rest_ = rest_.first(total);
    take(40, "ipv6", "IPv6 header (RFC 8200)",
         {{"Version", 4, number(first >> 28)},
          {"Traffic class", 8, number(first >> 20 & 0xFF)},
          {"Flow label", 20, fmt::format("0x{:05x}", first & 0xFFFFF)},
          {"Payload length", 16, fmt::format("{} bytes", word(rest_, 4))},
          {"Next header", 8, ip_protocol(next)},
          {"Hop limit", 8, number(at(rest_, 7))},
          {"Source address", 128, address(AF_INET6, rest_, 8)},
          {"Destination address", 128, address(AF_INET6, rest_, 24)}});
    transport(next);
  }

  void transport(unsigned protocol) {
    if (protocol == 1) icmp();
    if (protocol == 6) tcp();
    if (protocol == 17) udp();
    if (protocol == 58) icmpv6();
  }

  void udp() {
    if (rest_.size() < 8) return;
    take(8, "udp", "UDP header (RFC 768)",
         {{"Source port", 16, number(word(rest_, 0))},
          {"Destination port", 16, number(word(rest_, 2))},
          {"Length", 16, fmt::format("{} bytes", word(rest_, 4))},
          {"Checksum", 16, hex16(word(rest_, 6))}});
  }

  void tcp() {
    if (rest_.size() < 20) return;
    const std::size_t length = 4 * (at(rest_, 12) >> 4);
    if (length < 20 || length > rest_.size()) return;
    std::vector<HeaderField> fields = {{"Source port", 16, number(word(rest_, 0))},
                                       {"Destination port", 16, number(word(rest_, 2))},
                                       {"Sequence number", 32, number(long_word(rest_, 4))},
                                       {"Acknowledgment number", 32, number(long_word(rest_, 8))},
                                       {"Data offset", 4, fmt::format("{} ({} bytes)", length / 4, length)},
                                       {"Reserved", 4, number(at(rest_, 12) & 0x0F)}};
    constexpr std::array names = {"CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"};
    for (unsigned i = 0; i < 8; ++i) fields.push_back({names[i], 1, number(at(rest_, 13) >> (7 - i) & 1)});
    fields.push_back({"Window", 16, number(word(rest_, 14))});
    fields.push_back({"Checksum", 16, hex16(word(rest_, 16))});
    fields.push_back({"Urgent pointer", 16, number(word(rest_, 18))});
    tcp_options(rest_.subspan(20, length - 20), fields);
    take(length, "tcp", "TCP header (RFC 9293)", std::move(fields));
  }

  /// RFC 9293 section 3.1, RFC 7323, RFC 2018. After one that is not well-formed, the rest is one field.
  static void tcp_options(Span options, std::vector<HeaderField>& fields) {
    const auto bits = [](std::size_t bytes) { return static_cast<unsigned>(8 * bytes); };
    while (!options.empty()) {
      const unsigned kind = at(options, 0);
      if (kind == 1) {
        fields.push_back({"Option", 8, "no operation"});
        options = options.subspan(1);
        continue;
      }
      const std::size_t length = options.size() > 1 ? at(options, 1) : 0;
      if (kind == 0 || length < 2 || length > options.size()) {
        fields.push_back({kind == 0 ? "End of options" : "Options", bits(options.size()), ""});
        return;
      }
      fields.push_back({"Option", bits(length), tcp_option(kind, options.first(length))});
      options = options.subspan(length);
    }
  }

  static std::string tcp_option(unsigned kind, Span option) {
    if (kind == 2 && option.size() == 4) return fmt::format("maximum segment size {}", word(option, 2));
    if (kind == 3 && option.size() == 3) return fmt::format("window scale {}", at(option, 2));
    if (kind == 4) return "SACK permitted";
    if (kind == 5) return "SACK";
    if (kind == 8 && option.size() == 10)
      return fmt::format("timestamps {}, echo {}", long_word(option, 2), long_word(option, 6));
    return fmt::format("kind {}", kind);
  }

  void icmp() {
    if (rest_.size() < 8) return;
    const unsigned type = at(rest_, 0), code = at(rest_, 1);
    const std::map<unsigned, std::string_view> unreachable = {
        {0, "network"}, {1, "host"}, {2, "protocol"}, {3, "port"}, {4, "fragmentation needed"}};
    std::vector<HeaderField> fields = {
        {"Type", 8,
         named(type, {{0, "echo reply"}, {3, "unreachable"}, {8, "echo request"}, {11, "time exceeded"}})},
        {"Code", 8, type == 3 ? named(code, unreachable) : number(code)},
        {"Checksum", 16, hex16(word(rest_, 2))}};
    if (type == 0 || type == 8) {
      echo(fields);
    } else if (type == 3 && code == 4) {  // RFC 1191
      fields.push_back({"Unused", 16, number(word(rest_, 4))});
      fields.push_back({"Next-hop MTU", 16, number(word(rest_, 6))});
    } else {
      fields.push_back({type == 3 || type == 11 ? "Unused" : "Rest of the header", 32,
                        fmt::format("0x{:08x}", long_word(rest_, 4))});
    }
    take(8, "icmp", "ICMP header (RFC 792)", std::move(fields));
  }

  void icmpv6() {
    if (rest_.size() < 8) return;
    const unsigned type = at(rest_, 0), code = at(rest_, 1);
    std::vector<HeaderField> fields = {
        {"Type", 8,
         named(type, {{1, "unreachable"},
                      {2, "packet too big"},
                      {3, "time exceeded"},
                      {128, "echo request"},
                      {129, "echo reply"},
                      {135, "neighbour solicitation"},
                      {136, "neighbour advertisement"}})},
        {"Code", 8, type == 1 ? named(code, {{0, "no route"}, {4, "port"}}) : number(code)},
        {"Checksum", 16, hex16(word(rest_, 2))}};
    std::size_t length = 8;
    if (type == 128 || type == 129) {
      echo(fields);
    } else if (type == 2) {
      fields.push_back({"MTU", 32, number(long_word(rest_, 4))});
    } else {
      fields.push_back({type == 136 ? "Flags, reserved"
                        : type <= 3 ? "Unused"
                                    : "Reserved",
                        32, fmt::format("0x{:08x}", long_word(rest_, 4))});
    }
    if ((type == 135 || type == 136) && rest_.size() >= 24) {
      fields.push_back({"Target address", 128, address(AF_INET6, rest_, 8)});
      length = 24;
    }
    take(length, "icmpv6", length == 24 ? "ICMPv6 header (RFC 4443, RFC 4861)" : "ICMPv6 header (RFC 4443)",
         std::move(fields));
  }

  void echo(std::vector<HeaderField>& fields) const {
    fields.push_back({"Identifier", 16, hex16(word(rest_, 4))});
    fields.push_back({"Sequence number", 16, number(word(rest_, 6))});
  }

  Span rest_;
  std::vector<PacketHeader> headers_;
};

}  // namespace

const std::vector<std::string_view>& header_layers() {
  static const std::vector<std::string_view> names = {"ethernet", "arp",    "ipv4", "ipv6",
                                                      "icmp",     "icmpv6", "udp",  "tcp"};
  return names;
}

std::vector<PacketHeader> packet_headers(Span frame) { return Reader(frame).read(); }

}  // namespace wirelab
