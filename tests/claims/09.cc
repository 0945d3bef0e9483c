// What the deck slides/09-raw-icmp.md claims, and a program can show.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/chain.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Message = std::vector<std::uint8_t>;

/// The ones' complement sum of 16-bit numbers, high byte first or last.
unsigned sum_of(const Message& bytes, std::endian order = std::endian::big) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += static_cast<unsigned>(bytes[i]) << ((i % 2 == 0) == (order == std::endian::big) ? 8 : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Message with_checksum(Message message) {
  const unsigned checksum = ~sum_of(message) & 0xffff;
  message[2] = static_cast<std::uint8_t>(checksum >> 8);
  message[3] = static_cast<std::uint8_t>(checksum & 0xff);
  return message;
}

/// An echo request with one byte of sequence number, and the words that everybody knows.
Message echo_request(std::uint8_t sequence) {
  Message message{8, 0, 0, 0, 0x6f, 0x2a, 0, sequence};
  for (const char one : std::string("Hello world!")) message.push_back(static_cast<std::uint8_t>(one));
  return with_checksum(message);
}

Descriptor raw_socket(const Host& host) {
  const auto inside = host.visit();
  return Descriptor(must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), "socket"));
}

void send(const Descriptor& fd, const Message& message, const Address& to) {
  must(sendto(fd.get(), message.data(), message.size(), 0, to.data(), *to.size()), "sendto");
}

/// The next packet, or nothing within 10 s.
Message receive(const Descriptor& fd) {
  pollfd ready{fd.get(), POLLIN, 0};
  if (poll(&ready, 1, 10000) <= 0) return {};
  Message packet(65535);
  packet.resize(static_cast<std::size_t>(must(recv(fd.get(), packet.data(), packet.size(), 0), "recv")));
  return packet;
}

/// The sum on the slide, number by number.
TEST(Claims09, worked_sum_is_right) {
  Message message = echo_request(1);
  EXPECT_EQ(message[2], 0x16);
  EXPECT_EQ(message[3], 0xe5);
  message[2] = message[3] = 0;
  unsigned sum = 0;
  std::vector<unsigned> sums;
  for (std::size_t i = 0; i < message.size(); i += 2) {
    sum += static_cast<unsigned>(message[i] << 8 | message[i + 1]);
    sums.push_back(sum);
  }
  EXPECT_THAT(sums,
              ElementsAre(0x800, 0x800, 0x772a, 0x772b, 0xbf90, 0x12bfc, 0x19b1c, 0x2128b, 0x284f7, 0x2e918));
  sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xe91aU);
  EXPECT_EQ(~sum & 0xffff, 0x16e5U);
}

TEST(Claims09, example_of_rfc_1071_is_right) {
  const Message bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(sum_of(bytes), 0xddf2U);
  EXPECT_EQ(~sum_of(bytes) & 0xffff, 0x220dU);
}

TEST(Claims09, message_with_its_checksum_sums_up_to_all_ones) {
  EXPECT_EQ(sum_of(echo_request(1)), 0xffffU);
  EXPECT_EQ(sum_of(echo_request(2)), 0xffffU);
}

TEST(Claims09, sum_does_not_depend_on_the_order_of_bytes) {
  const Message message = echo_request(1);
  const unsigned swapped = sum_of(message, std::endian::little);
  EXPECT_EQ((swapped >> 8 | swapped << 8) & 0xffff, sum_of(message));
}

TEST(Claims09, swapped_words_are_not_noticed) {
  Message message = echo_request(1);
  for (const std::size_t i : {0U, 1U}) std::swap(message[8 + i], message[10 + i]);
  EXPECT_NE(message, echo_request(1));
  EXPECT_EQ(sum_of(message), 0xffffU);
}

TEST(Claims09, every_raw_socket_hears_everything_header_included) {
  Network net;
  const Host& host = net.host("alone", "10.9.0.1/24");
  const Descriptor asker = raw_socket(host), bystander = raw_socket(host);
  send(asker, echo_request(1), Address::numeric("127.0.0.1", 0));
  for (const Descriptor* one : {&asker, &bystander}) {
    const Message question = receive(*one), answer = receive(*one);
    ASSERT_EQ(question.size(), 20U + 20U);
    ASSERT_EQ(answer.size(), 20U + 20U);
    EXPECT_EQ(question[0], 0x45);  // an IPv4 header of 5 words
    EXPECT_EQ(question[9], 1);     // of ICMP
    EXPECT_EQ(question[20], 8);    // the own question comes first,
    EXPECT_EQ(answer[20], 0);      // and then the answer
  }
}

TEST(Claims09, wrong_checksum_is_not_answered) {
  Network net;
  Host& client = net.host("client", "10.9.0.1/24");
  Host& server = net.host("server", "10.9.0.2/24");
  const Segment& wire = net.link(client, server);
  const Descriptor fd = raw_socket(client);
  Message damaged = echo_request(1);
  damaged.back() ^= 1;
  send(fd, damaged, server.at(0));
  send(fd, echo_request(2), server.at(0));
  const Message answer = receive(fd);
  ASSERT_EQ(answer.size(), 40U);
  EXPECT_EQ(answer[20 + 7], 2);
  EXPECT_EQ(wire.count(icmp.from(client)), 2U);
  EXPECT_EQ(wire.count(icmp.from(server)), 1U);
}

TEST(Claims09, kernel_writes_the_ip_header) {
  Network net;
  Host& client = net.host("client", "10.9.0.1/24");
  Host& server = net.host("server", "10.9.0.2/24");
  Segment& wire = net.link(client, server);
  const Descriptor fd = raw_socket(client);
  send(fd, echo_request(1), server.at(0));
  const int hops = 7;
  must(setsockopt(fd.get(), IPPROTO_IP, IP_TTL, &hops, sizeof hops), "IP_TTL");
  send(fd, echo_request(2), server.at(0));
  ASSERT_TRUE(wire.wait_for(icmp.from(client), 2, std::chrono::steady_clock::now() + 10s));
  const auto frames = wire.frames(icmp.from(client));
  EXPECT_EQ(frames[0].frame.headers().source.host(), "10.9.0.1");
  EXPECT_EQ(frames[0].frame.headers().total_length, 40);
  EXPECT_EQ(frames[0].frame.headers().ttl, 64);
  EXPECT_EQ(frames[1].frame.headers().ttl, 7);
}

/// An error message quotes the IP header of the packet, and its first bytes, as they were when it died.
TEST(Claims09, error_message_quotes_the_request) {
  Network net;
  Chain chain(net, {1500, 1500}, 9);
  const Descriptor fd = raw_socket(chain.client);
  const int hops = 1;
  must(setsockopt(fd.get(), IPPROTO_IP, IP_TTL, &hops, sizeof hops), "IP_TTL");
  const Message request = echo_request(3);
  send(fd, request, chain.server.at(0));
  const Message error = receive(fd);
  ASSERT_GE(error.size(), 20U + 8U + 20U + 8U);
  EXPECT_EQ(error[20], 11);     // time exceeded
  EXPECT_EQ(error[28], 0x45);   // the quoted IP header ...
  EXPECT_EQ(error[28 + 9], 1);  // ... of an ICMP message ...
  EXPECT_TRUE(std::equal(request.begin(), request.begin() + 8, error.begin() + 48));
  EXPECT_EQ(std::vector(error.begin() + 12, error.begin() + 16), (Message{10, 9, 0, 2}));  // says the router
}

}  // namespace
}  // namespace wirelab
