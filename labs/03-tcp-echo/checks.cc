// What a TCP echo must do. Each check plays the other side of the program: clients for its server, a server
// for its client. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/program/sockets.hh"
#include "grader/program/threads.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t KiB = 1 << 10, MiB = 1 << 20;

/// A client and a server on one cable.
class TcpEcho : public Check {
 protected:
  explicit TcpEcho(unsigned mtu = 1500) : wire(net.link(client, server, {.mtu = mtu})) {}

  Program& start_server(Circumstances how = {}) {
    return run(server, {"server", server.at(0).host(), "-p", std::to_string(port)}, how)
        .expect_listening(port);
  }

  /// The client with its message in the arguments, or on standard input when there is none.
  Program& start_client(const std::vector<std::string>& message, Circumstances how = {}) {
    std::vector<std::string> arguments = {"client", server.at(0).host(), "-p", std::to_string(port)};
    arguments.insert(arguments.end(), message.begin(), message.end());
    return run(client, arguments, how);
  }

  TcpPeer connect_client() { return connect(client, server.at(port)); }

  /// The server still does its work for somebody new.
  void expect_service() {
    TcpPeer peer = connect_client();
    const std::string text = random.words(3);
    peer.send(text);
    peer.expect_receive(text);
  }

  /// The client has connected, said something or nothing, and said that this was all: so many frames at
  /// least.
  void expect_conversation_since(std::size_t frames_before) {
    likely_mistake(
        "What the client prints must have been to the server and back. This did not cross the cable.");
    (void)await_frames(wire, tcp.from(client), frames_before + 3, "client frame");
  }

  /// Clients, until one waits in the server's queue because the server can have no more than so many files
  /// open. A server that forks has room for all.
  std::vector<TcpPeer> connect_until_one_waits(const Program& program, std::size_t files) {
    const auto waiting = [&] {
      return std::ranges::any_of(sockets_in(server, SOCK_STREAM, listen_state), [&](const BoundSocket& one) {
        return one.local.port() == port && one.receive_queue > 0;
      });
    };
    const std::string opened = fmt::format("/proc/{}/fd", program.process().pid());
    const auto full = [&] {
      std::error_code gone;
      std::filesystem::directory_iterator entries(opened, gone);
      return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) >= files;
    };
    std::vector<TcpPeer> crowd = connect_many(client, server.at(port), files / 2);
    while (crowd.size() < files + 10) {
      crowd.push_back(connect_client());
      // Where it is not full a client waits for a moment only.
      const auto deadline = Clock::now() + patience;
      while (waiting() && !full() && Clock::now() < deadline) std::this_thread::sleep_for(2ms);
      if (waiting()) break;
    }
    return crowd;
  }

  /// Waits until the server's kernel has heard of the end of all these connections, but not for ever: whether
  /// the server closes them is not judged. Those that are not quite open yet count.
  void let_end(const std::function<bool(const BoundSocket&)>& these) {
    const auto any = [&] {
      return std::ranges::any_of(sockets_in(server, SOCK_STREAM, ~listen_state), these);
    };
    for (const auto deadline = Clock::now() + patience; any() && Clock::now() < deadline;)
      std::this_thread::sleep_for(5ms);
  }

  std::vector<std::string> address = random.neighbours();
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Segment& wire;
  const std::uint16_t port = random.port();
};

/// The same with long frames: for transfers of many megabytes, where each frame costs the grader some
/// microseconds.
class TcpEchoBulk : public TcpEcho {
 protected:
  TcpEchoBulk() : TcpEcho(32000) {}
};

