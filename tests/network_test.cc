// The network itself: what hosts can do, what rules do to frames, what captures say. Sockets of the test's
// own play both sides; no program is started.

#include "grader/network/network.hh"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "common/error.hh"
#include "grader/network/chain.hh"
#include "grader/network/checksum.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto patience = 2s;

/// A UDP socket on a host, for tests.
class Socket {
 public:
  Socket(const Host& host, std::uint16_t port, std::optional<Address> here = {}) {
    const auto inside = host.visit();
    const Address address = here.value_or(host.at(port)).with_port(port);
    fd_.reset(must(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    must(bind(fd_.get(), address.data(), *address.size()), "bind", address.to_string());
  }

  void send(const std::string& text, const Address& to) const {
    must(sendto(fd_.get(), text.data(), text.size(), 0, to.data(), *to.size()), "sendto", to.to_string());
  }

  /// The next datagram, or nothing when none comes in time.
  [[nodiscard]] std::optional<std::string> receive(std::chrono::milliseconds within = patience) const {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(within.count())) <= 0) return std::nullopt;
    std::string text(70000, '\0');
    const ssize_t count = recv(fd_.get(), text.data(), text.size(), 0);
    if (count < 0) return "error: " + std::generic_category().message(errno);
    text.resize(static_cast<std::size_t>(count));
    return text;
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Descriptor fd_;
};

class TwoHosts : public testing::Test {
 protected:
  Network net;
  Host& client = net.host("client", "10.5.0.1/24");
  Host& server = net.host("server", "10.5.0.2/24");
  Segment& wire = net.link(client, server);
  Socket from{client, 4000};
  Socket at{server, 1060};

  void send(const std::string& text) { from.send(text, server.at(1060)); }
};

TEST_F(TwoHosts, a_datagram_crosses_the_cable_and_is_captured_with_its_time) {
  const auto before = Clock::now();
  send("hello");
  EXPECT_EQ(at.receive(), "hello");
  const auto frames = wire.frames(udp);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].frame.headers().payload, "hello");
  EXPECT_EQ(frames[0].frame.headers().source, client.at(4000));
  EXPECT_EQ(frames[0].frame.headers().destination, server.at(1060));
  EXPECT_EQ(frames[0].frame.sender(), &client);
  EXPECT_EQ(frames[0].arrivals, 1u);
  EXPECT_EQ(frames[0].fate, "");
  // The kernel's stamp is of the time of day, converted: allow for the reading of two clocks.
  EXPECT_GT(frames[0].time, before - 1ms);
  EXPECT_LT(frames[0].time, Clock::now() + 1ms);
}

TEST_F(TwoHosts, a_drop_rule_loses_what_matches_and_nothing_else) {
  wire.rule(drop(udp.saying("lose me")));
  send("lose me");
  send("keep me");
  EXPECT_EQ(at.receive(), "keep me");
  const auto frames = wire.frames(udp);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].fate, "lost");
  EXPECT_EQ(frames[0].arrivals, 0u);
  EXPECT_FALSE(frames[0].arrived);
}

TEST_F(TwoHosts, the_nth_and_the_first_frames_can_be_chosen) {
  wire.rule(drop_nth(udp, 3)).rule(drop_first(udp, 1));
  for (const char* text : {"1", "2", "3", "4"}) send(text);
  EXPECT_EQ(at.receive(), "2");
  EXPECT_EQ(at.receive(), "4");
}

TEST_F(TwoHosts, random_loss_is_near_its_probability_and_the_same_for_a_seed) {
  const auto lost = [&](std::uint64_t seed) {
    const auto guard = wire.impair(drop_randomly(udp, 0.3, seed));
    const std::size_t before = wire.count(udp);
    for (int i = 0; i < 400; ++i) send("x");
    EXPECT_TRUE(wire.wait_for(udp, before + 400, Clock::now() + patience));
    std::string pattern;
    const auto frames = wire.frames(udp);
    for (std::size_t i = before; i < frames.size(); ++i) pattern += frames[i].fate == "lost" ? 'x' : '.';
    return pattern;
  };
  const std::string first = lost(7);
  EXPECT_EQ(first, lost(7));
  EXPECT_NE(first, lost(8));
  EXPECT_NEAR(static_cast<double>(std::ranges::count(first, 'x')), 120, 50);  // five standard deviations: 46
}

