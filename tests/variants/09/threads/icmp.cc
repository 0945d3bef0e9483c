// Lab 09's messages with the structures of the C library's headers, and memcpy.
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include <cstring>
#include <numeric>

#include "raw_icmp.hh"

namespace wirelab {

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  // As the bytes lie in memory: the sum comes out in that order, too (RFC 1071, section 2, B).
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, &bytes[at], std::min<std::size_t>(2, bytes.size() - at));
    sum += word;
  }
  while (sum >> 16 != 0) sum = (sum >> 16) + (sum & 0xffff);
  return ntohs(static_cast<std::uint16_t>(~sum));
}

Bytes echo_request(int, std::uint16_t identifier, std::uint16_t sequence,
                   std::span<const std::uint8_t> data) {
  icmphdr header{};
  header.type = ICMP_ECHO;
  header.un.echo.id = htons(identifier);
  header.un.echo.sequence = htons(sequence);
  Bytes message(sizeof header + data.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::copy(data.begin(), data.end(), message.begin() + sizeof header);
  header.checksum = htons(internet_checksum(message));
  std::memcpy(message.data(), &header, sizeof header);
  return message;
}

std::span<const std::uint8_t> behind_ipv4_header(std::span<const std::uint8_t> packet) {
  if (packet.size() < sizeof(iphdr)) return {};
  iphdr header{};
  std::memcpy(&header, packet.data(), sizeof header);
  if (header.protocol != IPPROTO_ICMP || packet.size() < header.ihl * 4u) return {};
  return packet.subspan(header.ihl * 4u);
}

std::optional<Answer> read_answer(int, std::span<const std::uint8_t> message) {
  icmphdr header{};
  if (message.size() < sizeof header || internet_checksum(message) != 0) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  Answer answer;
  switch (header.type) {
    case ICMP_ECHOREPLY:
      answer.kind = Answer::Kind::echo;
      answer.data.assign(message.begin() + sizeof header, message.end());
      break;
    case ICMP_DEST_UNREACH:
    case ICMP_TIME_EXCEEDED: {
      answer.kind =
          header.type == ICMP_TIME_EXCEEDED ? Answer::Kind::time_exceeded : Answer::Kind::unreachable;
      answer.code = header.code;
      const auto quoted = behind_ipv4_header(message.subspan(sizeof header));
      if (quoted.size() < sizeof header) return std::nullopt;
      std::memcpy(&header, quoted.data(), sizeof header);
      if (header.type != ICMP_ECHO) return std::nullopt;
      break;
    }
    default:
      return std::nullopt;
  }
  answer.identifier = ntohs(header.un.echo.id);
  answer.sequence = ntohs(header.un.echo.sequence);
  return answer;
}

}  // namespace wirelab
