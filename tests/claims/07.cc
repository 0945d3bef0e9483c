// What the deck slides/07-broadcast.md claims, and a program can show.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/claims/datagrams.hh"

namespace wirelab::claims {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

struct Neighbours {
  Network net;
  Host& client = net.host("client", "10.7.0.1/24");
  Host& one = net.host("one", "10.7.0.2/24");
  Host& two = net.host("two", "10.7.0.3/24");
  Segment& wire = net.segment({&client, &one, &two});
  const Address everybody = v4("10.7.0.255", 1060);

  /// A socket of the client's, with an address, that may broadcast.
  [[nodiscard]] Udp caller() const {
    Udp socket = udp_on(client, client.at(0));
    must(socket.set(SOL_SOCKET, SO_BROADCAST, 1), "setsockopt SO_BROADCAST");
    return socket;
  }

  std::vector<CapturedFrame> wait_for(const Match& match, std::size_t count = 1) const {
    EXPECT_TRUE(wire.wait_for(match, count, std::chrono::steady_clock::now() + patience));
    return wire.frames(match);
  }
};

std::string broadcast_of(const char* host, unsigned prefix) {
  in_addr address{};
  inet_pton(AF_INET, host, &address);
  address.s_addr |= htonl(prefix == 32 ? 0 : ~std::uint32_t{0} >> prefix);
  return inet_ntoa(address);
}

TEST(Claims07, broadcast_addresses_by_hand) {
  EXPECT_EQ(broadcast_of("10.7.1.9", 22), "10.7.3.255");
  EXPECT_EQ(broadcast_of("10.7.1.9", 24), "10.7.1.255");
  EXPECT_EQ(broadcast_of("10.7.1.9", 31), "10.7.1.9");
  EXPECT_EQ(broadcast_of("10.7.1.9", 32), "10.7.1.9");
}

TEST(Claims07, root_is_refused_as_well) {
  const Neighbours neighbours;
  EXPECT_EQ(geteuid(), 0U) << "root of these hosts, that is";
  const Udp socket = udp_on(neighbours.client, neighbours.client.at(0));
  for (const Address& everybody : {neighbours.everybody, v4("255.255.255.255", 1060)}) {
    EXPECT_EQ(socket.send("hello", everybody), -1);
    EXPECT_EQ(errno, EACCES);
  }
  ASSERT_EQ(socket.set(SOL_SOCKET, SO_BROADCAST, 1), 0);
  EXPECT_EQ(socket.send("hello", neighbours.everybody), 5);
  EXPECT_THAT(neighbours.wait_for(udp), SizeIs(1)) << "the refused ones never left";
}

TEST(Claims07, no_icmp_for_a_broadcast) {
  const Neighbours neighbours;
  const Udp caller = neighbours.caller();
  ASSERT_EQ(caller.send("hello", neighbours.everybody), 5);  // nobody is bound to that port
  ASSERT_EQ(caller.send("hello", neighbours.one.at(1060)), 5);
  ASSERT_EQ(caller.send("hello", neighbours.two.at(1060)), 5);
  neighbours.wait_for(port_unreachable, 2);  // both have seen the broadcast before
  EXPECT_EQ(neighbours.wire.count(icmp), 2U);
}

TEST(Claims07, who_is_bound_to_what_hears_what) {
  const Neighbours neighbours;
  const Udp everything = udp_on(neighbours.one, v4("0.0.0.0", 1061));
  const Udp own = udp_on(neighbours.one, v4("10.7.0.2", 1062));
  const Udp broadcasts = udp_on(neighbours.one, v4("10.7.0.255", 1063));
  const Udp caller = neighbours.caller();
  const auto tell = [&](std::uint16_t port) {
    ASSERT_EQ(caller.send("to everybody", v4("10.7.0.255", port)), 12);
    ASSERT_EQ(caller.send("to you", v4("10.7.0.2", port)), 6);
  };
  tell(1061);
  EXPECT_EQ(everything.receive(), "to everybody");
  EXPECT_EQ(everything.receive(), "to you");
  tell(1062);
  EXPECT_EQ(own.receive(), "to you") << "the first that it hears";
  tell(1063);
  EXPECT_EQ(broadcasts.receive(), "to everybody");
  EXPECT_FALSE(broadcasts.readable(a_while));
}

TEST(Claims07, without_a_route_nobody_is_reached) {
  const Neighbours neighbours;
  const Udp unbound = udp_on(neighbours.client);
  ASSERT_EQ(unbound.set(SOL_SOCKET, SO_BROADCAST, 1), 0);
  EXPECT_EQ(unbound.send("hello", v4("255.255.255.255", 1060)), -1);
  EXPECT_EQ(errno, ENETUNREACH);
  const Udp server = udp_on(neighbours.one, v4("0.0.0.0", 1060));
  EXPECT_EQ(neighbours.caller().send("hello", v4("255.255.255.255", 1060)), 5) << "bound to an own address";
  EXPECT_EQ(server.receive(), "hello");
}

TEST(Claims07, a_sender_hears_itself) {
  const Neighbours neighbours;
  const Udp server = udp_on(neighbours.client, v4("0.0.0.0", 1060));
  ASSERT_EQ(neighbours.caller().send("hello", neighbours.everybody), 5);
  EXPECT_EQ(server.receive(), "hello");
}

/// Two sockets on `one` that share port 1060 by this option.
struct Sharing : Neighbours {
  explicit Sharing(int option) {
    for (const Udp* socket : {&first, &second}) {
      must(socket->set(SOL_SOCKET, option, 1), "setsockopt");
      must(socket->bind(v4("0.0.0.0", 1060)), "bind");
    }
  }
  Udp first = udp_on(one);
  Udp second = udp_on(one);
};

TEST(Claims07, those_who_share_a_port) {
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    const Sharing sharing(option);
    ASSERT_EQ(sharing.caller().send("to everybody", sharing.everybody), 12);
    EXPECT_EQ(sharing.first.receive(), "to everybody") << option;
    EXPECT_EQ(sharing.second.receive(), "to everybody") << option;

    int to_first = 0;
    int to_second = 0;
    for (int i = 0; i < 64; ++i) {  // each from a port of its own
      const Udp caller = sharing.caller();
      ASSERT_EQ(caller.send("to one", sharing.one.at(1060)), 6);
      std::array<pollfd, 2> either{{{sharing.first.fd(), POLLIN, 0}, {sharing.second.fd(), POLLIN, 0}}};
      ASSERT_EQ(poll(either.data(), 2, static_cast<int>(patience.count())), 1) << "one of them, not both";
      const bool is_first = (either[0].revents & POLLIN) != 0;
      ++(is_first ? to_first : to_second);
      EXPECT_EQ((is_first ? sharing.first : sharing.second).receive(), "to one");
    }
    if (option == SO_REUSEADDR) {
      EXPECT_EQ(to_second, 64) << "the one that was bound last";
    } else {
      EXPECT_GT(to_first, 0);
      EXPECT_GT(to_second, 0);
    }
  }
}