TEST_F(TwoHosts, delay_holds_a_frame_back_for_at_least_its_time) {
  wire.rule(delay(udp, 80ms));
  send("late");
  EXPECT_EQ(at.receive(), "late");
  const auto frame = wire.frames(udp).at(0);
  ASSERT_TRUE(frame.arrived);
  EXPECT_GE(*frame.arrived - frame.time, 80ms - 1ms);
  EXPECT_EQ(frame.fate, "delayed 80 ms");
}

TEST_F(TwoHosts, jitter_draws_a_delay_for_each_frame_within_its_bounds) {
  wire.rule(jitter(udp, 5ms, 60ms, 3));
  for (int i = 0; i < 8; ++i) send(std::to_string(i));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(at.receive());
  std::vector<std::string> fates;
  for (const auto& frame : wire.frames(udp)) {
    EXPECT_GE(*frame.arrived - frame.time, 5ms - 1ms);
    fates.push_back(frame.fate);
  }
  EXPECT_THAT(std::set<std::string>(fates.begin(), fates.end()), SizeIs(testing::Gt(1u)));
}

TEST_F(TwoHosts, duplicates_arrive_again) {
  wire.rule(duplicate(udp, 2, 10ms));
  send("echo");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(at.receive(), "echo");
  EXPECT_EQ(at.receive(50ms), std::nullopt);
  EXPECT_EQ(wire.frames(udp).at(0).arrivals, 3u);
}

TEST_F(TwoHosts, a_frame_can_be_overtaken_by_those_behind_it) {
  wire.rule(reorder_nth(udp, 1, 2, 5s));
  for (const char* text : {"1", "2", "3", "4"}) send(text);
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) order.push_back(at.receive().value_or("none"));
  EXPECT_THAT(order, ElementsAre("2", "3", "1", "4"));
}

TEST_F(TwoHosts, an_overtaken_frame_arrives_in_the_end_though_nothing_follows) {
  wire.rule(reorder_nth(udp, 1, 1, 30ms));
  send("alone");
  EXPECT_EQ(at.receive(), "alone");
}

TEST_F(TwoHosts, a_corrupted_frame_is_thrown_away_by_an_honest_kernel) {
  {
    const auto guard = wire.impair(corrupt(udp, 1));
    send("damaged");
    EXPECT_TRUE(wire.wait_for(udp, 1, Clock::now() + patience));
  }
  send("whole");
  EXPECT_EQ(at.receive(), "whole");
  EXPECT_EQ(wire.frames(udp).at(0).fate, "corrupted");
}

TEST_F(TwoHosts, a_frame_can_be_rewritten_with_right_lengths_and_sums) {
  wire.rule(rewrite(udp, [](const Frame& frame) { return replace_payload(frame, "something longer"); }));
  send("short");
  EXPECT_EQ(at.receive(), "something longer");
}

TEST_F(TwoHosts, rules_are_asked_in_order_and_a_guard_takes_its_rule_away_again) {
  wire.rule(drop(udp));
  {
    const auto guard = wire.impair(delay(udp.saying("a"), 0ms));
    send("a");
    EXPECT_EQ(at.receive(), "a");
  }
  send("a");
  EXPECT_EQ(at.receive(50ms), std::nullopt);
}

TEST_F(TwoHosts, a_frame_can_be_sent_in_a_hosts_name_and_rules_see_it) {
  send("hello");
  EXPECT_EQ(at.receive(), "hello");
  const CapturedFrame first = wire.frames(udp).at(0);
  const auto bytes = first.frame.bytes();
  wire.rule(delay(udp.from(client), 20ms));
  wire.inject(Bytes(bytes.begin(), bytes.end()), client);
  EXPECT_EQ(at.receive(), "hello");
  EXPECT_EQ(wire.frames(udp).at(1).fate, "delayed 20 ms");
  EXPECT_EQ(wire.frames(udp).at(1).frame.sender(), &client);
}

