// What the deck slides/00-the-course.md claims, and a program can show.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>

#include <vector>

#include "tests/claims/loopback.hh"

namespace wirelab::claims {
namespace {

class Claims00 : public Loopback {};

TEST_F(Claims00, tcp_and_udp_have_ports_of_their_own) {
  const Descriptor listener = listening();
  const Descriptor datagrams(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  EXPECT_EQ(bind_to(datagrams, local_address(listener.get())), 0);
}

TEST_F(Claims00, two_connections_to_one_port_are_told_apart_by_the_client) {
  const Descriptor listener = listening();
  const Descriptor one = connected_to(listener);
  const Descriptor other = connected_to(listener);
  const Descriptor first = accepted(listener);
  const Descriptor second = accepted(listener);
  EXPECT_EQ(local_address(first.get()), local_address(second.get()));
  EXPECT_NE(peer_address(first.get()), peer_address(second.get()));
  say(other, "from the other");
  EXPECT_EQ(heard(second), "from the other");
  EXPECT_EQ(heard(first, 10, MSG_DONTWAIT), std::nullopt);
}

TEST_F(Claims00, one_client_port_can_be_in_two_connections) {
  const Descriptor one_server = listening();
  const Descriptor other_server = listening();
  const Descriptor one = tcp_socket();
  const Descriptor other = tcp_socket();
  for (const Descriptor* socket : {&one, &other}) set(*socket, SOL_SOCKET, SO_REUSEADDR, 1);
  ASSERT_EQ(bind_to(one, Address::numeric("127.0.0.1", 0)), 0);
  ASSERT_EQ(bind_to(other, local_address(one.get())), 0);
  EXPECT_EQ(connect_to(one, local_address(one_server.get())), 0);
  EXPECT_EQ(connect_to(other, local_address(other_server.get())), 0);
  EXPECT_EQ(local_address(one.get()), local_address(other.get()));
}

TEST_F(Claims00, nobody_listens_means_refused) {
  Descriptor listener = listening();
  const Address there = local_address(listener.get());
  listener.reset();
  EXPECT_EQ(connect_to(tcp_socket(), there), ECONNREFUSED);
}

/// Each layer puts its header before what it carries: 14 bytes Ethernet, 20 bytes IPv4, 20 bytes TCP and 12
/// bytes of TCP options (the timestamps of RFC 7323).
TEST_F(Claims00, five_bytes_make_a_frame_of_seventy_one) {
  const Descriptor tap(must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP)), "socket"));
  const Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  const Descriptor server = accepted(listener);
  say(client, "Hello");
  ASSERT_EQ(heard(server), "Hello");
  std::vector<unsigned char> frame(2000);
  while (true) {
    ASSERT_TRUE(ready(tap, POLLIN)) << "no frame carries the five bytes";
    const ssize_t size = recv(tap.get(), frame.data(), frame.size(), 0);
    ASSERT_GE(size, 14 + 20 + 20);
    iphdr ip{};
    tcphdr tcp{};
    std::memcpy(&ip, &frame[14], sizeof ip);
    std::memcpy(&tcp, &frame[14 + 4 * std::size_t{ip.ihl}], sizeof tcp);
    if (ntohs(ip.tot_len) == 4 * ip.ihl + 4 * tcp.doff) continue;  // no data in it
    EXPECT_EQ(frame[12] << 8 | frame[13], ETHERTYPE_IP);
    EXPECT_EQ(ip.protocol, IPPROTO_TCP);
    EXPECT_EQ(4 * ip.ihl, 20);
    EXPECT_EQ(4 * tcp.doff, 32);
    EXPECT_EQ(ntohs(tcp.dest), local_address(server.get()).port());
    EXPECT_EQ(size, 14 + 20 + 32 + 5);
    return;
  }
}

}  // namespace
}  // namespace wirelab::claims
