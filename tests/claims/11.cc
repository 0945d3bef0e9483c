// What the deck slides/11-packet-analysis.md claims, and a program can show.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/capture.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

auto soon() { return std::chrono::steady_clock::now() + 10s; }

/// Two hosts, and a TCP connection of their kernels.
struct Conversation {
  explicit Conversation(unsigned mtu = 1500) : wire(net.link(client, server, {.mtu = mtu, .name = "wire"})) {
    Descriptor listener;
    {
      const auto inside = server.visit();
      listener.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
      const Address here = server.at(1060);
      must(bind(listener.get(), here.data(), *here.size()), "bind");
      must(listen(listener.get(), 1), "listen");
    }
    {
      const auto inside = client.visit();
      asker.reset(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
      const Address there = server.at(1060);
      must(connect(asker.get(), there.data(), *there.size()), "connect");
    }
    answerer.reset(must(accept(listener.get(), nullptr, nullptr), "accept"));
  }

  void send(std::size_t bytes) const {
    const std::string data(bytes, 'm');
    must(::send(asker.get(), data.data(), data.size(), MSG_NOSIGNAL), "send");
  }

  /// Reads so many bytes on the server.
  void receive(std::size_t bytes) const {
    std::vector<char> buffer(bytes);
    must(recv(answerer.get(), buffer.data(), buffer.size(), MSG_WAITALL), "recv");
  }

  [[nodiscard]] Headers first(const Match& match) const { return wire.frames(match).at(0).frame.headers(); }

  Network net;
  Host& client = net.host("client", "10.11.0.1/24");
  Host& server = net.host("server", "10.11.0.2/24");
  Segment& wire;
  Descriptor asker, answerer;
};

/// SYN and FIN take one number each, and 1 + 19 = 20.
TEST(Claims11, nineteen_bytes_from_one_on_are_acknowledged_with_twenty) {
  Conversation talk;
  talk.send(19);
  talk.receive(19);
  const std::uint32_t client_initial = talk.first(syn).sequence,
                      server_initial = talk.first(syn_ack).sequence;
  EXPECT_EQ(talk.first(syn_ack).acknowledgment - client_initial, 1U);  // the SYN has taken number 0
  EXPECT_EQ(talk.first(with_payload).sequence - client_initial, 1U);
  EXPECT_EQ(talk.first(with_payload).acknowledgment - server_initial, 1U);
  const Match answer = tcp.from(talk.server) && !syn_ack;
  ASSERT_TRUE(talk.wire.wait_for(answer, 1, soon()));
  EXPECT_EQ(talk.first(answer).acknowledgment - client_initial, 20U);

  must(shutdown(talk.asker.get(), SHUT_WR), "shutdown");
  ASSERT_TRUE(talk.wire.wait_for(answer, 2, soon()));
  EXPECT_EQ(talk.first(fin).sequence - client_initial, 20U);
  EXPECT_EQ(talk.wire.frames(answer)[1].frame.headers().acknowledgment - client_initial, 21U);
}

TEST(Claims11, handshake_is_three_segments) {
  const Conversation talk;
  EXPECT_TRUE(talk.wire.wait_for(tcp, 3, soon()));
  const auto frames = talk.wire.frames(tcp);
  EXPECT_EQ(frames[0].frame.headers().flags, tcp_flag::syn);
  EXPECT_EQ(frames[1].frame.headers().flags, tcp_flag::syn | tcp_flag::ack);
  EXPECT_EQ(frames[2].frame.headers().flags, tcp_flag::ack);
  EXPECT_EQ(frames[2].frame.headers().sequence - frames[0].frame.headers().sequence, 1U);
  EXPECT_EQ(frames[2].frame.headers().acknowledgment - frames[1].frame.headers().sequence, 1U);
}

TEST(Claims11, initial_numbers_differ) {
  const Conversation one, other;
  EXPECT_NE(one.first(syn).sequence, other.first(syn).sequence);
  EXPECT_NE(one.first(syn).sequence, one.first(syn_ack).sequence);
}

/// The MSS is the MTU without two headers of 20 bytes. Linux's segments carry 12 less: the option with time
/// stamps is in every header.
TEST(Claims11, mss_is_the_mtu_without_two_headers) {
  for (const unsigned mtu : {1500U, 1300U}) {
    Conversation talk(mtu);
    EXPECT_EQ(talk.first(syn).maximum_segment_size, mtu - 40);
    EXPECT_EQ(talk.first(syn_ack).maximum_segment_size, mtu - 40);
    talk.send(4000);
    talk.receive(4000);
    const Headers full = talk.first(with_payload);
    EXPECT_EQ(full.payload.size(), mtu - 40 - 12);
    EXPECT_EQ(full.total_length, mtu);
  }
}

TEST(Claims11, window_scale_is_offered_in_both_syns) {
  const Conversation talk;
  EXPECT_TRUE(talk.first(syn).window_scale.has_value());
  EXPECT_TRUE(talk.first(syn_ack).window_scale.has_value());
  EXPECT_FALSE(talk.first(tcp.from(talk.client) && !syn).window_scale.has_value());
}

TEST(Claims11, last_segment_that_is_lost_comes_again_after_the_time_out) {
  Conversation talk;
  talk.wire.rule(drop_first(with_payload, 1));
  talk.send(19);
  talk.receive(19);
  const auto frames = talk.wire.frames(with_payload);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].frame.headers().sequence, frames[1].frame.headers().sequence);
  EXPECT_GE(frames[1].time - frames[0].time, 200ms);
}

TEST(Claims11, difference_modulo_2_to_the_32_tells_the_order) {
  const auto ahead = [](std::uint32_t number, std::uint32_t reference) {
    return static_cast<std::int32_t>(number - reference);
  };
  EXPECT_EQ(ahead(5, 4294967290U), 11);
  EXPECT_EQ(ahead(4294967290U, 5), -11);
  EXPECT_EQ(ahead(20, 1), 19);
}

/// 24 bytes, and 16 more for each packet; the magic number stands in the byte order of this machine.
TEST(Claims11, pcap_file_is_a_header_and_packets_with_a_header_each) {
  Conversation talk;
  ASSERT_TRUE(talk.wire.wait_for(tcp, 3, soon()));
  auto frames = talk.wire.frames(tcp);
  frames.resize(2, frames[0]);
  std::string name = "/tmp/claims11.XXXXXX";
  Descriptor(must(mkstemp(name.data()), "mkstemp")).reset();
  write_pcap(name, frames);
  std::ifstream in(name, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(name);

  const auto number = [&bytes](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  ASSERT_EQ(bytes.size(), 24 + 16 + frames[0].length + 16 + frames[1].length);
  EXPECT_EQ(number(0), 0xa1b23c4dU);             // nanoseconds
  EXPECT_EQ(number(20), 1U);                     // Ethernet
  EXPECT_EQ(number(24 + 8), frames[0].length);   // kept
  EXPECT_EQ(number(24 + 12), frames[0].length);  // on the wire
}

}  // namespace
}  // namespace wirelab