TEST_F(TcpEcho, bytes_come_back_unchanged) {
  start_server();
  TcpPeer peer = connect_client();
  std::string every_value;
  for (int value = 0; value < 256; ++value) every_value += static_cast<char>(value);

  likely_mistake(
      "The bytes are treated as text somewhere: a string that ends at its first zero byte (strlen, %s, a "
      "char* turned into a std::string), or a read that stops at a newline, loses what follows. Or more is "
      "sent than came: the whole buffer, whatever is left in it from before. Bytes travel with their count.");
  peer.send(every_value);
  peer.expect_receive(every_value);
  const std::string zeros(1000, '\0');
  peer.send(zeros);
  peer.expect_receive(zeros);
  const std::string drawn = random.bytes(random.number(2000, 6000));
  peer.expect_echo(drawn);

  step("now through the client as well");
  const std::size_t frames_before = wire.count(tcp.from(client));
  Program& program = start_client({}, {.input = every_value + drawn});
  program.expect_exit(0);
  program.expect_output(every_value + drawn);
  expect_conversation_since(frames_before);
}

TEST_F(TcpEcho, empty_input_is_a_conversation_too) {
  start_server();
  likely_mistake(
      "An empty input sends no byte, so nothing will ever come back. The client must notice that its input "
      "has ended, tell the server so, and be done; the server must take an end of stream as an end, not as a "
      "message.");
  Program& program = start_client({}, {.input = ""});
  program.expect_exit(0);
  program.expect_output("");
  expect_conversation_since(0);
  TcpPeer peer = connect_client();
  peer.half_close();
  peer.expect_end();
}

TEST_F(TcpEcho, borders_between_segments_do_not_matter) {
  start_server();
  likely_mistake(
      "The server waits for more than has come (for a newline, for its buffer to be full, for the end), or it "
      "sends back more than has come. TCP is a stream of bytes; whatever recv returned, be it one byte, is to "
      "be sent back, and no more.");
  TcpPeer peer = connect_client();
  for (const char letter : random.bytes(12)) {
    peer.send({&letter, 1});
    peer.expect_receive({&letter, 1});
  }

  likely_mistake(
      "The server takes one recv for one message. What a client sends in several calls may arrive in one "
      "piece, and what it sends in one call may arrive in several: only the order of the bytes is certain.");
  const std::string bytes = random.bytes(20000);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = std::min(bytes.size() - at, random.number(1, 3000));
    peer.send(std::string_view(bytes).substr(at, length));
    at += length;
  }
  peer.expect_receive(bytes);
}

TEST_F(TcpEcho, server_loses_nothing_to_short_calls_and_interruptions) {
  Program& program = start_server({.watched = {Call::receive, Call::send, Call::wait}});
  TcpPeer peer = connect_client();
  const std::string bytes = random.bytes(random.number(1500, 2500));

  likely_mistake(
      "send returns how many bytes the kernel took, which may be fewer than it was given: the rest is still "
      "yours to send, before anything that comes later.");
  program.inject(shorten(Call::send, 7).repeated(20));
  program.repeat_until_struck(Call::send, 20, [&] { peer.expect_echo(bytes); });
  likely_mistake(
      "A send that a signal interrupted (EINTR) has sent nothing: that is no error of the connection, and the "
      "bytes are still to be sent.");
  program.inject(interrupt(Call::send));
  program.repeat_until_struck(Call::send, 21, [&] { peer.expect_echo(bytes); });

  likely_mistake(
      "recv returns how many bytes it put into the buffer; only these are the client's, and more will follow.");
  program.inject(shorten(Call::receive, 3).repeated(20));
  program.repeat_until_struck(Call::receive, 20, [&] { peer.expect_echo(bytes); });
  likely_mistake(
      "A recv that a signal interrupted (EINTR) has received nothing: that is neither the end of the stream "
      "nor an error of the connection.");
  program.inject(interrupt(Call::receive));
  program.repeat_until_struck(Call::receive, 21, [&] { peer.expect_echo(bytes); });

  likely_mistake(
      "A poll, select or epoll_wait that a signal interrupted (EINTR) has nothing to tell: call it again.");
  program.inject(interrupt(Call::wait));  // a server with a thread for each client has no such call
  for (int i = 0; i < 3; ++i) peer.expect_echo(bytes);
  program.expect_running();
}

