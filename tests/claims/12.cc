// What the deck slides/12-raw-tcp.md claims, and a program can show.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/checksum.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Octets = std::vector<std::uint8_t>;

auto soon() { return std::chrono::steady_clock::now() + 10s; }

constexpr std::uint16_t own_port = 50000, server_port = 1060;
constexpr std::uint32_t own_number = 0xfffffffe;

unsigned sum_of(const Octets& bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<unsigned>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Octets address_bytes(const Address& address) {
  sockaddr_in v4{};
  std::memcpy(&v4, address.data(), sizeof v4);
  Octets bytes(4);
  std::memcpy(bytes.data(), &v4.sin_addr, 4);
  return bytes;
}

/// The sum over pseudo header and segment: 0xffff when the segment holds a right checksum.
unsigned sum_with_pseudo_header(const Octets& segment, const Address& source, const Address& destination) {
  Octets summed = address_bytes(source);
  for (const std::uint8_t one : address_bytes(destination)) summed.push_back(one);
  const auto length = static_cast<std::uint8_t>(segment.size());
  for (const std::uint8_t one : Octets{0, IPPROTO_TCP, 0, length}) summed.push_back(one);
  summed.insert(summed.end(), segment.begin(), segment.end());
  return sum_of(summed);
}

/// A segment without options and data.
Octets segment(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment,
               const Address& source, const Address& destination) {
  Octets bytes;
  const auto put = [&bytes](std::uint32_t number, int width) {
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(number >> shift));
    }
  };
  put(source.port(), 2);
  put(destination.port(), 2);
  put(sequence, 4);
  put(acknowledgment, 4);
  put(5 << 4, 1);
  put(flags, 1);
  put(8192, 2);
  put(0, 4);
  const unsigned checksum = ~sum_with_pseudo_header(bytes, source, destination) & 0xffff;
  bytes[16] = static_cast<std::uint8_t>(checksum >> 8);
  bytes[17] = static_cast<std::uint8_t>(checksum & 0xff);
  return bytes;
}

/// A client that speaks TCP by hand, and an ordinary server.
struct ByHand {
  Network net;
  Host& client = net.host("client", "10.12.0.1/24");
  Host& server = net.host("server", "10.12.0.2/24");
  Segment& wire = net.link(client, server);
  Descriptor raw = make_raw();

  Descriptor make_raw() const {
    const auto inside = client.visit();
    return Descriptor(must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP), "socket"));
  }

  [[nodiscard]] Descriptor listen_on_server() const {
    const auto inside = server.visit();
    Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const Address here = server.at(server_port);
    must(bind(fd.get(), here.data(), *here.size()), "bind");
    must(listen(fd.get(), 1), "listen");
    return fd;
  }

  void send(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0) const {
    const Octets bytes =
        segment(flags, sequence, acknowledgment, client.at(own_port), server.at(server_port));
    const Address to = server.at(0);
    must(sendto(raw.get(), bytes.data(), bytes.size(), 0, to.data(), *to.size()), "sendto");
  }

  /// Whether something comes to the raw socket within 10 s.
  [[nodiscard]] bool hears() const {
    pollfd ready{raw.get(), POLLIN, 0};
    return poll(&ready, 1, 10000) > 0;
  }

  [[nodiscard]] Headers first(const Match& match) const { return wire.frames(match).at(0).frame.headers(); }
};

/// The server answers our SYN; the kernel of our own host sees that answer, and knows of no connection.
TEST(Claims12, own_kernel_resets_a_connection_that_it_does_not_know) {
  const ByHand hand;
  const Descriptor listener = hand.listen_on_server();
  hand.send(tcp_flag::syn, own_number);
  ASSERT_TRUE(hand.wire.wait_for(rst.from(hand.client), 1, soon()));
  const Headers answer = hand.first(syn_ack), reset = hand.first(rst.from(hand.client));
  EXPECT_EQ(answer.acknowledgment, 0xffffffffU);
  EXPECT_EQ(reset.sequence, answer.acknowledgment);  // RFC 9293, section 3.5.2: so that it is believed
  EXPECT_EQ(reset.flags, tcp_flag::rst);
}

