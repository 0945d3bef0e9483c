// What the deck slides/02-bind-listen-accept.md claims, and a program can show.

#include <sys/resource.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "tests/claims/loopback.hh"

namespace wirelab::claims {
namespace {

class Claims02 : public Loopback {
 protected:
  /// A connection on which the server's end is closed first, and then the client's.
  static void serve_and_close_first(const Descriptor& listener) {
    Descriptor client = connected_to(listener);
    Descriptor server = accepted(listener);
    server.reset();
    EXPECT_EQ(heard(client), "");
  }

  /// How many connections are in TIME_WAIT whose end here has this port (proc(5), /proc/net/tcp).
  static int in_time_wait(std::uint16_t port) {
    std::ifstream table("/proc/thread-self/net/tcp");
    std::string line;
    int count = 0;
    while (std::getline(table, line)) {
      std::istringstream words(line);
      std::string slot;
      std::string local;
      std::string remote;
      std::string state;
      words >> slot >> local >> remote >> state;
      if (state == "06" && std::stoul(local.substr(local.find(':') + 1), nullptr, 16) == port) ++count;
    }
    return count;
  }

  static int listen_at(const Descriptor& socket, const Address& address) {
    const int error = bind_to(socket, address);
    return error != 0 ? error : error_of(listen(socket.get(), 16));
  }
};

TEST_F(Claims02, the_kernel_completes_the_handshake_before_anybody_accepts) {
  const Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  EXPECT_EQ(state(client), TCP_ESTABLISHED);
  say(client, "before accept");
  EXPECT_EQ(heard(accepted(listener)), "before accept");
}

TEST_F(Claims02, one_port_at_two_addresses_is_two_places) {
  const Descriptor listener = listening();
  const std::uint16_t port = local_address(listener.get()).port();
  const Descriptor neighbour = tcp_socket();
  EXPECT_EQ(listen_at(neighbour, Address::numeric("127.0.0.2", port)), 0);
  EXPECT_EQ(listen_at(tcp_socket(), Address::numeric("0.0.0.0", port)), EADDRINUSE);
  EXPECT_EQ(connect_to(tcp_socket(), Address::numeric("127.0.0.3", port)), ECONNREFUSED);
}

TEST_F(Claims02, the_wildcard_is_every_address_of_the_machine) {
  const Descriptor listener = listening(16, Address::numeric("0.0.0.0", 0));
  const std::uint16_t port = local_address(listener.get()).port();
  const Descriptor client = tcp_socket();
  EXPECT_EQ(connect_to(client, Address::numeric("127.0.0.3", port)), 0);
  EXPECT_EQ(local_address(listener.get()).host(), "0.0.0.0");
  EXPECT_EQ(local_address(accepted(listener).get()).host(), "127.0.0.3");
}

TEST_F(Claims02, port_zero_asks_the_kernel_for_one) {
  const Descriptor socket = tcp_socket();
  ASSERT_EQ(bind_to(socket, Address::numeric("127.0.0.1", 0)), 0);
  EXPECT_GE(local_address(socket.get()).port(), 1024);
}

TEST_F(Claims02, listen_without_bind_takes_an_ephemeral_port) {
  const Descriptor socket = tcp_socket();
  ASSERT_EQ(listen(socket.get(), 1), 0);
  EXPECT_GE(local_address(socket.get()).port(), 32768);
}

TEST_F(Claims02, an_address_that_is_not_ours_cannot_be_bound) {
  EXPECT_EQ(bind_to(tcp_socket(), Address::numeric("192.0.2.1", 1060)), EADDRNOTAVAIL);
}

TEST_F(Claims02, the_new_socket_has_the_listeners_address_and_the_clients_peer) {
  const Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  const Descriptor server = accepted(listener);
  EXPECT_NE(server.get(), listener.get());
  EXPECT_EQ(local_address(server.get()), local_address(listener.get()));
  EXPECT_EQ(peer_address(server.get()), local_address(client.get()));
}

TEST_F(Claims02, a_listening_socket_carries_no_data) {
  const Descriptor listener = listening();
  EXPECT_EQ(error_of(send(listener.get(), "x", 1, MSG_NOSIGNAL)), EPIPE);
  EXPECT_EQ(heard(listener, 10, MSG_DONTWAIT), std::nullopt);
  EXPECT_EQ(errno, ENOTCONN);
}

/// What `ss -ltn` shows as Recv-Q and Send-Q.
TEST_F(Claims02, a_listening_socket_tells_its_queue_and_its_backlog) {
  const Descriptor listener = listening(7);
  const Descriptor one = connected_to(listener);
  const Descriptor other = connected_to(listener);
  const auto info = get<tcp_info>(listener, IPPROTO_TCP, TCP_INFO);
  EXPECT_EQ(info.tcpi_unacked, 2U);
  EXPECT_EQ(info.tcpi_sacked, 7U);
}

TEST_F(Claims02, somaxconn_cuts_the_backlog) {
  unsigned most = 0;
  std::ifstream("/proc/sys/net/core/somaxconn") >> most;
  const Descriptor listener = listening(std::numeric_limits<int>::max());
  EXPECT_EQ(get<tcp_info>(listener, IPPROTO_TCP, TCP_INFO).tcpi_sacked, most);
}

/// Linux lets one more in than the backlog says. The SYN of whoever comes after that is not answered; it is
/// sent again a second later, and again.
TEST_F(Claims02, a_full_accept_queue_leaves_further_clients_waiting) {
  const Descriptor listener = listening(1);
  const Descriptor first = connected_to(listener);
  const Descriptor second = connected_to(listener);
  const Descriptor third = tcp_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(third, local_address(listener.get())), EINPROGRESS);
  EXPECT_FALSE(ready(third, POLLOUT, silence_ms)) << "neither connected nor refused";
  EXPECT_EQ(state(third), TCP_SYN_SENT);
  const Descriptor room = accepted(listener);
  EXPECT_TRUE(ready(third, POLLOUT));
  EXPECT_EQ(get(third, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(Claims02, closing_the_listener_resets_those_who_wait_in_its_queue) {
  Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  listener.reset();
  ASSERT_TRUE(ready(client, POLLIN));
  EXPECT_EQ(heard(client), std::nullopt);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(Claims02, the_end_that_closes_first_keeps_the_connection_in_time_wait) {
  const Descriptor listener = listening();
  const std::uint16_t port = local_address(listener.get()).port();
  serve_and_close_first(listener);
  EXPECT_TRUE(eventually([&] { return in_time_wait(port) == 1; }));
}

TEST_F(Claims02, time_wait_keeps_the_port_unless_reuseaddr_is_set) {
  Descriptor listener = tcp_socket();
  set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  ASSERT_EQ(listen_at(listener, Address::numeric("127.0.0.1", 0)), 0);
  const Address here = local_address(listener.get());
  serve_and_close_first(listener);
  listener.reset();
  ASSERT_TRUE(eventually([&] { return in_time_wait(here.port()) == 1; }));

  EXPECT_EQ(listen_at(tcp_socket(), here), EADDRINUSE);
  const Descriptor next = tcp_socket();
  set(next, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(listen_at(next, here), 0);
}

TEST_F(Claims02, reuseaddr_does_not_let_two_servers_listen) {
  const Descriptor one = tcp_socket();
  const Descriptor other = tcp_socket();
  for (const Descriptor* socket : {&one, &other}) set(*socket, SOL_SOCKET, SO_REUSEADDR, 1);
  ASSERT_EQ(listen_at(one, Address::numeric("127.0.0.1", 0)), 0);
  EXPECT_EQ(listen_at(other, local_address(one.get())), EADDRINUSE);
}

TEST_F(Claims02, reuseport_does_if_both_set_it) {
  const Descriptor one = tcp_socket();
  const Descriptor other = tcp_socket();
  for (const Descriptor* socket : {&one, &other}) set(*socket, SOL_SOCKET, SO_REUSEPORT, 1);
  ASSERT_EQ(listen_at(one, Address::numeric("127.0.0.1", 0)), 0);
  EXPECT_EQ(listen_at(other, local_address(one.get())), 0);
  EXPECT_EQ(listen_at(tcp_socket(), local_address(one.get())), EADDRINUSE);
}

TEST_F(Claims02, a_connection_that_was_reset_is_accepted_all_the_same) {
  const Descriptor listener = listening();
  Descriptor client = connected_to(listener);
  const Address who = local_address(client.get());
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  must(setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
  client.reset();  // sends RST

  Address peer;
  const Descriptor server(accept4(listener.get(), peer.data(), peer.size(), SOCK_CLOEXEC));
  ASSERT_TRUE(server);
  EXPECT_EQ(peer, who);  // accept still knows, and getpeername does not
  Address asked;
  EXPECT_EQ(error_of(getpeername(server.get(), asked.data(), asked.size())), ENOTCONN);
}

TEST_F(Claims02, without_a_descriptor_accept_fails_and_the_client_stays_in_the_queue) {
  const Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;  // no new descriptor; those that are open stay
  setrlimit(RLIMIT_NOFILE, &none);
  const int first = error_of(accept(listener.get(), nullptr, nullptr));
  const int again = error_of(accept(listener.get(), nullptr, nullptr));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(first, EMFILE);
  EXPECT_EQ(again, EMFILE);
  EXPECT_EQ(peer_address(accepted(listener).get()), local_address(client.get()));
}

TEST_F(Claims02, the_kernel_delivers_after_close) {
  const Descriptor listener = listening();
  const Descriptor client = connected_to(listener);
  Descriptor server = accepted(listener);
  say(server, "You are somebody\n");
  server.reset();
  EXPECT_EQ(heard(client), "You are somebody\n");
  EXPECT_EQ(heard(client), "");
}

}  // namespace
}  // namespace wirelab::claims