TEST_F(TcpEcho, client_loses_nothing_to_short_calls_and_interruptions) {
  TcpListener listener(story(), server, port);
  const std::string bytes = random.bytes(random.number(1500, 2500));
  Program& program = start_client({}, {.watched = {Call::receive, Call::send}});
  program.inject(shorten(Call::send, 11).repeated(20));
  program.inject(interrupt(Call::send).after(4));
  program.inject(shorten(Call::receive, 5).repeated(20));
  program.inject(interrupt(Call::receive).after(4));
  program.type(bytes);
  program.end_input();
  TcpPeer peer = listener.accept();

  likely_mistake(
      "send returns how many bytes the kernel took, which may be fewer than it was given: the rest is still "
      "yours to send, before the half-close. An interrupted send (EINTR) has done nothing and is to be made "
      "again.");
  peer.expect_receive(bytes);
  peer.expect_end();
  likely_mistake(
      "recv returns how many bytes it put into the buffer, which may be fewer than you wait for: the client "
      "goes on until as many came back as it sent. An interrupted recv (EINTR) is no end and no error.");
  peer.send(bytes);
  program.expect_exit(0);
  program.expect_output(bytes);
  program.expect_struck(Call::send, 2);
  program.expect_struck(Call::receive, 2);
}

TEST_F(TcpEchoBulk, slow_reader_gets_every_byte) {
  Program& program = start_server();
  TcpPeer peer = connect_client();
  const std::string bytes = random.bytes(16 * MiB);

  likely_mistake(
      "The server reads on while the client takes nothing, and keeps all of it in memory: one client that "
      "never reads could fill the machine. While bytes wait to go back, do not read more; then TCP makes the "
      "client wait.");
  const std::size_t ahead = peer.send_until_stuck(bytes);
  expect(ahead < 8 * MiB, "the server stops reading while nobody takes its answers",
         fmt::format("it took {} KiB without getting rid of one byte", ahead / KiB));
  program.expect_running();
  likely_mistake(
      "Somewhere a count is dropped when the other side is slow: send took only a part (or nothing: EAGAIN on "
      "a non-blocking socket), and the rest was forgotten, or sent twice.");
  peer.expect_echo(bytes, ahead);
}

TEST_F(TcpEcho, rest_comes_back_after_half_close) {
  Program& program = start_server();
  TcpPeer peer = connect_client();
  likely_mistake(
      "The server closes as soon as the client has finished sending. Half-closed means: the client says no "
      "more, but it still listens. First everything that came goes back, then the server closes.");
  const std::string few = random.bytes(random.number(10000, 20000));
  peer.send("hello");
  peer.expect_receive("hello");
  program.pause();  // so that it finds all at once: the bytes, and that no more will come
  peer.send(few);
  peer.half_close();
  (void)await_frames(wire, fin.from(client), 1, "FIN");
  program.resume();
  peer.expect_receive(few);
  likely_mistake(
      "The server never closes its side. recv returning 0 means that the client has finished: once all is "
      "sent back, close the connection, or the client waits for ever and the descriptor is lost.");
  peer.expect_end();

  likely_mistake(
      "The end of the client's side came while bytes still waited to go back, and these were lost: first the "
      "rest, then the end.");
  TcpPeer other = connect_client();
  const std::string many = random.bytes(random.number(100000, 150000));
  other.send(many);
  other.half_close();
  other.expect_receive(many);
  other.expect_end();
}

TEST_F(TcpEcho, silent_client_keeps_nobody_waiting) {
  start_server();
  const std::vector<TcpPeer> silent = connect_many(client, server.at(port), random.number(3, 8));
  likely_mistake(
      "The server serves one client to its end before it turns to the next. A client that says nothing, or "
      "never leaves, then holds up all the others. Serve whoever has something to say: poll or epoll, or a "
      "thread for each.");
  expect_service();
  TcpPeer half_said = connect_client();
  half_said.send("half a sen");
  half_said.expect_receive("half a sen");
  expect_service();
}

