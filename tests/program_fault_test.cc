#include <gmock/gmock.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <random>

#include "tests/program_fixture.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class Faults : public ProgramTest {
 protected:
  static Launch watching(std::vector<Call> calls, std::vector<std::string> words) {
    Launch launch = subject(std::move(words));
    launch.watched = std::move(calls);
    return launch;
  }

  /// Sends everything and reads until the end, both at once. What came back.
  static std::string exchange(const Descriptor& fd, const std::string& data) {
    std::string back;
    std::vector<char> buffer(1 << 16);
    for (std::size_t sent = 0;;) {
      pollfd event{fd.get(), static_cast<short>(POLLIN | (sent < data.size() ? POLLOUT : 0)), 0};
      if (poll(&event, 1, 100'000) <= 0) return "nothing came for a long time";
      if ((event.revents & POLLOUT) != 0) {
        const ssize_t size =
            send(fd.get(), data.data() + sent, data.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0 && (sent += size) == data.size()) shutdown(fd.get(), SHUT_WR);
      }
      if ((event.revents & ~POLLOUT) == 0) continue;
      const ssize_t size = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size <= 0) return back;
      back.append(buffer.data(), size);
    }
  }

  static std::string random_bytes(std::size_t size) {
    std::mt19937 random(11);
    std::string data(size, '\0');
    for (char& byte : data) byte = static_cast<char>(random());
    return data;
  }
};

TEST_F(Faults, every_kind_of_call_can_fail) {
  Process process = [&] {
    Launch launch = watching({Call::socket, Call::bind, Call::listen, Call::connect, Call::wait, Call::close},
                             {"calls", "1060"});
    launch.command = {"/bin/sh", "-c", "read go; exec /subject calls 1060"};
    return start(launch);
  }();
  process.inject(fail_with(Call::socket, EMFILE));
  process.inject(fail_with(Call::bind, EADDRINUSE));
  process.inject(fail_with(Call::listen, EOPNOTSUPP));
  process.inject(fail_with(Call::connect, ENETUNREACH));
  process.inject(interrupt(Call::wait));
  process.inject(fail_with(Call::close, EIO));
  process.write_input("go\n");
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_EQ(
      process.standard_output(),
      "socket EMFILE\nbind EADDRINUSE\nlisten EOPNOTSUPP\nconnect ENETUNREACH\npoll EINTR\nclose EIO\n");
  EXPECT_EQ(process.made(Call::socket), 2u);
  EXPECT_EQ(process.struck(Call::socket), 1u);
  EXPECT_EQ(process.made(Call::close), 1u) << "files that are no sockets do not count";
}

TEST_F(Faults, late_interruption_uses_most_of_the_time_up) {
  Launch launch = watching({Call::wait}, {});
  launch.command = {"/bin/sh", "-c", "read go; exec /subject calls 1060"};
  Process process = start(launch);
  process.inject(interrupt_late(Call::wait));
  const auto begin = Clock::now();
  process.write_input("go\n");
  const auto exit = process.wait(patience());
  ASSERT_TRUE(exit.has_value());
  EXPECT_THAT(process.standard_output(), HasSubstr("poll EINTR\n"));
  EXPECT_GE(exit->time - begin, 875ms) << "it polls with a limit of 1 s";
}

TEST_F(Faults, call_that_is_not_watched_cannot_be_struck) {
  Process process = start(watching({Call::send}, {"sleep"}));
  EXPECT_THROW(process.inject(interrupt(Call::receive)), std::logic_error);
  EXPECT_THROW(shorten(Call::bind, 3), std::invalid_argument);
  EXPECT_THROW(shorten(Call::send, 0), std::invalid_argument);
}

TEST_F(Faults, faults_armed_beforehand_strike_the_first_call) {
  Launch launch = watching({Call::accept}, {"echo", "1060", "recv"});
  launch.faults = {interrupt(Call::send)};
  EXPECT_THROW(start(launch), std::logic_error);
  launch.faults = {fail_with(Call::accept, ECONNABORTED)};
  Process process = start(launch);
  EXPECT_EQ(exchange(connect_to(1060), "hello"), "hello");
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_THAT(process.standard_output(), HasSubstr("accept ECONNABORTED\n"));
  EXPECT_EQ(process.struck(Call::accept), 1u);
}

