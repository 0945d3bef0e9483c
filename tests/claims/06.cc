// What the deck slides/06-spoofed-reply.md claims, and a program can show.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "grader/network/checksum.hh"
#include "tests/claims/datagrams.hh"

namespace wirelab::claims {
namespace {

using testing::DoubleNear;
using testing::SizeIs;

struct ThreeHosts {
  Network net;
  Host& client = net.host("client", "10.6.0.1/24");
  Host& server = net.host("server", "10.6.0.2/24");
  Host& attacker = net.host("attacker", "10.6.0.3/24");
  Segment& wire = net.segment({&client, &server, &attacker});
};

TEST(Claims06, a_socket_cannot_be_bound_to_a_foreign_address) {
  const ThreeHosts three;
  const Udp socket = udp_on(three.attacker);
  EXPECT_EQ(socket.bind(three.server.at(1060)), -1);
  EXPECT_EQ(errno, EADDRNOTAVAIL);
}

TEST(Claims06, the_structures_lie_as_on_the_wire) {
  EXPECT_EQ(sizeof(iphdr), 20U);
  EXPECT_EQ(offsetof(iphdr, tot_len), 2U);
  EXPECT_EQ(offsetof(iphdr, frag_off), 6U);
  EXPECT_EQ(offsetof(iphdr, ttl), 8U);
  EXPECT_EQ(offsetof(iphdr, protocol), 9U);
  EXPECT_EQ(offsetof(iphdr, check), 10U);
  EXPECT_EQ(offsetof(iphdr, saddr), 12U);
  EXPECT_EQ(offsetof(iphdr, daddr), 16U);
  iphdr header{};
  header.version = 4;
  header.ihl = 5;
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(&header), 0x45);
  EXPECT_EQ(sizeof(udphdr), 8U);
}

/// The sum of 16-bit words in one's complement, carries folded until none is left (RFC 1071).
std::uint16_t ones_complement_sum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    sum += i % 2 == 0 ? byte * 256U : byte;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(Claims06, carries_upon_carries) {
  const auto fold_once = [](std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); };
  EXPECT_EQ(fold_once(0x1fffe), 0xffffU);
  EXPECT_EQ(fold_once(0x1ffff), 0x10000U);
  EXPECT_EQ(fold_once(fold_once(0x1ffff)), 1U);
}

TEST(Claims06, a_checksum_does_not_see_exchanged_words) {
  EXPECT_EQ(ones_complement_sum("abcdefgh"), ones_complement_sum("efghabcd"));
  EXPECT_NE(ones_complement_sum("abcdefgh"), ones_complement_sum("bacdefgh"));
}

/// The datagram of the slide, in a packet whose IPv4 checksum is left to the kernel (raw(7)).
std::string packet_of_the_slide(std::string_view data) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.saddr = inet_addr("10.6.0.2");
  ip.daddr = inet_addr("10.6.0.1");
  udphdr header{};
  header.source = htons(1060);
  header.dest = htons(40213);
  header.len = htons(static_cast<std::uint16_t>(8 + data.size()));
  header.check = htons(0xe126);
  std::string packet(reinterpret_cast<const char*>(&ip), sizeof ip);
  packet.append(reinterpret_cast<const char*>(&header), sizeof header);
  return packet.append(data);
}

void send_raw(const Host& from, const std::string& packet, const Address& to) {
  const auto inside = from.visit();
  const Descriptor raw(must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "socket", "raw"));
  must(sendto(raw.get(), packet.data(), packet.size(), 0, to.data(), *to.size()), "sendto");
}

TEST(Claims06, a_checksum_by_hand) {
  const std::string words(
      "\x0a\x06\x00\x02\x0a\x06\x00\x01"  // addresses
      "\x00\x11\x00\x0b"                  // zero, protocol 17, UDP length 11
      "\x04\x24\x9d\x15\x00\x0b\x00\x00"  // ports, length, checksum 0
      "Hi!",
      23);
  EXPECT_EQ(ones_complement_sum(words.substr(0, 8)), 0x140f);
  EXPECT_EQ(ones_complement_sum(words.substr(8, 4)), 0x001c);
  EXPECT_EQ(ones_complement_sum(words.substr(12, 8)), 0xa144);
  EXPECT_EQ(ones_complement_sum(words.substr(20)), 0x6969);
  EXPECT_EQ(0x140f + 0x001c + 0xa144 + 0x6969, 0x11ed8);
  EXPECT_EQ(ones_complement_sum(words), 0x1ed9);
  EXPECT_EQ(static_cast<std::uint16_t>(~ones_complement_sum(words)), 0xe126);

  // And a kernel agrees: it takes this datagram for the server's, and throws another away without a word.
  const ThreeHosts three;
  const Udp client = udp_on(three.client, three.client.at(40213));
  send_raw(three.attacker, packet_of_the_slide("Hi?"), three.client.at(40213));
  send_raw(three.attacker, packet_of_the_slide("Hi!"), three.client.at(40213));
  Address from;
  EXPECT_EQ(client.receive(patience, &from), "Hi!");
  EXPECT_EQ(from.to_string(), "10.6.0.2:1060");
  EXPECT_THAT(three.wire.frames(udp.from(three.attacker)), SizeIs(2));
  EXPECT_EQ(three.wire.count(icmp), 0U);
}

