// What the deck slides/01-socket-lifecycle.md claims, and a program can show.

#include <fstream>

#include "tests/claims/loopback.hh"

namespace wirelab::claims {
namespace {

class Claims01 : public Connected {};

TEST_F(Claims01, every_address_structure_begins_with_its_family) {
  EXPECT_EQ(offsetof(sockaddr, sa_family), 0U);
  EXPECT_EQ(offsetof(sockaddr_in, sin_family), 0U);
  EXPECT_EQ(offsetof(sockaddr_in6, sin6_family), 0U);
  EXPECT_EQ(offsetof(sockaddr_storage, ss_family), 0U);
  EXPECT_EQ(sizeof(sockaddr_in), 16U);
  EXPECT_EQ(sizeof(sockaddr_in6), 28U);
  EXPECT_EQ(sizeof(sockaddr_storage), 128U);
}

TEST_F(Claims01, port_1060_stands_as_04_24_and_reads_as_9220_unturned) {
  const Address address = Address::numeric("10.1.0.2", 1060);
  std::array<unsigned char, 16> bytes{};
  std::memcpy(bytes.data(), address.data(), bytes.size());
  EXPECT_THAT(std::vector(bytes.begin() + 2, bytes.begin() + 8), testing::ElementsAre(4, 0x24, 10, 1, 0, 2));
  EXPECT_EQ(0x2404, 9220);
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>(address.data())->sin_port), 1060);
}

TEST_F(Claims01, a_new_socket_gets_the_lowest_number_that_is_free) {
  Descriptor one = tcp_socket();
  const Descriptor other = tcp_socket();
  const int number = one.get();
  one.reset();
  EXPECT_EQ(tcp_socket().get(), number);
}

TEST_F(Claims01, a_socket_lives_until_its_last_descriptor_is_closed) {
  Descriptor copy(must(dup(client.get()), "dup"));
  client.reset();
  EXPECT_FALSE(ready(server, POLLIN, silence_ms));
  copy.reset();
  EXPECT_TRUE(ready(server, POLLIN));
  EXPECT_EQ(heard(server), "");
}

TEST_F(Claims01, shutdown_ends_the_direction_for_every_descriptor) {
  const Descriptor copy(must(dup(client.get()), "dup"));
  must(shutdown(client.get(), SHUT_WR), "shutdown");
  EXPECT_EQ(heard(server), "");
  EXPECT_EQ(error_of(send(copy.get(), "x", 1, MSG_NOSIGNAL)), EPIPE);
}

TEST_F(Claims01, an_ephemeral_port_comes_from_32768_to_60999) {
  int first = 0;
  int last = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first >> last;
  EXPECT_EQ(first, 32768);
  EXPECT_EQ(last, 60999);
  EXPECT_THAT(local_address(client.get()).port(), testing::AllOf(testing::Ge(first), testing::Le(last)));
}

TEST_F(Claims01, each_end_has_its_state) {
  EXPECT_EQ(state(tcp_socket()), TCP_CLOSE);
  EXPECT_EQ(state(listener), TCP_LISTEN);
  EXPECT_EQ(state(client), TCP_ESTABLISHED);
  EXPECT_EQ(state(server), TCP_ESTABLISHED);
  must(shutdown(client.get(), SHUT_WR), "shutdown");
  EXPECT_TRUE(eventually([&] { return state(server) == TCP_CLOSE_WAIT; }));
  EXPECT_TRUE(eventually([&] { return state(client) == TCP_FIN_WAIT2; }));
  must(shutdown(server.get(), SHUT_WR), "shutdown");
  EXPECT_TRUE(eventually([&] { return state(server) == TCP_CLOSE; }));
}

TEST_F(Claims01, after_the_half_close_the_other_direction_still_carries) {
  must(shutdown(client.get(), SHUT_WR), "shutdown");
  EXPECT_EQ(heard(server), "");
  say(server, "there is more");
  EXPECT_EQ(heard(client), "there is more");
}

TEST_F(Claims01, the_end_of_file_stays) {
  say(client, "last words");
  client.reset();
  EXPECT_EQ(heard(server), "last words");
  EXPECT_EQ(heard(server), "");
  EXPECT_EQ(heard(server), "");
}

TEST_F(Claims01, closing_with_bytes_unread_sends_a_reset) {
  say(server, "nobody reads this");
  ASSERT_TRUE(ready(client, POLLIN));
  client.reset();
  ASSERT_TRUE(ready(server, POLLIN));
  EXPECT_EQ(heard(server), std::nullopt);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(Claims01, bytes_that_come_after_close_are_answered_with_a_reset) {
  client.reset();
  ASSERT_EQ(heard(server), "");
  say(server, "too late");
  EXPECT_TRUE(eventually([&] { return error_of(send(server.get(), "x", 1, MSG_NOSIGNAL)) != 0; }));
}

TEST_F(Claims01, getsockname_with_no_room_tells_nothing) {
  sockaddr_storage address{};
  socklen_t size = 0;
  must(getsockname(client.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  EXPECT_EQ(address.ss_family, AF_UNSPEC);
  EXPECT_EQ(size, sizeof(sockaddr_in));
}

TEST_F(Claims01, an_ipv6_address_does_not_go_with_an_ipv4_socket) {
  EXPECT_EQ(connect_to(tcp_socket(), Address::numeric("fd00::2", 1060)), EAFNOSUPPORT);
}

TEST_F(Claims01, connect_that_does_not_block_tells_its_outcome_later) {
  const Descriptor impatient = tcp_socket(SOCK_NONBLOCK);
  const Address there = local_address(listener.get());
  EXPECT_EQ(connect_to(impatient, there), EINPROGRESS);
  ASSERT_TRUE(ready(impatient, POLLOUT));
  EXPECT_EQ(get(impatient, SOL_SOCKET, SO_ERROR), 0);

  listener.reset();
  const Descriptor refused = tcp_socket(SOCK_NONBLOCK);
  EXPECT_EQ(connect_to(refused, there), EINPROGRESS);
  ASSERT_TRUE(ready(refused, POLLOUT));  // a socket that has failed is writable as well
  EXPECT_EQ(get(refused, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
}

}  // namespace
}  // namespace wirelab::claims
