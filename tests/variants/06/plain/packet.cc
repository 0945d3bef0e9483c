// Lab 06's packet without any structure: bytes put one after the other, and one sum kept for all.
#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spoofed_reply.hh"

namespace wirelab {
namespace {

using Octets = std::vector<unsigned char>;

void put16(Octets& into, unsigned value) {
  into.push_back(static_cast<unsigned char>(value >> 8));
  into.push_back(static_cast<unsigned char>(value));
}

void put_address(Octets& into, const Address& end) {
  const auto* in = reinterpret_cast<const sockaddr_in*>(end.data());
  const auto* first = reinterpret_cast<const unsigned char*>(&in->sin_addr);
  into.insert(into.end(), first, first + 4);
}

unsigned checksum(const Octets& octets) {
  unsigned long sum = 0;
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2) sum += 256ul * octets[i] + octets[i + 1];
  if (octets.size() % 2 == 1) sum += 256ul * octets.back();
  return 0xffff - (sum == 0 ? 0 : (sum - 1) % 0xffff + 1);  // one's complement is counting modulo 65,535
}

}  // namespace

std::uint16_t internet_checksum(std::string_view bytes) {
  return static_cast<std::uint16_t>(checksum(Octets(bytes.begin(), bytes.end())));
}

std::string make_packet(const Address& source, const Address& destination, std::string_view message) {
  const auto length = static_cast<unsigned>(8 + message.size());
  // Version 4, and six words where there is room: the last one is for options, and holds none.
  const unsigned words = length + 24 <= 1500 ? 6 : 5;
  Octets ip = {static_cast<unsigned char>(0x40 + words), 0};
  put16(ip, 4 * words + length);
  put16(ip, 4711);
  put16(ip, 0);
  ip.insert(ip.end(), {128, 17, 0, 0});
  put_address(ip, source);
  put_address(ip, destination);
  ip.resize(4 * words, 0);
  const unsigned ip_sum = checksum(ip);
  ip[10] = static_cast<unsigned char>(ip_sum >> 8);
  ip[11] = static_cast<unsigned char>(ip_sum);

  Octets udp;
  put16(udp, source.port());
  put16(udp, destination.port());
  put16(udp, length);
  put16(udp, 0);
  udp.insert(udp.end(), message.begin(), message.end());
  Octets covered = udp;
  if (covered.size() % 2 == 1) covered.push_back(0);  // or all that follows would be shifted
  put_address(covered, source);
  put_address(covered, destination);
  put16(covered, 17);
  put16(covered, length);
  unsigned udp_sum = checksum(covered);
  if (udp_sum == 0) udp_sum = 0xffff;
  udp[6] = static_cast<unsigned char>(udp_sum >> 8);
  udp[7] = static_cast<unsigned char>(udp_sum);

  std::string packet(ip.begin(), ip.end());
  packet.append(udp.begin(), udp.end());
  return packet;
}

}  // namespace wirelab