TEST(Claims07, connected_to_everybody_hears_nobody) {
  const Neighbours neighbours;
  const Udp server = udp_on(neighbours.one, v4("0.0.0.0", 1060));
  const Udp caller = neighbours.caller();
  ASSERT_EQ(caller.connect(neighbours.everybody), 0);
  ASSERT_EQ(caller.send("Who is there?"), 13);
  Address from;
  ASSERT_EQ(server.receive(patience, &from), "Who is there?");
  ASSERT_EQ(server.send("I am here", from), 9);
  neighbours.wait_for(port_unreachable.from(neighbours.client));  // so the answer has come, and was refused
  EXPECT_FALSE(caller.readable(std::chrono::milliseconds(0)));
}

const Match to_a_group([](const Frame& frame) {
  const Headers& headers = frame.headers();
  return headers.protocol == Headers::Protocol::udp && headers.destination.host().starts_with("239.");
});

TEST(Claims07, hardware_addresses_of_groups) {
  const Neighbours neighbours;
  const Udp caller = neighbours.caller();
  ASSERT_EQ(caller.send("one", v4("239.1.2.3", 1060)), 3);
  ASSERT_EQ(caller.send("two", v4("239.129.2.3", 1060)), 3);
  std::vector<std::array<std::uint8_t, 6>> addresses;
  for (const CapturedFrame& frame : neighbours.wait_for(to_a_group, 2))
    addresses.push_back(frame.frame.headers().destination_mac);
  EXPECT_THAT(addresses, SizeIs(2));
  EXPECT_THAT(addresses, Each(ElementsAre(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03)));
}

TEST(Claims07, multicast_stays_on_the_cable) {
  const Neighbours neighbours;
  const Udp caller = udp_on(neighbours.client, neighbours.client.at(0));  // without SO_BROADCAST
  ASSERT_EQ(caller.send("hello", v4("239.1.2.3", 1060)), 5);
  ASSERT_EQ(caller.send("hello", neighbours.one.at(1060)), 5);
  EXPECT_EQ(neighbours.wait_for(to_a_group).front().frame.headers().ttl, 1);
  EXPECT_EQ(neighbours.wait_for(udp.to(neighbours.one)).front().frame.headers().ttl, 64);
}

TEST(Claims07, joining_is_told_by_igmp) {
  const Neighbours neighbours;
  const Match igmp([](const Frame& frame) {
    const auto bytes = frame.bytes();  // Ethernet: 14 bytes, type 0x0800; IPv4's protocol is its 10th byte
    return bytes.size() > 34 && bytes[12] == std::byte{8} && bytes[13] == std::byte{0} &&
           bytes[23] == std::byte{IPPROTO_IGMP};
  });
  const Udp server = udp_on(neighbours.one, v4("0.0.0.0", 1060));
  ip_mreqn membership{};
  inet_pton(AF_INET, "239.7.0.1", &membership.imr_multiaddr);
  inet_pton(AF_INET, "10.7.0.2", &membership.imr_address);
  ASSERT_EQ(setsockopt(server.fd(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership), 0);
  const std::vector<CapturedFrame> reports = neighbours.wait_for(igmp.from(neighbours.one));
  const auto report = reports.front().frame.bytes();
  const auto byte = [&](std::size_t at) { return std::to_integer<int>(report[at]); };
  EXPECT_EQ(byte(14 + 8), 1) << "time to live";
  EXPECT_THAT((std::vector{byte(30), byte(31), byte(32), byte(33)}), ElementsAre(224, 0, 0, 22));

  ASSERT_EQ(neighbours.caller().send("hello", v4("239.7.0.1", 1060)), 5);
  EXPECT_EQ(server.receive(), "hello");
}

}  // namespace
}  // namespace wirelab::claims