TEST_F(TcpEcho, client_that_resets_hurts_nobody) {
  Program& program = start_server();
  TcpPeer bystander = connect_client();
  bystander.send("before");
  bystander.expect_receive("before");

  likely_mistake(
      "When a client breaks off while the server waits for its next word, recv fails with ECONNRESET: the end "
      "of that connection, and of no other.");
  {
    TcpPeer silent = connect_client(), rude = connect_client();
    rude.send("and gone");
    rude.expect_receive("and gone");
    rude.reset();
    silent.reset();
  }
  let_end([&](const BoundSocket& one) { return one.local.port() == port && one.peer != bystander.local(); });
  bystander.send("meanwhile");
  bystander.expect_receive("meanwhile");
  expect_service();
  program.expect_running();

  likely_mistake(
      "Writing to a connection that the client has broken off raises SIGPIPE, which ends the whole process "
      "unless it is ignored or send is told not to raise it; and an error on one connection must end that "
      "connection alone.");
  {
    // Stopped, the server finds all of it at once: the bytes, the end, and that nobody will take the answer.
    program.pause();
    TcpPeer rude = connect_client();
    rude.send(random.words(20));
    rude.half_close();
    const Address gone = rude.local();
    rude.reset();
    let_end([&](const BoundSocket& one) { return one.peer == gone; });
    program.resume();
  }
  bystander.send("after");
  bystander.expect_receive("after");
  {
    TcpPeer rude = connect_client();
    (void)rude.send_until_stuck(random.bytes(100000));
    rude.reset();
  }
  bystander.send("and again");
  bystander.expect_receive("and again");
  expect_service();
  program.expect_running();
}

TEST_F(TcpEcho, client_that_vanishes_hurts_nobody) {
  Program& program = start_server();
  TcpPeer bystander = connect_client();
  TcpPeer lost = connect_client();
  (void)lost.send_until_stuck(random.bytes(1 * MiB));
  step("the cable of that client is cut: nothing comes from it or reaches it any more");
  wire.rule(drop(tcp.from_port(lost.local().port()) || tcp.to_port(lost.local().port())));

  likely_mistake(
      "The server waits for a client that has gone without a word: in a send that nobody takes, or a recv "
      "that nothing ends. TCP may need many minutes to notice; meanwhile the others must be served.");
  bystander.send("still here");
  bystander.expect_receive("still here");
  expect_service();
  program.expect_running();
}

TEST_F(TcpEcho, failing_accept_does_not_end_the_server) {
  constexpr unsigned room = 24;  // descriptors
  Program& program = start_server({.watched = {Call::accept}, .limits = {.files = room}});
  likely_mistake(
      "accept can fail for reasons that pass: the client has gone already (ECONNABORTED), a signal came "
      "(EINTR). The next call will do: such an error must neither end the server nor make it forget those who "
      "wait in the queue.");
  program.inject(fail_with(Call::accept, ECONNABORTED));
  program.inject(interrupt(Call::accept));
  program.repeat_until_struck(Call::accept, 2, [&] { expect_service(); });

  likely_mistake(
      "With no descriptor left (EMFILE) accept fails at once, while the client still waits: calling it again "
      "immediately fails again, round and round. Wait a little, or until a connection has ended.");
  std::vector<TcpPeer> crowd = connect_until_one_waits(program, room);
  program.expect_idle(300ms, "more clients wait than it has descriptors for");
  program.expect_running();
  step("the crowd leaves, but for the last one");
  TcpPeer last = std::move(crowd.back());
  crowd.clear();
  let_end([&](const BoundSocket& one) { return one.local.port() == port && one.peer != last.local(); });
  likely_mistake(
      "Once descriptors are free again, the server must take clients again, first of all those who wait.");
  const std::string text = random.words(3);
  last.send(text);
  last.expect_receive(text);
  expect_service();
}

