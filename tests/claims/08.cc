// What the deck slides/08-mtu.md claims, and a program can show.

#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
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

auto soon() { return std::chrono::steady_clock::now() + 10s; }

Descriptor udp_socket(const Host& host, const Address& here) {
  const auto inside = host.visit();
  Descriptor fd(must(socket(here.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(bind(fd.get(), here.data(), *here.size()), "bind", here.to_string());
  return fd;
}

Descriptor udp_towards(const Host& host, const Address& there, int discover = IP_PMTUDISC_DO) {
  const auto inside = host.visit();
  Descriptor fd(must(socket(there.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(fd.get(), there.data(), *there.size()), "connect", there.to_string());
  must(setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover), "IP_MTU_DISCOVER");
  return fd;
}

/// 0, or the errno value with which send failed.
int try_to_send(const Descriptor& fd, std::size_t bytes) {
  const std::string data(bytes, 'm');
  return send(fd.get(), data.data(), data.size(), 0) < 0 ? errno : 0;
}

std::string receive(const Descriptor& fd) {
  pollfd ready{fd.get(), POLLIN, 0};
  if (poll(&ready, 1, 10000) <= 0) return "(nothing)";
  std::string data(70000, '\0');
  data.resize(static_cast<std::size_t>(must(recv(fd.get(), data.data(), data.size(), 0), "recv")));
  return data;
}

int known_mtu(const Descriptor& fd) {
  int mtu = 0;
  socklen_t size = sizeof mtu;
  must(getsockopt(fd.get(), IPPROTO_IP, IP_MTU, &mtu, &size), "IP_MTU");
  return mtu;
}

int mtu_of_interface(const Host& host, const char* name) {
  const auto inside = host.visit();
  const Descriptor fd(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  must(ioctl(fd.get(), SIOCGIFMTU, &request), "SIOCGIFMTU");
  return request.ifr_mtu;
}

/// What poll says of the socket within `limit` ms, 0 for nothing.
int news(const Descriptor& fd, int limit) {
  pollfd ready{fd.get(), POLLIN, 0};
  return poll(&ready, 1, limit) > 0 ? ready.revents : 0;
}

/// Two neighbours.
struct Cable {
  Network net;
  Host& client = net.host("client", "10.8.0.1/24 fd00:8::1/64");
  Host& server = net.host("server", "10.8.0.2/24 fd00:8::2/64");
  Segment& wire = net.link(client, server);
  Descriptor at = udp_socket(server, server.at(1060));
};

TEST(Claims08, datagram_that_is_too_large_is_cut_into_fragments) {
  Cable cable;
  const Descriptor from = udp_towards(cable.client, cable.server.at(1060), IP_PMTUDISC_DONT);
  EXPECT_EQ(try_to_send(from, 4000), 0);
  EXPECT_EQ(receive(cable.at).size(), 4000U);

  const Match fragments(
      [](const Frame& frame) { return frame.headers().fragment || frame.headers().more_fragments; });
  const auto frames = cable.wire.frames(fragments);
  ASSERT_EQ(frames.size(), 3U);
  std::vector<unsigned> offsets, lengths;
  std::vector<bool> more;
  for (const CapturedFrame& one : frames) {
    const Headers& headers = one.frame.headers();
    offsets.push_back(headers.fragment_offset);
    lengths.push_back(headers.total_length);
    more.push_back(headers.more_fragments);
    EXPECT_EQ(headers.identification, frames[0].frame.headers().identification);
    EXPECT_FALSE(headers.dont_fragment);
  }
  EXPECT_THAT(offsets, ElementsAre(0, 1480, 2960));
  EXPECT_THAT(lengths, ElementsAre(1500, 1500, 20 + 4008 - 2960));
  EXPECT_THAT(more, ElementsAre(true, true, false));
}

TEST(Claims08, one_lost_fragment_loses_the_datagram) {
  Cable cable;
  cable.wire.rule(
      drop_nth(Match([](const Frame& frame) { return frame.headers().fragment_offset == 1480; }), 1));
  const Descriptor from = udp_towards(cable.client, cable.server.at(1060), IP_PMTUDISC_DONT);
  EXPECT_EQ(try_to_send(from, 4000), 0);
  EXPECT_EQ(try_to_send(from, 5), 0);
  EXPECT_EQ(receive(cable.at), "mmmmm");  // of the 4000 bytes nothing is heard
}

TEST(Claims08, kernel_refuses_what_its_own_link_does_not_take) {
  Cable cable;
  const Descriptor from = udp_towards(cable.client, cable.server.at(1060));
  EXPECT_EQ(try_to_send(from, 1473), EMSGSIZE);
  EXPECT_EQ(try_to_send(from, 1472), 0);
  EXPECT_EQ(receive(cable.at).size(), 1472U);
  const auto frames = cable.wire.frames(udp);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].frame.headers().total_length, 1500);
  EXPECT_EQ(frames[0].length, 1514U);  // Ethernet's 14 bytes are not counted
  EXPECT_TRUE(frames[0].frame.headers().dont_fragment);
}

TEST(Claims08, mtu_can_be_asked_of_connected_sockets_only) {
  Cable cable;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  EXPECT_EQ(getsockopt(cable.at.get(), IPPROTO_IP, IP_MTU, &mtu, &size), -1);
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_EQ(known_mtu(udp_towards(cable.client, cable.server.at(1060))), 1500);
  EXPECT_EQ(cable.wire.count(udp), 0U);  // and connect has sent nothing
}

TEST(Claims08, loopback_says_more_than_a_packet_can_be) {
  Cable cable;
  const Descriptor here = udp_socket(cable.client, Address::numeric("127.0.0.1", 1060));
  const Descriptor from = udp_towards(cable.client, Address::numeric("127.0.0.1", 1060));
  EXPECT_EQ(mtu_of_interface(cable.client, "lo"), 65536);
  EXPECT_EQ(known_mtu(from), 65535);
  EXPECT_EQ(try_to_send(from, 65535 - 28 + 1), EMSGSIZE);
  EXPECT_EQ(try_to_send(from, 65535 - 28), 0);
  EXPECT_EQ(receive(here).size(), 65507U);
}

TEST(Claims08, ipv6_wants_links_of_1280_bytes) {
  Cable cable;
  const auto error_of_connect = [&cable] {
    const auto inside = cable.client.visit();
    const Address there = Address::numeric("fd00:8::2", 1060);
    const Descriptor fd(must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    return connect(fd.get(), there.data(), *there.size()) < 0 ? errno : 0;
  };
  cable.client.mtu("eth0", 1280);
  EXPECT_EQ(error_of_connect(), 0);
  cable.client.mtu("eth0", 1279);
  EXPECT_EQ(error_of_connect(), ENETUNREACH);
}

TEST(Claims08, report_is_remembered_for_every_socket) {
  Network net;
  Chain chain(net, {1500, 1300}, 8);
  const Descriptor first = udp_towards(chain.client, chain.server.at(1060));
  EXPECT_EQ(known_mtu(first), 1500);
  EXPECT_EQ(try_to_send(first, 1472), 0);
  ASSERT_TRUE(chain.cables[0]->wait_for(too_big, 1, soon()));
  EXPECT_NE(news(first, 10000) & POLLERR, 0);
  EXPECT_EQ(known_mtu(first), 1300);
  EXPECT_EQ(known_mtu(udp_towards(chain.client, chain.server.at(2000))), 1300);

  const Headers report = chain.cables[0]->frames(too_big)[0].frame.headers();
  EXPECT_EQ(report.type, 3);
  EXPECT_EQ(report.code, 4);
  EXPECT_EQ(report.next_hop_mtu, 1300U);
  EXPECT_EQ(report.source, chain.routers[0]->addresses()[0]);
}

TEST(Claims08, reports_below_552_bytes_are_rounded_up) {
  Network net;
  Chain chain(net, {1500, 400}, 8);
  const Descriptor fd = udp_towards(chain.client, chain.server.at(1060));
  EXPECT_EQ(try_to_send(fd, 1472), 0);
  ASSERT_NE(news(fd, 10000) & POLLERR, 0);
  EXPECT_EQ(chain.cables[0]->frames(too_big)[0].frame.headers().next_hop_mtu, 400U);
  EXPECT_EQ(known_mtu(fd), 552);
}

TEST(Claims08, poll_says_error_until_the_queue_is_empty) {
  Network net;
  Chain chain(net, {1500, 1300}, 8);
  const Descriptor fd = udp_towards(chain.client, chain.server.at(1060));
  const int on = 1;
  must(setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on), "IP_RECVERR");
  EXPECT_EQ(try_to_send(fd, 1472), 0);
  ASSERT_NE(news(fd, 10000) & POLLERR, 0);
  char byte = 0;
  EXPECT_EQ(recv(fd.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EMSGSIZE);
  EXPECT_NE(news(fd, 0) & POLLERR, 0);  // recv has told, and taken nothing out

  std::array<char, 512> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  EXPECT_GE(recvmsg(fd.get(), &message, MSG_ERRQUEUE), 0);
  EXPECT_EQ(news(fd, 0), 0);
}

TEST(Claims08, black_hole_swallows_full_segments_alone) {
  Network net;
  Chain chain(net, {1500, 1300, 1500}, 8);  // neither end sees the narrow link
  chain.cables[0]->rule(drop(too_big));
  Descriptor listener, client;
  {
    const auto inside = chain.server.visit();
    listener.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const Address here = chain.server.at(1060);
    must(bind(listener.get(), here.data(), *here.size()), "bind");
    must(listen(listener.get(), 1), "listen");
  }
  {
    const auto inside = chain.client.visit();
    client.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const Address there = chain.server.at(1060);
    must(connect(client.get(), there.data(), *there.size()), "connect");  // a connection is made
  }
  const Descriptor server(must(accept(listener.get(), nullptr, nullptr), "accept"));
  EXPECT_EQ(try_to_send(client, 100), 0);
  EXPECT_EQ(receive(server).size(), 100U);  // small segments pass
  EXPECT_EQ(try_to_send(client, 5000), 0);

  const Match full([](const Frame& frame) { return frame.headers().payload.size() > 1300; });
  EXPECT_TRUE(chain.cables[0]->wait_for(tcp.from(chain.client) && full, 6, soon()));  // sent again and again
  EXPECT_GE(chain.cables[0]->count(too_big), 2U);                                     // and reported
  EXPECT_EQ(chain.cables[1]->count(tcp && full), 0U);
  std::array<char, 100> buffer;
  EXPECT_EQ(recv(server.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace wirelab
