// What the deck slides/03-tcp-echo.md claims, and a program can show.

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "tests/claims/loopback.hh"

namespace wirelab::claims {
namespace {

class Claims03 : public Connected {
 protected:
  /// Sends until there has been no room for a while (or 256 MiB went); returns how many bytes went.
  static std::size_t sent_until_full(const Descriptor& socket) {
    const std::string chunk(64 << 10, 'x');
    std::size_t sent = 0;
    while (sent < std::size_t{256} << 20 && ready(socket, POLLOUT, silence_ms)) {
      const ssize_t count = send(socket.get(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
    return sent;
  }

  /// The client breaks the connection off, and the server has been told.
  void reset_by_client() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    must(setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
    client.reset();
    ASSERT_TRUE(ready(server, POLLIN));
  }
};

TEST_F(Claims03, two_sends_come_out_of_one_recv) {
  say(client, "Hello, ");
  say(client, "echo");
  ASSERT_TRUE(eventually([&] { return heard(server, 64, MSG_PEEK)->size() == 11; }));
  EXPECT_EQ(heard(server), "Hello, echo");
}

TEST_F(Claims03, one_send_comes_out_of_several_recvs) {
  say(client, "0123456789");
  EXPECT_EQ(heard(server, 3), "012");
  EXPECT_EQ(heard(server, 3), "345");
  EXPECT_EQ(heard(server, 99), "6789");
}

TEST_F(Claims03, send_takes_a_part_when_the_buffer_has_no_room_for_all) {
  const std::string much(64 << 20, 'x');
  const ssize_t taken = send(client.get(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, static_cast<ssize_t>(much.size()));
}

TEST_F(Claims03, a_full_buffer_says_eagain_and_an_empty_one_too) {
  int error = 0;
  while (error == 0) error = error_of(send(client.get(), "bytes", 5, MSG_DONTWAIT | MSG_NOSIGNAL));
  EXPECT_EQ(error, EAGAIN);
  EXPECT_EQ(heard(client, 10, MSG_DONTWAIT), std::nullopt);
  EXPECT_EQ(errno, EAGAIN);
}

/// An echo server of the plainest kind, with a client that sends and does not read: all four buffers fill,
/// and both stand still. One read by the client, and things move again.
TEST_F(Claims03, four_full_buffers_stop_both_sides) {
  std::thread echo([this] {
    std::vector<char> buffer(64 << 10);
    for (ssize_t count; (count = recv(server.get(), buffer.data(), buffer.size(), 0)) > 0;)
      for (ssize_t done = 0; done < count;) {
        const ssize_t part =
            send(server.get(), buffer.data() + done, static_cast<std::size_t>(count - done), MSG_NOSIGNAL);
        if (part < 0) return;
        done += part;
      }
  });
  // More than once: on a busy machine the other thread may move a little later.
  EXPECT_TRUE(eventually([&] { return sent_until_full(client) == 0; })) << "the client cannot send";
  EXPECT_TRUE(ready(client, POLLIN, 0)) << "there is something to read";

  std::vector<char> sink(1 << 20);
  const bool moves = eventually([&] {
    while (recv(client.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
    return ready(client, POLLOUT, 0);
  });
  EXPECT_TRUE(moves) << "once it has read, there is room again";
  shutdown(client.get(), SHUT_RDWR);
  reset_by_client();
  echo.join();
}

TEST_F(Claims03, a_reader_that_stops_makes_the_sender_wait) {
  const std::size_t sent = sent_until_full(client);
  EXPECT_LT(sent, std::size_t{64} << 20);
  std::vector<char> sink(1 << 20);
  std::size_t received = 0;
  while (received < sent) {
    const ssize_t count = recv(server.get(), sink.data(), sink.size(), 0);
    ASSERT_GT(count, 0);
    received += static_cast<std::size_t>(count);
  }
  EXPECT_TRUE(ready(client, POLLOUT));
}

TEST_F(Claims03, the_end_comes_after_all_the_bytes) {
  say(client, "first ");
  say(client, "and last");
  must(shutdown(client.get(), SHUT_WR), "shutdown");
  std::string all;
  for (std::string piece; !(piece = heard(server, 5).value()).empty();) all += piece;
  EXPECT_EQ(all, "first and last");
}

TEST_F(Claims03, after_a_reset_send_says_econnreset_and_then_epipe) {
  reset_by_client();
  EXPECT_EQ(error_of(send(server.get(), "x", 1, MSG_NOSIGNAL)), ECONNRESET);
  EXPECT_EQ(error_of(send(server.get(), "x", 1, MSG_NOSIGNAL)), EPIPE);
}

TEST_F(Claims03, sigpipe_ends_a_process_that_did_not_ask_for_the_error_alone) {
  reset_by_client();
  EXPECT_EXIT(
      {
        signal(SIGPIPE, SIG_DFL);
        while (send(server.get(), "x", 1, 0) < 0 && errno != EPIPE) {
        }
        _exit(0);
      },
      testing::KilledBySignal(SIGPIPE), "");
}

TEST_F(Claims03, a_connection_on_which_nobody_speaks_is_never_given_up) {
  EXPECT_EQ(get(client, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(get(client, IPPROTO_TCP, TCP_KEEPIDLE), 7200);  // two hours, once it is switched on
}

TEST_F(Claims03, an_accepted_socket_blocks_unless_asked) {
  const Descriptor quick = tcp_socket(SOCK_NONBLOCK);
  must(listen(quick.get(), 4), "listen");
  const Descriptor one = connected_to(quick);
  const Descriptor other = connected_to(quick);
  ASSERT_TRUE(ready(quick, POLLIN));
  const Descriptor plain(must(accept4(quick.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  ASSERT_TRUE(ready(quick, POLLIN));
  const Descriptor asked(
      must(accept4(quick.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept"));
  EXPECT_EQ(fcntl(plain.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(asked.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST_F(Claims03, an_idle_connection_is_always_ready_for_writing) {
  EXPECT_TRUE(ready(client, POLLOUT, 0));
  EXPECT_FALSE(ready(client, POLLIN, 0));
}

TEST_F(Claims03, level_triggered_tells_again_and_edge_triggered_once) {
  for (const auto& [mode, times] : {std::pair{0U, 2}, std::pair<unsigned, int>{EPOLLET, 1}}) {
    const Descriptor set(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
    epoll_event wanted{.events = EPOLLIN | mode, .data = {.fd = server.get()}};
    must(epoll_ctl(set.get(), EPOLL_CTL_ADD, server.get(), &wanted), "epoll_ctl");
    say(client, "read me");
    ASSERT_TRUE(ready(server, POLLIN));
    epoll_event event{};
    EXPECT_EQ(epoll_wait(set.get(), &event, 1, patience_ms), 1);
    EXPECT_EQ(epoll_wait(set.get(), &event, 1, 0), times - 1);
    ASSERT_TRUE(heard(server).has_value());
  }
}

TEST_F(Claims03, select_has_room_for_descriptors_below_1024) {
  EXPECT_EQ(FD_SETSIZE, 1024);
  EXPECT_EQ(sizeof(fd_set), 1024U / 8);
}

/// Messages with a length of two bytes in front, taken from a stream that comes byte by byte.
TEST_F(Claims03, a_length_in_front_finds_the_messages_in_any_pieces) {
  std::vector<std::string> messages;
  std::string waiting;
  const auto take = [&](const std::string& piece) {
    waiting += piece;
    while (waiting.size() >= 2) {
      const std::size_t length =
          static_cast<unsigned char>(waiting[0]) * 256U + static_cast<unsigned char>(waiting[1]);
      if (waiting.size() < 2 + length) break;
      messages.push_back(waiting.substr(2, length));
      waiting.erase(0, 2 + length);
    }
  };
  using namespace std::string_literals;
  const std::string stream = "\0\5Hello\0\0\0\4echo"s;
  for (const char byte : stream) {
    say(client, std::string(1, byte));
    take(heard(server, 1).value());
  }
  EXPECT_THAT(messages, testing::ElementsAre("Hello", "", "echo"));
  EXPECT_TRUE(waiting.empty());
}

}  // namespace
}  // namespace wirelab::claims