TEST_F(TcpEchoBulk, client_reads_while_it_writes) {
  TcpListener listener(story(), server, port);
  const std::string bytes =
      random.bytes(2 * MiB);  // more than the kernels' buffers on the way can grow to hold
  Program& program = start_client({}, {.input = bytes, .limits = {.output = 8 * MiB}});
  TcpPeer peer = listener.accept();
  likely_mistake(
      "The client sends everything before it reads anything. The server answers meanwhile; when both sides' "
      "buffers are full, each waits for the other to read, for ever. Read while you write: wait for whichever "
      "is possible.");
  const std::string received = peer.echo_everything();
  expect(received == bytes, "the whole input arrives",
         fmt::format("{} of {} bytes did", received.size(), bytes.size()));
  program.expect_exit(0);
  program.expect_output(bytes);
}

TEST_F(TcpEcho, client_stops_when_all_came_back) {
  TcpListener listener(story(), server, port);
  const std::vector<std::string> words = {random.words(1), random.words(1), random.words(1)};
  const std::string message = words[0] + " " + words[1] + " " + words[2];
  Program& program = start_client(words);
  TcpPeer peer = listener.accept();
  likely_mistake(
      "The words of the message go out joined by single spaces, with nothing after them: no newline, no zero byte.");
  peer.expect_receive(message);
  likely_mistake(
      "After its input the client does not tell the server that no more will come. shutdown for writing does "
      "(it sends FIN), and leaves the other direction open for the answer.");
  peer.expect_end();
  likely_mistake(
      "Everything has come back, but the client goes on waiting, perhaps for the server to close. It knows "
      "how much it sent: once so much has come back, it is done.");
  peer.send(message);
  program.expect_exit(0);
  program.expect_output(message);

  step("now a conversation: the next words are typed when the last ones have come back");
  Program& talk = start_client({});
  TcpPeer other = listener.accept();
  likely_mistake(
      "What is typed goes out as it comes, and what comes back is written as it comes, whatever it is: a "
      "client that first reads its whole input, or keeps what came in a buffer, cannot be talked with. And it "
      "stays until the input ends: that all sent so far has come back does not mean that no more will be "
      "typed.");
  std::string heard;
  for (const std::string& word : words) {
    talk.type(word);
    other.expect_receive(word);
    const std::string answer(word.rbegin(),
                             word.rend());  // a bad echo: what comes is to be written, whatever it is
    other.send(answer);
    talk.expect_output(heard += answer);
  }
  talk.expect_running();
  likely_mistake(
      "The input has ended and all of it is back: the client half-closes and is done, whatever the server does.");
  talk.end_input();
  other.expect_end();
  talk.expect_exit(0);
}

TEST_F(TcpEcho, client_reports_a_wrong_number_of_bytes) {
  TcpListener listener(story(), server, port);
  const std::string message = random.words(4);
  const std::string where = server.at(port).to_string();
  {
    Program& program = start_client({message});
    TcpPeer peer = listener.accept();
    peer.expect_receive(message);
    peer.send(message.substr(0, random.number(1, message.size() - 1)));
    peer.close();
    likely_mistake(
        "recv returning 0 means that the server has closed. If less came back than was sent, that is an error "
        "to be reported, with exit status 1: whoever uses the program must not take a part for the whole.");
    program.expect_exit(1);
    program.expect_error({where});
  }
  Program& program = start_client({message});
  TcpPeer peer = listener.accept();
  peer.expect_receive(message);
  peer.send(message + " and more");
  likely_mistake(
      "More came back than was sent: whatever that server is, it is no echo, and the client must say so.");
  program.expect_exit(1);
  program.expect_error({where});
}

