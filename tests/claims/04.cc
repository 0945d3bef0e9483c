// What the deck slides/04-udp-echo.md claims, and a program can show.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "tests/claims/datagrams.hh"

namespace wirelab::claims {
namespace {

using testing::SizeIs;

TEST(Claims04, borders_are_kept_whatever_the_reader_asks_for) {
  const Alone alone;
  const Udp server(v4("127.0.0.1", 0));
  const Udp client;
  ASSERT_EQ(client.send("ab", server.here()), 2);
  ASSERT_EQ(client.send("", server.here()), 0);
  ASSERT_EQ(client.send(std::string("c\0d", 3), server.here()), 3);
  EXPECT_EQ(server.receive(), "ab");  // with room for 65,536 bytes
  EXPECT_EQ(server.receive(), "");
  EXPECT_EQ(server.receive(), std::string("c\0d", 3));
}

TEST(Claims04, the_largest_datagrams) {
  const Alone alone;
  const Udp server(v4("127.0.0.1", 0));
  const Udp client;
  EXPECT_EQ(client.send(std::string(65507, 'x'), server.here()), 65507);
  EXPECT_THAT(server.receive().value_or(""), SizeIs(65507));
  EXPECT_EQ(client.send(std::string(65508, 'x'), server.here()), -1);
  EXPECT_EQ(errno, EMSGSIZE);

  const Descriptor six(must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Address here = Address::numeric("::1", 1060);
  const std::string bytes(65528, 'x');
  EXPECT_EQ(sendto(six.get(), bytes.data(), 65527, 0, here.data(), *here.size()), 65527);
  EXPECT_EQ(sendto(six.get(), bytes.data(), 65528, 0, here.data(), *here.size()), -1);
  EXPECT_EQ(errno, EMSGSIZE);
}

/// A message with room for 4 bytes by default, a sender and ancillary data.
struct Form {
  explicit Form(std::size_t room = 4) : bytes(room, '\0') {
    part = {bytes.data(), bytes.size()};
    header.msg_name = &name;
    header.msg_namelen = sizeof name;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = ancillary.data();
    header.msg_controllen = ancillary.size();
  }
  sockaddr_storage name{};
  std::string bytes;
  iovec part{};
  alignas(cmsghdr) std::array<char, 128> ancillary{};
  msghdr header{};
};

TEST(Claims04, what_does_not_fit_is_lost) {
  const Alone alone;
  const Udp server(v4("127.0.0.1", 0));
  const Udp client;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(client.send("0123456789", server.here()), 10);
  ASSERT_EQ(client.send("next", server.here()), 4);
  std::array<char, 4> room{};
  EXPECT_EQ(recv(server.fd(), room.data(), room.size(), 0), 4);
  EXPECT_EQ(recv(server.fd(), room.data(), room.size(), MSG_TRUNC), 10);
  Form form;
  EXPECT_EQ(recvmsg(server.fd(), &form.header, 0), 4);
  EXPECT_NE(form.header.msg_flags & MSG_TRUNC, 0);
  EXPECT_EQ(server.receive(), "next") << "the rest of the three is nowhere";
}

TEST(Claims04, a_second_server_with_reuseaddr_takes_the_datagrams) {
  const Alone alone;
  const Udp first;
  const Udp second;
  ASSERT_EQ(first.set(SOL_SOCKET, SO_REUSEADDR, 1), 0);
  ASSERT_EQ(second.set(SOL_SOCKET, SO_REUSEADDR, 1), 0);
  ASSERT_EQ(first.bind(v4("127.0.0.1", 1060)), 0);
  EXPECT_EQ(second.bind(v4("127.0.0.1", 1060)), 0);
  const Udp client;
  ASSERT_EQ(client.send("hello", first.here()), 5);
  EXPECT_EQ(second.receive(), "hello");
  EXPECT_FALSE(first.readable(a_while));

  const Udp third;
  EXPECT_EQ(third.bind(v4("127.0.0.1", 1060)), -1) << "without the option it is refused";
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST(Claims04, the_kernel_chooses_the_source_by_the_way_out) {
  const Alone alone;
  const Udp server(v4("0.0.0.0", 0));
  EXPECT_EQ(server.here().host(), "0.0.0.0");
  const Udp client(v4("127.0.0.1", 0));
  ASSERT_EQ(client.send("hello", v4("127.7.7.7", server.here().port())), 5);
  Address from;
  ASSERT_EQ(server.receive(patience, &from), "hello");
  ASSERT_EQ(server.send("hello", from), 5);
  ASSERT_EQ(client.receive(patience, &from), "hello");
  EXPECT_EQ(from.host(), "127.0.0.1") << "and not 127.7.7.7, which was asked";
}

/// A server with IP_PKTINFO has received one datagram to 127.7.7.7.
struct Asked {
  Asked() {
    must(server.set(IPPROTO_IP, IP_PKTINFO, 1), "setsockopt IP_PKTINFO");
    must(server.bind(v4("0.0.0.0", 0)), "bind");
    must(client.send("hello", v4("127.7.7.7", server.here().port())), "send");
    must(recvmsg(server.fd(), &form.header, 0), "recvmsg");
  }
  Alone alone;
  Udp server;
  Udp client{v4("127.0.0.1", 0)};
  Form form{100};
};

TEST(Claims04, pktinfo_sets_the_source) {
  Asked asked;
  asked.form.part.iov_len = 5;
  in_pktinfo info{};
  cmsghdr* first = CMSG_FIRSTHDR(&asked.form.header);
  ASSERT_NE(first, nullptr);
  std::memcpy(&info, CMSG_DATA(first), sizeof info);
  info.ipi_ifindex = 0;
  info.ipi_addr.s_addr = htonl(0x01020304);  // not read
  std::memcpy(CMSG_DATA(first), &info, sizeof info);
  ASSERT_EQ(sendmsg(asked.server.fd(), &asked.form.header, 0), 5);
  Address from;
  ASSERT_EQ(asked.client.receive(patience, &from), "hello");
  EXPECT_EQ(from.host(), "127.7.7.7");
}

TEST(Claims04, lengths_come_back_changed) {
  const Asked asked;
  EXPECT_EQ(sizeof(sockaddr_storage), 128U);
  EXPECT_EQ(asked.form.header.msg_namelen, 16U);
  EXPECT_EQ(asked.form.header.msg_controllen, 32U);  // it was 128
  EXPECT_EQ(asked.form.part.iov_len, 100U) << "the iovec's stays";
}

TEST(Claims04, a_control_message_in_memory) {
  static_assert(sizeof(void*) != 8 || sizeof(cmsghdr) == 16);
  static_assert(sizeof(in_pktinfo) == 12 && sizeof(in6_pktinfo) == 20);
  if (sizeof(void*) != 8) GTEST_SKIP() << "the numbers on the slide are those of 64-bit systems";
  EXPECT_EQ(CMSG_LEN(12), 28U);
  EXPECT_EQ(CMSG_SPACE(12), 32U);
  const Asked asked;
  const auto number_at = [&](std::size_t offset, auto number) {
    std::memcpy(&number, asked.form.ancillary.data() + offset, sizeof number);
    return number;
  };
  EXPECT_EQ(number_at(0, std::uint64_t{}), 28U);
  EXPECT_EQ(number_at(8, std::int32_t{}), IPPROTO_IP);
  EXPECT_EQ(IPPROTO_IP, 0);
  EXPECT_EQ(number_at(12, std::int32_t{}), IP_PKTINFO);
  EXPECT_EQ(IP_PKTINFO, 8);
  EXPECT_EQ(number_at(16, std::int32_t{}), 1);  // lo
  EXPECT_EQ(ntohl(number_at(20, std::uint32_t{})), 0x7f070707U);
  EXPECT_EQ(ntohl(number_at(24, std::uint32_t{})), 0x7f070707U);
}

TEST(Claims04, too_little_room_sets_msg_ctrunc) {
  const Alone alone;
  Udp server;
  ASSERT_EQ(server.set(IPPROTO_IP, IP_PKTINFO, 1), 0);
  ASSERT_EQ(server.bind(v4("127.0.0.1", 0)), 0);
  const Udp client;
  ASSERT_EQ(client.send("hello", server.here()), 5);
  Form form{100};
  form.header.msg_controllen = sizeof(cmsghdr) - 1;
  EXPECT_EQ(recvmsg(server.fd(), &form.header, 0), 5) << "the datagram comes all the same";
  EXPECT_NE(form.header.msg_flags & MSG_CTRUNC, 0);
  EXPECT_EQ(CMSG_FIRSTHDR(&form.header), nullptr);
}

TEST(Claims04, connect_sends_nothing_and_chooses_an_address) {
  Network net;
  Host& client = net.host("client", "10.4.0.1/24");
  Host& server = net.host("server", "10.4.0.2/24");
  const Segment& wire = net.link(client, server);
  const Udp socket = udp_on(client);
  EXPECT_EQ(socket.here().port(), 0);
  ASSERT_EQ(socket.connect(server.at(1060)), 0);
  EXPECT_EQ(socket.here().host(), "10.4.0.1");
  EXPECT_NE(socket.here().port(), 0);
  ASSERT_EQ(socket.send("hello"), 5);
  ASSERT_TRUE(wire.wait_for(udp, 1, std::chrono::steady_clock::now() + patience));
  EXPECT_THAT(wire.frames(udp || tcp || arp), SizeIs(1)) << "the datagram is the first that is sent";
}

TEST(Claims04, connect_to_nobody_dissolves) {
  const Alone alone;
  const Udp peer(v4("127.0.0.1", 0));
  const Udp stranger(v4("127.0.0.1", 0));
  const Udp socket(v4("127.0.0.1", 1060));
  ASSERT_EQ(socket.connect(peer.here()), 0);
  ASSERT_EQ(stranger.connect(socket.here()), 0);
  ASSERT_EQ(stranger.send("hello"), 5);
  EXPECT_EQ(stranger.receive(), std::nullopt);
  EXPECT_EQ(errno, ECONNREFUSED) << "as if nobody were there";

  const Address here = socket.here();
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  ASSERT_EQ(connect(socket.fd(), &nobody, sizeof nobody), 0);
  EXPECT_EQ(socket.here(), here);
  ASSERT_EQ(stranger.send("hello"), 5);
  EXPECT_EQ(socket.receive(), "hello");

  const Udp chosen(v4("127.0.0.1", 0));
  ASSERT_EQ(chosen.connect(peer.here()), 0);
  ASSERT_EQ(connect(chosen.fd(), &nobody, sizeof nobody), 0);
  EXPECT_EQ(chosen.here().port(), 0) << "a port that the kernel chose is given up";
}

TEST(Claims04, the_error_comes_with_the_next_call) {
  const Alone alone;
  const Address nobody = Udp(v4("127.0.0.1", 0)).here();  // a port that was free a moment ago
  const Udp socket;
  ASSERT_EQ(socket.connect(nobody), 0);
  ASSERT_EQ(socket.send("one"), 3) << "success: the kernel has it";
  ASSERT_TRUE(socket.readable()) << "the error is there";
  EXPECT_EQ(socket.send("two"), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(socket.send("three"), 5) << "told once";
}

TEST(Claims04, sendmmsg_stops_at_the_first_that_fails) {
  const Alone alone;
  const Udp good(v4("127.0.0.1", 0));
  const Udp socket(v4("127.0.0.1", 0));
  std::vector<Address> to{good.here(), good.here(), v4("127.0.0.1", 0), good.here()};
  char byte = 'x';
  iovec part{&byte, 1};
  std::vector<mmsghdr> batch(4);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].msg_hdr.msg_name = to[i].data();
    batch[i].msg_hdr.msg_namelen = *to[i].size();
    batch[i].msg_hdr.msg_iov = &part;
    batch[i].msg_hdr.msg_iovlen = 1;
  }
  EXPECT_EQ(sendmmsg(socket.fd(), batch.data(), 4, 0), 2);
  EXPECT_EQ(sendmmsg(socket.fd(), &batch[2], 2, 0), -1) << "an error only when it is the first of all";
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(sendmmsg(socket.fd(), &batch[3], 1, 0), 1);
}

}  // namespace
}  // namespace wirelab::claims