TEST(Claims06, the_kernel_mends_two_fields_of_the_header) {
  const ThreeHosts three;
  const Udp client = udp_on(three.client, three.client.at(40213));
  const std::string packet = packet_of_the_slide("Hi!");  // total length and header checksum are 0 in it
  send_raw(three.attacker, packet, three.client.at(40213));
  ASSERT_TRUE(client.receive());
  const CapturedFrame sent = three.wire.frames(udp).front();
  EXPECT_EQ(sent.frame.headers().total_length, packet.size());
  EXPECT_EQ(checksum_trouble(sent.frame.bytes()), "");
}

TEST(Claims06, rand_is_found_by_trying_the_seconds) {
  const auto token = [](unsigned seed) {
    std::srand(seed);
    std::string digits;
    for (int i = 0; i < 16; ++i) digits += "0123456789abcdef"[std::rand() % 16];  // NOLINT: that is the point
    return digits;
  };
  constexpr unsigned noon = 1700000000;
  constexpr unsigned started = noon + 12345;  // some time in the afternoon
  const std::string seen = token(started);
  std::vector<unsigned> found;
  for (unsigned second = noon; second < noon + 15000; ++second) {
    if (token(second) == seen) found.push_back(second);
  }
  EXPECT_THAT(found, testing::ElementsAre(started));
}

/// Undoes the scrambling of a Mersenne Twister's output (std::mt19937), which loses nothing.
std::uint32_t unscrambled(std::uint32_t y) {
  y ^= y >> 18;
  y ^= (y << 15) & 0xefc60000U;
  std::uint32_t x = y;
  for (int i = 0; i < 5; ++i) x = y ^ ((x << 7) & 0x9d2c5680U);
  y = x;
  for (int i = 0; i < 3; ++i) x = y ^ (x >> 11);
  return x;
}

TEST(Claims06, a_mersenne_twister_is_known_after_624_numbers) {
  std::mt19937 victim{std::random_device()()};
  victim.discard(std::random_device()() % 5000);
  std::stringstream state;
  for (int i = 0; i < 624; ++i) state << unscrambled(static_cast<std::uint32_t>(victim())) << ' ';
  state << 624;  // all of them used up: the form in which the library writes and reads an engine's state
  std::mt19937 attacker{std::random_device()()};
  state >> attacker;
  ASSERT_FALSE(state.fail());
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(attacker(), victim()) << i;
  EXPECT_EQ(624 * 32 - 31, 19937);
}

TEST(Claims06, times_of_guessing) {
  constexpr double rate = 1e6;
  EXPECT_THAT(std::pow(2, 16) / 2 / rate, DoubleNear(0.03, 0.005));
  const double ids_and_ports = std::pow(2, 16) * 28232;
  EXPECT_THAT(std::log2(ids_and_ports), DoubleNear(30.8, 0.05));
  EXPECT_THAT(ids_and_ports / 2 / rate / 60, DoubleNear(15, 0.5));
  EXPECT_THAT(std::pow(2, 64) / 2 / rate / (365.25 * 86400), DoubleNear(292000, 500));
}

TEST(Claims06, the_kernel_draws_ports_at_random) {
  const Alone alone;
  int first = 0;
  int last = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first >> last;
  EXPECT_EQ(first, 32768);
  EXPECT_EQ(last, 60999);
  EXPECT_EQ(last - first + 1, 28232);
  std::set<int> ports;
  int followed = 0;
  int before = 0;
  for (int i = 0; i < 100; ++i) {
    const Udp socket;
    ASSERT_EQ(socket.connect(v4("127.0.0.1", 1060)), 0);
    const int port = socket.here().port();
    EXPECT_TRUE(port >= first && port <= last) << port;
    if (std::abs(port - before) <= 10) ++followed;
    before = port;
    ports.insert(port);
  }
  EXPECT_GT(ports.size(), 90U);
  EXPECT_LT(followed, 10);
}

}  // namespace
}  // namespace wirelab::claims