/// A connection from the server to port 4000 of the client, where nobody listens; not waited for.
Descriptor knock(const Host& server, const Address& to) {
  const auto inside = server.visit();
  Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  (void)connect(fd.get(), to.data(), *to.size());
  return fd;
}

TEST_F(TwoHosts, a_hushed_host_sends_no_resets_and_raw_sockets_hear_every_segment) {
  (void)knock(server, client.at(4000));
  EXPECT_TRUE(wire.wait_for(rst.from(client), 1, Clock::now() + patience));

  client.hush_tcp();
  Descriptor raw;
  {
    const auto inside = client.visit();
    raw.reset(must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP), "socket"));
  }
  const Descriptor knocking = knock(server, client.at(4000));
  pollfd ready{raw.get(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, 2000), 1);
  const sockaddr_in bound_to = *reinterpret_cast<const sockaddr_in*>(client.at(0).data());
  EXPECT_EQ(bind(raw.get(), reinterpret_cast<const sockaddr*>(&bound_to), sizeof bound_to), 0);
  const Address there = server.at(0);
  std::string segment(20, 'x');
  segment[12] = 5 << 4;  // words of header: the least that a decoder takes for TCP
  EXPECT_EQ(sendto(raw.get(), segment.data(), segment.size(), 0, there.data(), *there.size()), 20);
  EXPECT_TRUE(wire.wait_for(tcp.from(client.at(0)), 2, Clock::now() + patience));
  send("the host's other protocols work as ever");
  EXPECT_TRUE(at.receive());
  EXPECT_EQ(wire.count(rst.from(client)), 1u);
}

TEST_F(TwoHosts, through_a_cut_cable_nothing_comes_and_afterwards_it_does) {
  {
    const auto guard = wire.impair(cut());
    send("into the void");
    EXPECT_EQ(at.receive(50ms), std::nullopt);
  }
  send("hello again");
  std::optional<std::string> got = at.receive();
  // What waited for address resolution may be sent once the cable is whole.
  if (got == "into the void") got = at.receive();
  EXPECT_EQ(got, "hello again");
}

TEST_F(TwoHosts, the_grader_can_put_a_frame_of_its_own_on_the_cable) {
  send("first");
  EXPECT_EQ(at.receive(), "first");
  wire.inject(replace_payload(wire.frames(udp).at(0).frame, "forged"));
  EXPECT_EQ(at.receive(), "forged");
  const auto injected = wire.frames(udp).at(1);
  EXPECT_TRUE(injected.injected);
  EXPECT_EQ(injected.frame.sender(), nullptr);
}

TEST_F(TwoHosts, a_closed_port_answers_with_port_unreachable_every_time) {
  for (int i = 0; i < 20; ++i) {
    from.send("anyone?", server.at(999));
    EXPECT_TRUE(wire.wait_for(port_unreachable.from(server), static_cast<std::size_t>(i + 1),
                              Clock::now() + patience));
  }
}

/// Both ends of a TCP connection.
std::pair<Descriptor, Descriptor> connected(const Host& client, const Host& server) {
  Descriptor listener, one;
  {
    const auto inside = server.visit();
    const Address here = server.at(80);
    listener.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    must(bind(listener.get(), here.data(), *here.size()), "bind");
    must(listen(listener.get(), 5), "listen");
  }
  {
    const auto inside = client.visit();
    const Address there = server.at(80);
    one.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    must(connect(one.get(), there.data(), *there.size()), "connect");
  }
  return {std::move(one), Descriptor(must(accept(listener.get(), nullptr, nullptr), "accept"))};
}