TEST_F(TcpEcho, server_restarts_at_once_on_its_port) {
  Program& first = start_server();
  TcpPeer peer = connect_client();
  peer.send("in the middle of");
  peer.expect_receive("in the middle of");
  first.kill();
  peer.expect_gone();
  likely_mistake(
      "The kernel keeps the old connection for a while after its end (TIME_WAIT), and with it the port. A "
      "server that sets SO_REUSEADDR before bind may have the port all the same.");
  start_server();
  expect_service();
}

TEST_F(TcpEcho, occupied_port_and_refusal_are_clear_errors) {
  const std::string where = server.at(port).to_string();
  likely_mistake(
      "An operation that fails must end the program with status 1 and one line on standard error that says "
      "which operation, on which address, and why (strerror of errno, taken before any other call can change "
      "it).");
  Program& refused = start_client({"anybody?"});
  refused.expect_exit(1);
  refused.expect_error({"connect", where, "refused"});

  likely_mistake(
      "A second server must not get the port while the first one listens on it: then bind fails, and that is "
      "to be reported with the address and the reason. SO_REUSEADDR leaves it so; SO_REUSEPORT would let both "
      "have it, and share out the clients.");
  start_server();
  Program& second = run(server, {"server", server.at(0).host(), "-p", std::to_string(port)});
  second.expect_exit(1);
  second.expect_error({"bind", where, "in use"});
}

/// Gives this process room for a thousand sockets and more.
void raise_own_descriptor_limit(rlim_t wanted) {
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, wanted));
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  if (limit.rlim_cur < wanted) throw std::runtime_error("open files: the machine allows too few (ulimit -n)");
}

TEST_F(TcpEcho, thousand_clients_are_served_at_once) {
  constexpr std::size_t thousand = 1000;
  raise_own_descriptor_limit(2 * thousand);
  start_server();
  likely_mistake(
      "Something does not reach a thousand: an array of fixed size, select with its 1024 descriptors, a "
      "thread or process for each where the system allows fewer, or memory: what a client costs while it says "
      "nothing counts a thousand times.");
  // From the server's own host: nobody wants to see ten thousand frames, and each costs.
  std::vector<TcpPeer> peers = connect_many(server, server.at(port), thousand);
  step("each sends its own 16 bytes, then each expects them back");
  std::vector<std::string> texts;
  for (TcpPeer& peer : peers) {
    texts.push_back(random.bytes(16));
    must(send(peer.fd(), texts.back().data(), texts.back().size(), MSG_NOSIGNAL), "send");
  }
  const auto deadline = Clock::now() + patience;
  for (std::size_t i = 0; i < thousand; ++i) {
    std::string got(16, '\0');
    std::size_t have = 0;
    while (have < got.size()) {
      pollfd ready{peers[i].fd(), POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      const bool came = poll(&ready, 1, std::max(0, static_cast<int>(left.count()))) > 0;
      const ssize_t count =
          came ? recv(peers[i].fd(), got.data() + have, got.size() - have, MSG_DONTWAIT) : 0;
      expect(count > 0, "every client gets its 16 bytes", fmt::format("connection {} got {}", i + 1, have));
      have += static_cast<std::size_t>(count);
    }
    expect(got == texts[i], "every client gets its own bytes",
           fmt::format("connection {} got somebody else's", i + 1));
  }
}

/// The simplest echo server that serves many: what a round trip costs on this machine at this moment. A
/// process in a session of its own, as the program is: Linux shares processors out among sessions (sched(7),
/// autogroup), and who is woken for each single message pays more than who finds many.
class ReferenceServer {
 public:
  explicit ReferenceServer(const Address& address)
      : listener_(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
    must(bind(listener_.get(), address.data(), *address.size()), "bind");
    must(listen(listener_.get(), 1024), "listen");
    const pid_t parent = getpid();
    pid_ = must(fork(), "fork");
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      if (getppid() == parent && setsid() > 0) serve();
    } catch (const std::exception&) {  // then nobody answers, and the check says so
    }
    _exit(1);
  }
  ReferenceServer(const ReferenceServer&) = delete;
  ReferenceServer& operator=(const ReferenceServer&) = delete;
  ~ReferenceServer() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] Address address() const { return local_address(listener_.get()); }

  /// What it has used so far.
  [[nodiscard]] std::chrono::nanoseconds processor_time() const { return processor_time_of(pid_); }

 private:
  void serve() {
    const Descriptor epoll(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
    std::map<int, Descriptor> clients;
    const auto watch = [&](int fd) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      must(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    };
    watch(listener_.get());
    std::array<epoll_event, 64> events{};
    std::array<char, 4096> buffer{};
    for (;;) {
      const int count = epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_.get()) {
          Descriptor accepted(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
          if (!accepted) continue;
          watch(accepted.get());
          clients.emplace(accepted.get(), std::move(accepted));
        } else if (const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT); got > 0) {
          (void)send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
        } else if (got == 0) {
          clients.erase(fd);
        }
      }
    }
  }

  Descriptor listener_;
  pid_t pid_ = 0;
};