TEST(Claims12, hushed_kernel_says_nothing_and_raw_sockets_hear_all) {
  ByHand hand;
  hand.client.hush_tcp();
  const Descriptor listener = hand.listen_on_server();
  hand.send(tcp_flag::syn, own_number);
  ASSERT_TRUE(hand.hears());
  ASSERT_TRUE(hand.wire.wait_for(syn_ack, 2, soon()));  // it is not answered, so it comes again
  EXPECT_EQ(hand.wire.count(rst), 0U);
  EXPECT_EQ(checksum_trouble(hand.wire.frames(syn)[0].frame.bytes()), "");
}

/// With three segments by hand the server's kernel hands over a connection.
TEST(Claims12, three_segments_make_a_connection) {
  ByHand hand;
  hand.client.hush_tcp();
  const Descriptor listener = hand.listen_on_server();
  hand.send(tcp_flag::syn, own_number);
  ASSERT_TRUE(hand.wire.wait_for(syn_ack, 1, soon()));
  hand.send(tcp_flag::ack, own_number + 1, hand.first(syn_ack).sequence + 1);
  pollfd ready{listener.get(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, 10000), 1);
  const Descriptor connection(must(accept(listener.get(), nullptr, nullptr), "accept"));
  EXPECT_EQ(peer_address(connection.get()), hand.client.at(own_port));
}

TEST(Claims12, closed_port_answers_with_a_reset_that_acknowledges_the_syn) {
  ByHand hand;
  hand.client.hush_tcp();
  hand.send(tcp_flag::syn, 1000);
  ASSERT_TRUE(hand.wire.wait_for(rst.from(hand.server), 1, soon()));
  const Headers reset = hand.first(rst);
  EXPECT_EQ(reset.flags, tcp_flag::rst | tcp_flag::ack);
  EXPECT_EQ(reset.acknowledgment, 1001U);
  EXPECT_EQ(reset.sequence, 0U);
}

TEST(Claims12, peer_without_mss_option_gets_536_bytes_at_most) {
  ByHand hand;
  hand.client.hush_tcp();
  const Descriptor listener = hand.listen_on_server();
  hand.send(tcp_flag::syn, 1000);  // without MSS
  ASSERT_TRUE(hand.wire.wait_for(syn_ack, 1, soon()));
  hand.send(tcp_flag::ack, 1001, hand.first(syn_ack).sequence + 1);
  const Descriptor connection(must(accept(listener.get(), nullptr, nullptr), "accept"));
  const std::string page(3000, 'p');
  must(::send(connection.get(), page.data(), page.size(), MSG_NOSIGNAL), "send");
  ASSERT_TRUE(hand.wire.wait_for(with_payload.from(hand.server), 1, soon()));
  EXPECT_EQ(hand.first(with_payload).payload.size(), 536U);
}

TEST(Claims12, checksum_covers_the_addresses) {
  const Address source = Address::numeric("10.12.0.1", own_port),
                right = Address::numeric("10.12.0.2", server_port);
  const Octets bytes = segment(tcp_flag::syn, own_number, 0, source, right);
  EXPECT_EQ(sum_with_pseudo_header(bytes, source, right), 0xffffU);
  EXPECT_NE(sum_with_pseudo_header(bytes, source, Address::numeric("10.12.0.3", server_port)), 0xffffU);
}

TEST(Claims12, signed_difference_tells_which_number_comes_first) {
  const auto distance = [](std::uint32_t number, std::uint32_t reference) {
    return static_cast<std::int32_t>(number - reference);
  };
  EXPECT_EQ(distance(own_number + 3, own_number), 3);
  EXPECT_EQ(own_number + 3, 1U);  // it has wrapped around
  EXPECT_LT(distance(own_number, 1), 0);
}

}  // namespace
}  // namespace wirelab
