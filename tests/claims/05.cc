// What the deck slides/05-unreliable-udp.md claims, and a program can show.

#include <gmock/gmock.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <deque>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/claims/datagrams.hh"

namespace wirelab::claims {
namespace {

using namespace std::chrono_literals;
using testing::DoubleNear;

struct TwoHosts {
  Network net;
  Host& client = net.host("client", "10.5.0.1/24");
  Host& server = net.host("server", "10.5.0.2/24");
  Segment& wire = net.link(client, server);
};

TEST(Claims05, a_lost_datagram_makes_no_sound) {
  TwoHosts two;
  two.wire.rule(drop(udp));
  const Udp socket = udp_on(two.client);
  ASSERT_EQ(socket.connect(two.server.at(1060)), 0);
  EXPECT_EQ(socket.send("hello"), 5);
  ASSERT_TRUE(two.wire.wait_for(udp, 1, std::chrono::steady_clock::now() + patience));
  EXPECT_FALSE(socket.readable(a_while));
  EXPECT_EQ(socket.pending_error(), 0);
  EXPECT_EQ(socket.send("hello?"), 6) << "nor does the next call tell";
  EXPECT_EQ(two.wire.frames(udp).front().arrivals, 0U);
}

/// The kernel's count of datagrams that did not fit into a socket's buffer: RcvbufErrors of this namespace.
long receive_buffer_errors() {
  std::ifstream statistics("/proc/thread-self/net/snmp");
  std::vector<std::string> names;
  for (std::string line; std::getline(statistics, line);) {
    if (!line.starts_with("Udp:")) continue;
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(word);
    if (names.empty()) {
      names = row;
      continue;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "RcvbufErrors") return std::stol(row[i]);
    }
  }
  return -1;
}

TEST(Claims05, a_full_receive_buffer_loses_datagrams) {
  const Alone alone;
  const Udp server(v4("127.0.0.1", 0));
  ASSERT_EQ(server.set(SOL_SOCKET, SO_RCVBUF, 8192), 0);
  const Udp client;
  constexpr int sent = 500;
  for (int i = 0; i < sent; ++i) ASSERT_EQ(client.send(std::string(100, 'x'), server.here()), 100);
  int received = 0;
  while (server.receive(0ms)) ++received;
  EXPECT_GT(received, 0);
  EXPECT_LT(received, sent);
  EXPECT_EQ(receive_buffer_errors(), sent - received);
  EXPECT_EQ(client.pending_error(), 0);
}

TEST(Claims05, the_largest_datagram_has_65507_bytes) {
  const Alone alone;
  const Udp server(v4("127.0.0.1", 0));
  const Udp client;
  EXPECT_EQ(client.send(std::string(65507, 'x'), server.here()), 65507);
  EXPECT_EQ(server.receive().value_or("").size(), 65507U);
  EXPECT_EQ(client.send(std::string(65508, 'x'), server.here()), -1);
  EXPECT_EQ(errno, EMSGSIZE);
  EXPECT_EQ(client.send("", server.here()), 0);
  EXPECT_EQ(server.receive(), "") << "an empty datagram is a datagram";
}

double draw(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

TEST(Claims05, a_draw_is_below_one) {
  EXPECT_EQ(draw(0), 0.0);
  EXPECT_LT(draw(std::numeric_limits<std::uint64_t>::max()), 1.0);
  // The standard says what the 10,000th number of the default seed is: [rand.predef].
  std::mt19937_64 engine;  // NOLINT(cert-msc51-cpp,cert-msc32-c): it is to be predictable
  engine.discard(9999);
  EXPECT_EQ(engine(), 9981545732273789042U);
}

TEST(Claims05, five_tries_take_3_1_seconds) {
  int tries = 0;
  double total = 0;
  double wait = 0.1;
  while (wait <= 2.0) {
    ++tries;
    total += wait;
    wait *= 2;
  }
  EXPECT_EQ(tries, 5);
  EXPECT_THAT(total, DoubleNear(3.1, 1e-9));
}

/// A hundred clients ask at time 0; whoever has no answer at the times in `retries` (in units of 0.1 s) asks
/// again. The server takes ten requests out of its queue in each unit. Returns how many requests were sent.
int requests_sent(const std::vector<int>& retries, int& all_answered) {
  constexpr int clients = 100, rate = 10;
  std::deque<int> queue;
  std::vector<bool> answered(clients, false);
  int sent = 0;
  all_answered = 0;
  for (int now = 0; now < 100; ++now) {
    if (now == 0 || std::ranges::count(retries, now) > 0) {
      for (int client = 0; client < clients; ++client) {
        if (answered[client]) continue;
        queue.push_back(client);
        ++sent;
      }
    }
    for (int i = 0; i < rate && !queue.empty(); ++i) {
      if (!answered[queue.front()]) all_answered = now + 1;
      answered[queue.front()] = true;
      queue.pop_front();
    }
  }
  return sent;
}

TEST(Claims05, doubling_saves_half_of_the_requests) {
  std::vector<int> always;
  for (int now = 1; now < 100; ++now) always.push_back(now);
  int fixed_end = 0;
  int doubled_end = 0;
  EXPECT_EQ(requests_sent(always, fixed_end), 550);
  EXPECT_EQ(requests_sent({1, 3, 7, 15, 31}, doubled_end), 290);
  EXPECT_EQ(fixed_end, 10) << "tenths of a second";
  EXPECT_EQ(doubled_end, 10);
}

TEST(Claims05, poll_is_interrupted_even_with_sa_restart) {
  const Alone alone;
  const Udp socket(v4("127.0.0.1", 0));
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  must(sigaction(SIGALRM, &action, &before), "sigaction");
  const itimerval every{{0, 20000}, {0, 20000}};
  must(setitimer(ITIMER_REAL, &every, nullptr), "setitimer");
  pollfd watched{socket.fd(), POLLIN, 0};
  const int result = poll(&watched, 1, static_cast<int>(patience.count()));
  const int error = errno;
  const itimerval never{};
  must(setitimer(ITIMER_REAL, &never, nullptr), "setitimer");
  must(sigaction(SIGALRM, &before, nullptr), "sigaction");
  EXPECT_EQ(result, -1);
  EXPECT_EQ(error, EINTR);
}

TEST(Claims05, only_a_connected_socket_is_told) {
  const Alone alone;
  const Address nobody = Udp(v4("127.0.0.1", 0)).here();  // a port that was free a moment ago
  const Udp connected;
  ASSERT_EQ(connected.connect(nobody), 0);
  ASSERT_EQ(connected.send("hello"), 5);
  ASSERT_TRUE(connected.readable());
  EXPECT_EQ(connected.receive(), std::nullopt);
  EXPECT_EQ(errno, ECONNREFUSED);
  const Udp unconnected;
  ASSERT_EQ(unconnected.send("hello", nobody), 5);
  EXPECT_FALSE(unconnected.readable(a_while));
  EXPECT_EQ(unconnected.pending_error(), 0);
}

TEST(Claims05, rfc_6298_by_hand) {
  double smoothed = 100;
  double variation = 50;  // R/2
  EXPECT_THAT(smoothed + 4 * variation, DoubleNear(300, 0.05));
  const auto learn = [&](double measured) {
    variation = 0.75 * variation + 0.25 * std::abs(smoothed - measured);
    smoothed = 0.875 * smoothed + 0.125 * measured;
  };
  learn(60);
  EXPECT_THAT(variation, DoubleNear(47.5, 0.05));
  EXPECT_THAT(smoothed, DoubleNear(95, 0.05));
  EXPECT_THAT(smoothed + 4 * variation, DoubleNear(285, 0.5));
  learn(60);
  EXPECT_THAT(variation, DoubleNear(44.4, 0.05));
  EXPECT_THAT(smoothed, DoubleNear(90.6, 0.05));
  EXPECT_THAT(smoothed + 4 * variation, DoubleNear(268, 0.5));
  for (int i = 0; i < 100; ++i) learn(60);  // the last question of the deck
  EXPECT_THAT(smoothed + std::max(1.0, 4 * variation), DoubleNear(61, 0.05));
}

}  // namespace
}  // namespace wirelab::claims