TEST_F(Faults, faults_wait_for_their_turn_and_end) {
  Process process = start(watching({Call::accept}, {"echo", "1060", "recv"}));
  process.inject(fail_with(Call::accept, ECONNABORTED).repeated(2));
  process.inject(fail_with(Call::accept, EMFILE).after(2).repeated(3));
  const Descriptor client = connect_to(1060);
  EXPECT_EQ(exchange(client, "hello"), "hello");
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_THAT(process.standard_output(), HasSubstr("accept ECONNABORTED\naccept ECONNABORTED\naccept "
                                                   "EMFILE\naccept EMFILE\naccept EMFILE\ninterrupts"));
  EXPECT_EQ(process.struck(Call::accept), 5u);
  EXPECT_EQ(process.made(Call::accept), 6u);
}

TEST_F(Faults, faults_reach_children) {
  Launch launch = watching({Call::accept}, {});
  launch.command = {"/bin/sh", "-c", "/subject echo 1060 recv & wait"};
  Process process = start(launch);
  process.inject(interrupt(Call::accept));
  EXPECT_EQ(exchange(connect_to(1060), "hello"), "hello");
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_EQ(process.struck(Call::accept), 1u);
}

struct Way {
  std::string calls;
  bool blocks;
};

class Short : public Faults, public testing::WithParamInterface<Way> {
 protected:
  Process start_echo() {
    std::vector<std::string> words = {"echo", "1060", GetParam().calls};
    if (!GetParam().blocks) words.push_back("nonblocking");
    return start(watching({Call::send, Call::receive, Call::wait}, words));
  }
};

