#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/todo.hh"
#include "spoofed_reply.hh"

// What a packet says of itself is written by whoever sends it. Here it is written by hand, header by header:
//
//    0                              20           28
//    | IPv4 header                  | UDP header | message ... |
//
// The structures of netinet/ip.h and netinet/udp.h lie in memory exactly as the headers lie on the wire; all
// numbers of more than one byte are in network byte order (htons).

namespace wirelab {
namespace {

/// The IPv4 address of one end, in network byte order, as the headers want it.
std::uint32_t address_of(const Address& end) {
  return reinterpret_cast<const sockaddr_in*>(end.data())->sin_addr.s_addr;
}

/// The bytes of a header, as they lie in memory.
template <typename Header>
std::string bytes_of(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

/// What UDP's checksum covers besides the datagram, though it is nowhere on the wire (RFC 768): so a datagram
/// that came to a wrong address is noticed. All in network byte order.
struct PseudoHeader {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint8_t zero;
  std::uint8_t protocol;
  std::uint16_t udp_length;
};
static_assert(sizeof(PseudoHeader) == 12);

}  // namespace

/// The bytes are taken as 16-bit words, the first byte of each being the upper one; an odd last byte is the
/// upper byte of a word whose lower one is 0. The words are added in one's complement: what is carried out of
/// the 16 bits is added in again at the bottom, and that may carry once more. The result is the complement of
/// that sum (RFC 1071). It is returned in host byte order. Beware: a char may be negative.
std::uint16_t internet_checksum(std::string_view bytes) {
  std::uint32_t sum = 0;  // room for the carries of 65,535 words
  // TODO(06.2): add up the words, fold the carries, and return the complement.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t byte = static_cast<std::uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// A UDP header, and behind it the message. The length counts both. The checksum is that of pseudo header,
/// header and message, worked out while its own field is 0. When it comes out as 0 it is sent as 0xffff,
/// which is the same number in one's complement: a 0 in the field says that there is no checksum (RFC 768).
std::string make_datagram(const Address& source, const Address& destination, std::string_view message) {
  udphdr header{};
  PseudoHeader pseudo{};
  // TODO(06.3): fill in the UDP header and the pseudo header, the checksum last, and return header and
  // message.
  header.source = htons(source.port());
  header.dest = htons(destination.port());
  header.len = htons(static_cast<std::uint16_t>(sizeof header + message.size()));
  pseudo.source = address_of(source);
  pseudo.destination = address_of(destination);
  pseudo.protocol = IPPROTO_UDP;
  pseudo.udp_length = header.len;

  const std::uint16_t checksum = internet_checksum(bytes_of(pseudo) + bytes_of(header).append(message));
  header.check = htons(checksum == 0 ? 0xffff : checksum);
  return bytes_of(header).append(message);
}

/// An IPv4 header without options, and behind it the datagram (RFC 791, section 3.1). Version 4; the header's
/// length is counted in words of 4 bytes, the total length in bytes. The packet is whole: no bit of the
/// fragment field is set but perhaps DF (IP_DF). Time to live 64, as Linux and most others begin with. The
/// checksum is over the header alone, worked out while its own field is 0. On Linux the kernel fills in total
/// length and checksum in any case, and the identification when it is 0 (raw(7)); other systems leave it all
/// to you.
std::string make_packet(const Address& source, const Address& destination, std::string_view message) {
  const std::string datagram = make_datagram(source, destination, message);
  iphdr header{};
  // TODO(06.4): fill in the IPv4 header, the checksum last, and return header and datagram.
  header.version = 4;
  header.ihl = sizeof header / 4;
  header.tot_len = htons(static_cast<std::uint16_t>(sizeof header + datagram.size()));
  header.frag_off = htons(IP_DF);
  header.ttl = IPDEFTTL;
  header.protocol = IPPROTO_UDP;
  header.saddr = address_of(source);
  header.daddr = address_of(destination);
  header.check = htons(internet_checksum(bytes_of(header)));
  return bytes_of(header) + datagram;
}

}  // namespace wirelab