TEST_F(TwoHosts, tcp_crosses_with_right_checksums_and_no_giant_segments) {
  const auto [one, two] = connected(client, server);
  const std::string text(50000, 'x');
  ASSERT_EQ(::send(one.get(), text.data(), text.size(), 0), 50000);
  std::string got(50000, '\0');
  ASSERT_EQ(recv(two.get(), got.data(), got.size(), MSG_WAITALL), 50000);
  EXPECT_EQ(got, text);
  EXPECT_EQ(wire.count(syn), 1u);
  EXPECT_EQ(wire.count(syn_ack), 1u);
  for (const auto& frame : wire.frames(tcp)) {
    EXPECT_LE(frame.length, 1514u) << frame.frame.summary();
    EXPECT_EQ(checksum_trouble(frame.frame.bytes()), "") << frame.frame.summary();
  }
}

// One segment in 65,536 has a sum that comes out as zero, and then Linux writes 0xffff, which says the same.
// This one is made to: from the segment before it follows which two bytes of data do it.
TEST_F(TwoHosts, a_tcp_checksum_of_zero_is_right_in_both_its_forms) {
  constexpr std::size_t tcp_at = 14 + 20, checksum_at = tcp_at + 16, data_at = tcp_at + 20;
  constexpr unsigned modulus = 0xffff;
  client.sysctl("ipv4/tcp_timestamps", "0");
  const auto [one, two] = connected(client, server);
  const Match data([](const Frame& frame) { return frame.headers().payload.size() == 2; });
  const auto send_word = [&](unsigned value) {
    const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(value >> 8),
                                            static_cast<std::uint8_t>(value)};
    std::array<std::uint8_t, 2> got{};
    const std::size_t before = wire.count(data);
    must(::send(one.get(), bytes.data(), bytes.size(), 0), "send");
    must(recv(two.get(), got.data(), got.size(), MSG_WAITALL), "recv");
    EXPECT_TRUE(wire.wait_for(data, before + 1, Clock::now() + patience));
    const CapturedFrame sent = wire.frames(data).back();
    return Bytes(sent.frame.bytes().begin(), sent.frame.bytes().end());
  };
  const auto word = [](const Bytes& bytes, std::size_t begin) {
    return std::to_integer<unsigned>(bytes[begin]) << 8 | std::to_integer<unsigned>(bytes[begin + 1]);
  };

  const Bytes first = send_word(1);
  const unsigned rest =
      modulus - word(first, checksum_at) - 1 + 2;  // all but the data; the sequence number grows by 2
  Bytes frame = send_word((2 * modulus - rest) % modulus);
  ASSERT_THAT(word(frame, checksum_at), testing::AnyOf(0u, modulus));
  EXPECT_EQ(checksum_trouble(frame), "");
  frame[checksum_at] = frame[checksum_at + 1] = ~frame[checksum_at];
  EXPECT_EQ(checksum_trouble(frame), "");
  frame[data_at] ^= std::byte{1};
  EXPECT_NE(checksum_trouble(frame), "");
}