TEST_P(Short, pieces_and_interruptions_lose_nothing_of_sixteen_megabytes) {
  Process process = start_echo();
  process.inject(interrupt(Call::receive).after(10).repeated(5));
  process.inject(interrupt(Call::send).after(10).repeated(5));
  process.inject(shorten(Call::send, 20'011).repeated(Fault::always));
  process.inject(shorten(Call::receive, 30'011).repeated(Fault::always));
  const std::string data = random_bytes(16 << 20);
  EXPECT_TRUE(exchange(connect_to(1060), data) == data);
  EXPECT_EQ(process.wait(patience())->to_string(), "exit status 0");
  EXPECT_THAT(process.standard_output(), HasSubstr("interrupts 10\n"));
  EXPECT_GE(process.struck(Call::send), data.size() / 20'011);
  EXPECT_GE(process.struck(Call::receive), data.size() / 30'011);
}

TEST_P(Short, seven_bytes_at_a_time) {
  Process process = start_echo();
  process.inject(shorten(Call::send, 3).repeated(Fault::always));
  process.inject(shorten(Call::receive, 7).repeated(Fault::always));
  const std::string data = random_bytes(6'000);
  EXPECT_TRUE(exchange(connect_to(1060), data) == data);
  EXPECT_EQ(process.wait(patience())->to_string(), "exit status 0");
  EXPECT_GE(process.struck(Call::receive), data.size() / 7);
  EXPECT_GE(process.struck(Call::send), data.size() / 3);
}

TEST_P(Short, one_short_receive_is_one) {
  Process process = start_echo();
  process.inject(shorten(Call::receive, 2).after(1));
  const Descriptor client = connect_to(1060);
  EXPECT_EQ(exchange(client, random_bytes(100'000)), random_bytes(100'000));
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_LE(process.struck(Call::receive), 1u);
}

INSTANTIATE_TEST_SUITE_P(, Short,
                         testing::Values(Way{"recv", true}, Way{"read", true}, Way{"recvmsg", true},
                                         Way{"recv", false}, Way{"read", false}, Way{"recvmsg", false}),
                         [](const auto& test) {
                           return test.param.calls + (test.param.blocks ? "_blocking" : "_nonblocking");
                         });

/// A program whose one recv waits with us, and the connection on which it waits.
class Waiting : public Faults {
 protected:
  void start_receiver(const std::vector<std::string>& words = {"receive-once", "1060"}) {
    process_.emplace(start(watching({Call::receive}, words)));
    process_->inject(shorten(Call::receive, 5));
    client_ = connect_to(1060);
    ASSERT_TRUE(process_->wait_for_lines(0, patience()));
    while (process_->made(Call::receive) == 0) usleep(500);
  }
  std::optional<Process> process_;
  Descriptor client_;
};

TEST_F(Waiting, receive_gets_what_comes_later) {
  start_receiver();
  usleep(30'000);
  ASSERT_EQ(send(client_.get(), "0123456789", 10, 0), 10);
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nrecv ok\n5\n");
  EXPECT_EQ(process_->struck(Call::receive), 1u);
}

TEST_F(Waiting, end_of_stream_is_passed_on) {
  start_receiver();
  client_.reset();
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nrecv ok\n0\n");
  EXPECT_EQ(process_->struck(Call::receive), 0u);
}

TEST_F(Waiting, reset_is_passed_on) {
  start_receiver();
  const linger at_once{1, 0};
  setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client_.reset();
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nrecv ECONNRESET\n-1\n");
}

TEST_F(Waiting, signal_interrupts_the_wait) {
  start_receiver();
  process_->signal(SIGUSR1);
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nhandled\nrecv EINTR\n-1\n");
}

TEST_F(Waiting, signal_with_restart_does_not) {
  start_receiver();
  process_->signal(SIGUSR2);
  ASSERT_TRUE(process_->wait_for_lines(1, patience()));
  ASSERT_EQ(send(client_.get(), "0123456789", 10, 0), 10);
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nhandled\nrecv ok\n5\n");
  EXPECT_EQ(process_->made(Call::receive), 1u) << "the kernel makes the call again, not the program";
}

TEST_F(Waiting, receive_time_limit_of_the_socket_holds) {
  start_receiver({"receive-once", "1060", "0"});
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nrecv EAGAIN\n-1\n");
}

TEST_F(Waiting, deadly_signal_kills_at_once) {
  start_receiver();
  process_->signal(SIGTERM);
  EXPECT_EQ(process_->wait(patience())->signal, SIGTERM);
}

TEST_F(Waiting, program_that_waits_can_be_paused) {
  start_receiver();
  process_->pause();
  ASSERT_EQ(send(client_.get(), "0123456789", 10, 0), 10);
  EXPECT_FALSE(process_->wait(Clock::now() + 50ms).has_value());
  process_->resume();
  ASSERT_TRUE(process_->wait(patience()).has_value());
  EXPECT_EQ(process_->standard_output(), "receiving\nrecv ok\n5\n");
}

TEST_F(Faults, broken_connection_raises_sigpipe_as_ever) {
  Process process = start(watching({Call::send}, {"send-to-closed", "1060"}));
  process.inject(shorten(Call::send, 10).repeated(Fault::always));
  Descriptor client = connect_to(1060);
  const linger at_once{1, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  char byte;
  ASSERT_EQ(recv(client.get(), &byte, 1, 0), 1);
  client.reset();
  EXPECT_EQ(process.wait(patience())->signal, SIGPIPE);
  EXPECT_THAT(process.standard_output(), HasSubstr("send ECONNRESET\n"));
}

TEST_F(Faults, short_counts_spare_datagrams) {
  Launch launch = watching({Call::send, Call::receive}, {});
  launch.command = {"/usr/bin/perl", "-MSocket", "-e",
                    "socketpair(my $a, my $b, AF_UNIX, SOCK_DGRAM, 0); send($a, 'x' x 100, 0); recv($b, my "
                    "$d, 200, 0); print length $d"};
  Process process = start(launch);
  process.inject(shorten(Call::send, 5).repeated(Fault::always));
  process.inject(shorten(Call::receive, 5).repeated(Fault::always));
  ASSERT_TRUE(process.wait(patience()).has_value());
  EXPECT_EQ(process.standard_output(), "100") << process.standard_error();
  EXPECT_EQ(process.struck(Call::send), 0u);
  EXPECT_EQ(process.made(Call::send), 1u);
}

}  // namespace
}  // namespace wirelab
