// Lab 12 in the manner of C: headers as structures laid over the bytes, the IP header of our own making
// (IP_HDRINCL), one time-out of the socket for everything (SO_RCVTIMEO), and a map of bits of what has come.
// This file: checksums. They are summed up as 16-bit words of memory, in network byte order throughout.
#include <arpa/inet.h>

#include <cstring>

#include "raw_tcp.hh"

namespace wirelab::by_structures {

std::uint32_t sum_words(const void* from, std::size_t count, std::uint32_t sum) {
  const auto* bytes = static_cast<const unsigned char*>(from);
  for (; count > 1; bytes += 2, count -= 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes, 2);
    sum += word;
  }
  if (count == 1) sum += htons(static_cast<std::uint16_t>(*bytes << 8));
  return sum;
}

std::uint16_t finish_sum(std::uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

std::uint16_t tcp_sum(in_addr source, in_addr destination, const void* segment, std::size_t count) {
  const std::uint32_t rest = htonl(static_cast<std::uint32_t>(IPPROTO_TCP << 16 | count));
  std::uint32_t sum = sum_words(&source, 4, 0);
  sum = sum_words(&destination, 4, sum);
  sum = sum_words(&rest, 4, sum);
  return finish_sum(sum_words(segment, count, sum));
}

}  // namespace wirelab::by_structures