TEST_F(TwoHosts, a_capture_opens_in_tshark_without_complaint) {
  if (std::system("command -v tshark >/dev/null 2>&1") != 0) GTEST_SKIP() << "tshark is not installed";
  send("hello");
  EXPECT_EQ(at.receive(), "hello");
  const auto folder =
      std::filesystem::temp_directory_path() / ("wirelab-network-test-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  write_pcap(folder / "wire.pcap", wire.frames());
  const std::string command = "tshark -r " + (folder / "wire.pcap").string() +
                              " -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -T fields -e udp.payload"
                              " -e _ws.malformed -e udp.checksum.status -Y udp 2>" +
                              (folder / "errors").string();
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(std::string(buffer.data(), count), "68656c6c6f\t\t1\n");  // "hello", not malformed, checksum good
  std::filesystem::remove_all(folder);
}

TEST(Segments, a_hub_brings_a_broadcast_to_every_neighbour_once) {
  Network net;
  std::vector<Host*> hosts;
  for (int i = 1; i <= 5; ++i)
    hosts.push_back(&net.host("h" + std::to_string(i), "10.7.0." + std::to_string(i) + "/24"));
  net.segment(hosts);
  std::vector<Socket> ears;
  for (int i = 1; i < 5; ++i)
    ears.emplace_back(*hosts[static_cast<std::size_t>(i)], std::uint16_t{1060},
                      Address::numeric("0.0.0.0", 0));
  const Socket mouth(*hosts[0], 1060);
  const int yes = 1;
  must(setsockopt(mouth.fd(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), "setsockopt");
  mouth.send("all", Address::numeric("10.7.0.255", 1060));
  for (const Socket& ear : ears) {
    EXPECT_EQ(ear.receive(), "all");
    EXPECT_EQ(ear.receive(10ms), std::nullopt);
  }
}

TEST(Routers, four_routers_pass_packets_on_and_count_the_hops) {
  Network net;
  Host& left = net.host("left", "10.0.0.1/24");
  Host* previous = &left;
  std::vector<Host*> routers;
  for (int i = 0; i < 4; ++i) {
    const std::string here = std::to_string(i), next = std::to_string(i + 1);
    Host& router = net.router("r" + next, "10.0." + here + ".254/24", "10.0." + next + ".1/24");
    net.link(*previous, router);
    routers.push_back(&router);
    previous = &router;
  }
  Host& right = net.host("right", "10.0.4.2/24");
  Segment& last = net.link(*previous, right);
  left.default_route("10.0.0.254");
  right.default_route("10.0.4.1");
  for (std::size_t i = 0; i < 3; ++i) routers[i]->default_route("10.0." + std::to_string(i + 1) + ".254");
  for (std::size_t i = 1; i < 4; ++i) routers[i]->route("10.0.0.0/24", "10.0." + std::to_string(i) + ".1");

  const Socket from(left, 4000), at(right, 1060);
  from.send("far", right.at(1060));
  EXPECT_EQ(at.receive(), "far");
  EXPECT_EQ(last.frames(udp).at(0).frame.headers().ttl, 64 - 4);
  at.send("back", left.at(4000));
  EXPECT_EQ(from.receive(), "back");
}

TEST(Routers, a_chain_is_reached_from_end_to_end_in_both_families) {
  Network net;
  Chain chain(net, {1500, 1400, 1450}, 7, Chain::Families::both);
  ASSERT_EQ(chain.routers.size(), 2u);
  ASSERT_EQ(chain.cables.size(), 3u);
  for (const std::size_t family : {0u, 1u}) {
    const Address target = chain.server.addresses().at(family);
    const Socket from(chain.client, 4000, chain.client.addresses().at(family)),
        at(chain.server, 1060, target);
    from.send("far", target.with_port(1060));
    EXPECT_EQ(at.receive(), "far");
    EXPECT_EQ(chain.cables.back()->frames(udp).back().frame.headers().ttl, 64 - 2);
  }
  const int discover = IP_PMTUDISC_DO;
  const Socket from(chain.client, 4001);
  must(setsockopt(from.fd(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover), "setsockopt");
  from.send(std::string(1440, 'x'), chain.server.at(1060));
  EXPECT_TRUE(chain.cables.front()->wait_for(too_big, 1, Clock::now() + patience));
  const Socket back(chain.server, 4001), there(chain.client, 1060);
  back.send("near", chain.client.at(1060));
  EXPECT_EQ(there.receive(), "near");
}

TEST(Routers, a_narrow_link_cuts_what_may_be_cut_and_the_pieces_are_seen) {
  Network net;
  Chain chain(net, {1500, 1300}, 7);
  const int never = IP_PMTUDISC_DONT;
  const Socket from(chain.client, 4000), at(chain.server, 1060);
  must(setsockopt(from.fd(), IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never), "setsockopt");
  from.send(std::string(1400, 'x'), chain.server.at(1060));
  EXPECT_EQ(at.receive(), std::string(1400, 'x'));
  const auto pieces = chain.cables.back()->frames(!background);
  ASSERT_THAT(pieces, SizeIs(2));
  for (const CapturedFrame& piece : pieces) {
    EXPECT_EQ(piece.frame.summary(), "IP 10.7.0.1 > 10.7.1.2 fragment");
  }
}

TEST(Routers, a_narrow_link_answers_fragmentation_needed) {
  Network net;
  Host& left = net.host("left", "10.0.0.1/24");
  Host& router = net.router("router", "10.0.0.254/24", "10.0.1.254/24");
  Host& right = net.host("right", "10.0.1.1/24");
  Segment& first = net.link(left, router);
  net.link(router, right, {.mtu = 1300});
  left.default_route("10.0.0.254");
  right.default_route("10.0.1.254");
  const Socket from(left, 4000), at(right, 1060);
  const int discover = IP_PMTUDISC_DO;
  must(setsockopt(from.fd(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover), "setsockopt");
  from.send(std::string(1400, 'x'), right.at(1060));
  const Match needed =
      icmp && Match([](const Frame& f) { return f.headers().type == 3 && f.headers().code == 4; });
  EXPECT_TRUE(first.wait_for(needed, 1, Clock::now() + patience));
}

TEST(Addresses, ipv6_works_at_once_and_ipv4_only_hosts_stay_silent_about_it) {
  Network net;
  Host& a = net.host("a", "10.9.0.1/24 fd00::1/64");
  Host& b = net.host("b", "10.9.0.2/24 fd00::2/64");
  net.link(a, b);
  const Socket from(a, 4000, Address::numeric("fd00::1", 0)), at(b, 1060, Address::numeric("fd00::2", 0));
  from.send("six", Address::numeric("fd00::2", 1060));
  EXPECT_EQ(at.receive(), "six");

  Host& c = net.host("c", "10.8.0.1/24");
  Host& d = net.host("d", "10.8.0.2/24");
  Segment& quiet = net.link(c, d);
  const Socket ping(c, 4000), pong(d, 1060);
  ping.send("four", d.at(1060));
  EXPECT_EQ(pong.receive(), "four");
  EXPECT_EQ(quiet.count(!(udp || arp)), 0u);
}

TEST(Addresses, several_on_one_host_are_usable_and_wrong_ones_are_named) {
  Network net;
  Host& a = net.host("a", "10.1.0.1/24", "10.2.0.1/24");
  Host& b = net.host("b", "10.1.0.2/24");
  Host& c = net.host("c", "10.2.0.2/24");
  net.link(a, b);
  net.link(a, c);
  const Socket from(a, 4000, Address::numeric("10.2.0.1", 0)), at(c, 1060);
  from.send("second interface", c.at(1060));
  EXPECT_EQ(at.receive(), "second interface");
  EXPECT_THROW(InterfaceAddress::parse("10.0.0.1"), std::invalid_argument);
  EXPECT_THROW(InterfaceAddress::parse("10.0.0.1/33"), std::invalid_argument);
  EXPECT_THROW(InterfaceAddress::parse("10.0.0.300/8"), std::invalid_argument);
}

TEST_F(TwoHosts, checksums_of_the_kernel_are_right_and_a_flipped_bit_is_told) {
  send("odd");
  ASSERT_TRUE(wire.wait_for(udp, 1, Clock::now() + patience));
  const CapturedFrame sent = wire.frames(udp).front();
  EXPECT_EQ(checksum_trouble(sent.frame.bytes()), "");
  Bytes flipped(sent.frame.bytes().begin(), sent.frame.bytes().end());
  flipped.back() ^= std::byte{1};
  EXPECT_THAT(checksum_trouble(flipped), HasSubstr("the UDP checksum is 0x"));
  flipped = Bytes(sent.frame.bytes().begin(), sent.frame.bytes().end());
  flipped[14 + 8] ^= std::byte{1};  // time to live
  EXPECT_THAT(checksum_trouble(flipped), HasSubstr("the IP header checksum is 0x"));
  flipped.resize(14 + 20 + 4);
  EXPECT_NE(checksum_trouble(flipped), "");
}

TEST_F(TwoHosts, headers_tell_lengths_and_hardware_addresses) {
  send("hello");
  ASSERT_TRUE(wire.wait_for(udp, 1, Clock::now() + patience));
  const Headers is = wire.frames(udp).front().frame.headers();
  EXPECT_EQ(is.header_length, 20);
  EXPECT_EQ(is.total_length, 20 + 8 + 5);
  EXPECT_FALSE(is.more_fragments);
  EXPECT_EQ(is.source_mac[0], 0x02);
  EXPECT_NE(is.source_mac, is.destination_mac);
}

TEST(Frames, flow_label_is_read_from_the_ipv6_header) {
  std::string bytes = "\x02wirxx\x02wiryy";
  bytes +=
      {'\x86', '\xdd', '\x6f', '\xfa', '\xbc', '\xde'};  // version 6, traffic class 255, flow label 0xabcde
  bytes += {0, 0, 59, 64};                               // no payload, no next header, hop limit
  bytes += std::string(32, '\x20');
  EXPECT_EQ(decode(std::as_bytes(std::span(bytes))).flow_label, 0xabcdeu);
}

TEST_F(TwoHosts, nothing_crosses_a_network_that_was_stopped) {
  send("before");
  EXPECT_EQ(at.receive(), "before");
  net.stop();
  send("after");
  EXPECT_EQ(at.receive(100ms), std::nullopt);
  EXPECT_EQ(wire.count(udp), 1u);
}

TEST_F(TwoHosts, each_host_has_a_small_table_of_udp_sockets_of_its_own) {
  const auto inside = client.visit();
  std::ifstream told("/proc/sys/net/ipv4/udp_hash_entries");
  if (!told) GTEST_SKIP() << "this kernel has one table for the whole machine";
  int entries = 0;
  told >> entries;
  EXPECT_EQ(entries, 128);  // negative for a table that is shared: ip-sysctl
}

TEST(Addresses, are_equal_when_family_host_and_port_are) {
  const Address v4 = Address::numeric("10.5.0.1", 1060), v6 = Address::numeric("fd00::1", 1060);
  EXPECT_EQ(v4, Address::numeric("10.5.0.1", 1060));
  EXPECT_FALSE(v4 == Address::numeric("10.5.0.2", 1060));
  EXPECT_FALSE(v4 == v4.with_port(1061));
  EXPECT_EQ(v6, Address::numeric("fd00:0::0:1", 1060));
  EXPECT_FALSE(v6 == Address::numeric("fd00::2", 1060));
  EXPECT_FALSE(v6 == Address::numeric("::ffff:10.5.0.1", 1060));
  EXPECT_FALSE(v4 == Address::numeric("::ffff:10.5.0.1", 1060));
  sockaddr_in6 scoped{};
  scoped.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "fe80::1", &scoped.sin6_addr);
  scoped.sin6_scope_id = 2;
  const Address on_two(reinterpret_cast<const sockaddr*>(&scoped), sizeof scoped);
  scoped.sin6_scope_id = 3;
  const Address on_three(reinterpret_cast<const sockaddr*>(&scoped), sizeof scoped);
  EXPECT_EQ(on_two, on_two);
  EXPECT_FALSE(on_two == on_three);
  EXPECT_EQ(Address(), Address());
}

TEST(Frames, what_cannot_be_decoded_is_other_and_never_throws) {
  std::string bytes = "\x02wirxx\x02wiryy\x08";
  bytes.push_back('\0');
  bytes += "E";
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const Headers headers = decode(std::as_bytes(std::span(bytes.data(), length)));
    EXPECT_EQ(headers.protocol, Headers::Protocol::other);
  }
}

TEST(Worlds, nothing_of_a_killed_grader_stays) {
  // The namespaces of a process are seen as long as any process or descriptor holds them; the children of
  // this one are all there could be.
  const pid_t grader = fork();
  if (grader == 0) {
    Network net;
    net.link(net.host("a", "10.5.0.1/24"), net.host("b", "10.5.0.2/24"));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(grader, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  errno = 0;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace wirelab