/// Makes this many round trips of 64 bytes over these connections, one after another on each, all at once.
/// False when no answer comes for a while.
bool make_round_trips(const std::vector<TcpPeer>& peers, std::size_t trips) {
  const Descriptor epoll(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const std::string message(64, 'x');
  std::array<char, 64> buffer{};
  std::map<int, std::size_t> missing;
  for (const TcpPeer& peer : peers) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = peer.fd()}};
    must(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, peer.fd(), &event), "epoll_ctl");
    missing[peer.fd()] = message.size();
    must(send(peer.fd(), message.data(), message.size(), MSG_NOSIGNAL), "send");
  }
  std::array<epoll_event, 64> events{};
  for (std::size_t begun = peers.size(), done = 0; done < trips;) {
    const int count = epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 8000);
    if (count <= 0) return false;
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const ssize_t got = recv(fd, buffer.data(), std::min(buffer.size(), missing[fd]), MSG_DONTWAIT);
      if (got <= 0) return false;
      missing[fd] -= static_cast<std::size_t>(got);
      if (missing[fd] > 0) continue;
      ++done;
      if (begun == trips) continue;
      ++begun;
      missing[fd] = message.size();
      must(send(fd, message.data(), message.size(), MSG_NOSIGNAL), "send");
    }
  }
  return true;
}

/// Alone on the machine, as far as the other checks go: costs are compared.
class TcpEchoAlone : public TcpEcho {};

TEST_F(TcpEchoAlone, echo_rate_is_near_the_reference) {
  Program& program = start_server();

  // First, for a server that naps may use too much processor time as well, but that is not what to look for.
  step("100 messages one after another: a quarter of the answers take less than 5 ms");
  likely_mistake(
      "The server lets time pass before it answers: a sleep, or a wait with a time limit, in its loop.");
  const std::vector<TcpPeer> one = connect_many(server, server.at(port), 1);
  std::vector<std::chrono::nanoseconds> times;
  for (int i = 0; i < 100; ++i) {
    const auto begin = Clock::now();
    expect(make_round_trips(one, 1), "every message comes back", "some did not");
    times.push_back(Clock::now() - begin);
  }
  // The quickest alone says little: it may have met a napping server just as it woke up.
  std::ranges::sort(times);
  const auto quick = times[times.size() / 4];
  expect(quick < 5ms, "answers at once",
         fmt::format("three quarters of them took {:.1f} ms and longer",
                     static_cast<double>(quick / 1us) / 1000));

  constexpr std::size_t connections = 256, trips = 1500;
  constexpr unsigned attempts = 5;  // what disturbs the machine for a while does not hit all of them
  std::optional<ReferenceServer> reference;
  {
    const auto inside = server.visit();
    reference.emplace(server.at(0));
  }
  const std::vector<TcpPeer> ours = connect_many(server, reference->address(), connections);
  const std::vector<TcpPeer> theirs = connect_many(server, server.at(port), connections);

  step(fmt::format("{} round trips over {} connections, with the program and with the reference in turn",
                   trips, connections));
  likely_mistake(
      "Each round trip costs too much: many small calls for one message, a buffer cleared or copied each "
      "time, or a list of all clients walked for each event.");
  // A thread for each client is a good design and costs twice as much as one for all; to start the threads
  // counts no more than the first use of a buffer: each connection has made a trip before. What grows with
  // the number of clients costs many times as much.
  constexpr double most = 3;
  for (const auto* peers : {&theirs, &ours}) (void)make_round_trips(*peers, connections);
  double least = 1e9;
  for (unsigned i = 0; i < attempts && least > most; ++i) {
    std::this_thread::sleep_for(i * 20ms);
    // Processor time, not time: how long it takes depends on who else wants the processor.
    const auto before = program.processor_time(), before_ours = reference->processor_time();
    expect(make_round_trips(theirs, trips), "every message comes back", "some did not");
    const auto used = program.processor_time() - before;
    if (!make_round_trips(ours, trips)) throw std::runtime_error("the reference server does not answer");
    least = std::min(least, static_cast<double>(used.count()) /
                                static_cast<double>((reference->processor_time() - before_ours).count()));
  }
  expect(least <= most, "at most three times the processor time that the reference uses",
         fmt::format("{:.1f} times as much", least));
}

TEST_F(TcpEcho, idle_server_uses_no_processor) {
  Program& program = start_server();
  likely_mistake(
      "The server asks again and again instead of waiting to be told: a loop over non-blocking calls, poll "
      "with a time limit of 0, or a wait for room to write (which there nearly always is) while there is "
      "nothing to write.");
  const std::vector<TcpPeer> silent = connect_many(client, server.at(port), 10);
  expect_service();
  program.expect_idle(300ms, "all clients are silent");
  TcpPeer deaf = connect_client();
  (void)deaf.send_until_stuck(random.bytes(4 * MiB));
  program.expect_idle(300ms, "a client does not read");
}

TEST_F(TcpEcho, sigterm_drains_and_exits) {
  Program& program = start_server();
  TcpPeer peer = connect_client();
  peer.send("hello");
  peer.expect_receive("hello");  // so this client has been accepted
  program.pause();
  program.terminate();
  const std::string bytes = random.bytes(40000);  // as much as surely waits in the kernel meanwhile
  peer.send(bytes);                               // the server hears of it after the signal
  TcpPeer last = connect_client();
  last.send("last orders");
  program.expect_waiting_connection(port);  // the kernel has taken it, but accept has not
  program.resume();
  likely_mistake(
      "After SIGTERM the server still takes new clients: the listening socket is to be closed first.");
  expect_refusal(client, server.at(port));
  likely_mistake(
      "After SIGTERM the server leaves its clients in the middle. What they have sent goes back, and each "
      "ends its connection when it likes; only then the server exits, with status 0.");
  peer.expect_receive(bytes);
  peer.half_close();
  peer.expect_end();
  likely_mistake(
      "A client that had connected, but was not accepted yet, is lost with the listening socket: closing that "
      "resets all who wait in its queue. Take them first.");
  last.expect_receive("last orders");
  last.half_close();
  last.expect_end();
  likely_mistake("When the last client has gone the server ends by itself, with status 0.");
  program.expect_exit(0);
}

TEST_F(TcpEcho, runs_alone_in_an_empty_container) {
  likely_mistake(
      "The program needs a file at run time that is not there: a shared library, a configuration, a log, the "
      "name service's. An empty container holds nothing but the program.");
  start_server({.bare = true});
  const std::string message = random.words(3);
  Program& program = start_client({message}, {.bare = true});
  program.expect_exit(0);
  program.expect_output(message);
}

}  // namespace
}  // namespace wirelab
