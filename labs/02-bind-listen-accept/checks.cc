// What a server that only listens, accepts and tells must do. Each check plays the other side of the program:
// clients for its server, a server for its client. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <functional>
#include <set>
#include <thread>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/checks/compare.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t time_wait_state = 1u << TCP_TIME_WAIT;

/// A client and a server on one cable, each with two addresses.
class Listener : public Check {
 protected:
  Listener() {
    likely_mistake(
        "The server does not come so far: it binds, listens, and then tells everybody who connects one line, "
        "and closes that connection.");
  }

  Program& start_server(std::uint16_t on_port, const std::vector<std::string>& options = {},
                        Circumstances how = {}) {
    return run_server(server.at(0).host(), on_port, options, std::move(how)).expect_listening(on_port);
  }
  Program& start_server() { return start_server(port); }

  /// The same at an address, and without waiting for it.
  Program& run_server(const std::string& host, std::uint16_t on_port,
                      const std::vector<std::string>& options = {}, Circumstances how = {}) {
    std::vector<std::string> arguments = {"server", host, "-p", std::to_string(on_port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(server, arguments, std::move(how));
  }

  Program& start_client() { return run(client, {"client", server.at(0).host(), "-p", std::to_string(port)}); }

  TcpPeer connect_client() { return connect(client, server.at(port)); }

  /// A connection of the client's host that leaves from this very address and port.
  TcpPeer connect_from(const Address& from, const Address& to) {
    step(fmt::format("{}: connect from {} to {}", client.name(), from.to_string(), to.to_string()));
    Descriptor fd;
    {
      const auto inside = client.visit();
      fd.reset(must(socket(from.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    }
    must(bind(fd.get(), from.data(), *from.size()), "bind", from.to_string());
    const int begun = ::connect(fd.get(), to.data(), *to.size());
    if (begun != 0 && errno != EINPROGRESS) throw_errno("connect", to.to_string());
    pollfd ready{fd.get(), POLLOUT, 0};
    (void)poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
    Address there;
    const bool connected = getpeername(fd.get(), there.data(), there.size()) == 0;
    expect(connected, "a connection to " + to.to_string(), "the server does not take it");
    return {story(), client.name(), std::move(fd)};
  }

  /// What a client at this address is to be told.
  static std::string told(const Address& address) { return "You are " + address.to_string() + "\n"; }

  /// Each gets a line. What it says, and how the connection ends, is for other checks: one mistake shall not
  /// fail all.
  void expect_served(const std::vector<TcpPeer>& peers) {
    step(fmt::format("each of the {} connections gets a line", peers.size()));
    const auto deadline = Clock::now() + patience;
    for (const TcpPeer& peer : peers) {
      const auto [text, how] = receive_line(peer.fd(), deadline);
      expect(text.ends_with('\n'), "a line from the server for " + peer.name(),
             fmt::format("{} came, {}", describe(text), how));
    }
  }
  void expect_served(const TcpPeer& peer) {
    step(peer.name() + ": expect a line");
    const auto [text, how] = receive_line(peer.fd(), Clock::now() + patience);
    expect(text.ends_with('\n'), "a line from the server", fmt::format("{} came, {}", describe(text), how));
  }

  /// Each gets its own line.
  void expect_told(const std::vector<TcpPeer>& peers) {
    step(fmt::format("each of the {} connections is told its own address", peers.size()));
    const auto deadline = Clock::now() + patience;
    for (const TcpPeer& peer : peers) {
      const auto [text, how] = receive_line(peer.fd(), deadline);
      const std::string wanted = told(peer.local());
      expect(text == wanted, fmt::format("{} for {}", describe(wanted), peer.name()),
             fmt::format("{} came, {}", describe(text), how));
    }
  }

  /// The server still does its work for somebody new.
  void expect_service() { expect_served(connect_client()); }

  /// Looks again and again until it is so, but not for ever. For what the kernel tells only when it is asked.
  static bool eventually(const std::function<bool()>& look) {
    for (const auto deadline = Clock::now() + patience; Clock::now() < deadline;
         std::this_thread::sleep_for(2ms)) {
      if (look()) return true;
    }
    return look();
  }

  /// The sockets that listen on a port of the server's host.
  std::vector<BoundSocket> listeners(std::uint16_t on_port) {
    std::vector<BoundSocket> found = sockets_in(server, SOCK_STREAM, listen_state);
    std::erase_if(found, [&](const BoundSocket& one) { return one.local.port() != on_port; });
    return found;
  }

  /// A client is connected once it has the server's SYN-ACK; the server's queue has it when the ACK to that
  /// has arrived.
  void expect_all_in_queue(std::size_t count) {
    step(fmt::format("wait until {} connections are in the listening socket's queue", count));
    const auto in_queue = [&] {
      std::size_t sum = 0;
      for (const BoundSocket& one : listeners(port)) sum += one.receive_queue;
      return sum;
    };
    if (eventually([&] { return in_queue() == count; })) return;
    story().cannot_judge(
        fmt::format("of {} connections {} reached the queue of the stopped server", count, in_queue()), true);
  }

  /// The server listens at this address and nowhere else.
  void expect_listening_only_at(const Address& only) {
    step("in the kernel's table of sockets: it listens at " + only.to_string() + " and nowhere else");
    std::string seen;
    for (const BoundSocket& one : listeners(only.port()))
      seen += (seen.empty() ? "" : ", ") + one.local.to_string();
    expect(seen == only.to_string(), "a socket that listens at " + only.to_string(), "it listens at " + seen);
  }

  /// The connections that wait for their end in TIME_WAIT on the server's host, of this port.
  std::size_t connections_in_time_wait() {
    return static_cast<std::size_t>(std::ranges::count_if(
        sockets_in(server, SOCK_STREAM, time_wait_state),
        [this](const BoundSocket& one) { return one.local.port() == port && one.state == TCP_TIME_WAIT; }));
  }

  /// A port whose two bytes differ, so that it is another one when they are swapped.
  std::uint16_t lopsided_port(std::uint64_t low, std::uint64_t high) {
    std::uint64_t drawn = 0;
    do {
      drawn = random.number(low, high);
    } while (drawn / 256 == drawn % 256);
    return static_cast<std::uint16_t>(drawn);
  }

  /// What comes up to the first newline; and, for people, what came then.
  static std::pair<std::string, std::string> receive_line(int fd, Clock::time_point deadline) {
    std::string text;
    while (text.size() < 4096 && !text.ends_with('\n')) {
      char byte = 0;
      const ssize_t count = recv(fd, &byte, 1, MSG_DONTWAIT);
      if (count == 0) return {text, "then the end of the connection"};
      if (count > 0) {
        text += byte;
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return {text, "then the connection was reset"};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd ready{fd, POLLIN, 0};
      if (left <= 0ms || poll(&ready, 1, static_cast<int>(left.count())) == 0)
        return {text, "and nothing more"};
    }
    return {text, "and perhaps more"};
  }

  /// Four addresses of one network, none of which is the same when its bytes are swapped.
  std::vector<std::string> draw_addresses() {
    for (;;) {
      std::vector<std::string> drawn = random.neighbours(4);
      if (std::ranges::none_of(drawn, [](const std::string& one) { return one.ends_with(".10/24"); }))
        return drawn;
    }
  }

  std::vector<std::string> address = draw_addresses();
  Host& client = net.host("client", address[0] + " " + address[1]);
  Host& server = net.host("server", address[2] + " " + address[3]);
  Segment& wire = net.link(client, server);
  const std::uint16_t port = random.port();
};

TEST_F(Listener, client_and_server_understand_each_other) {
  Program& program = start_server();
  likely_mistake(
      "The first line that the server prints says where it listens; it is printed at once (flushed), for "
      "whoever started the server waits for it.");
  (void)program.expect_line({server.at(port).to_string()});

  Program& visitor = start_client();
  likely_mistake(
      "The client connects, receives the line until the server closes, and is done: exit status 0.");
  visitor.expect_exit(0);
  const Address seen = await_frames(wire, syn.from(client), 1, "SYN").front().frame.headers().source;
  likely_mistake(
      "The server tells each client the address that the connection comes from, which accept fills in; the "
      "client prints exactly the bytes that come, no more (a newline of its own, the rest of its buffer) and "
      "no fewer.");
  visitor.expect_output(told(seen));
  likely_mistake("For every client the server prints a line with the client's address, at once.");
  (void)program.expect_line({seen.to_string()});
}

TEST_F(Listener, server_listens_only_at_the_address_asked_for) {
  const Address first = server.addresses().at(0).with_port(port),
                second = server.addresses().at(1).with_port(port);
  run_server(second.host(), port).expect_listening(port);
  likely_mistake(
      "The server listens at every address of its host, not at the one it was given: HOST is to go into the "
      "address that bind gets. A service meant for one network must not be open to all others.");
  expect_listening_only_at(second);
  expect_refusal(client, first);
  expect_served(connect(client, second));

  step("the other address of the same host is free for another server on the same port");
  Program& other = run_server(first.host(), port);
  likely_mistake(
      "Two sockets may have the same port if their addresses differ. Something else claims the whole port.");
  (void)other.expect_line({first.to_string()});
  expect_served(connect(client, first));
}

TEST_F(Listener, wildcard_serves_every_address) {
  std::uint16_t next = port;
  for (const std::string host : {"", "0.0.0.0"}) {
    Program& program = run_server(host, next).expect_listening(next);
    likely_mistake(
        "The empty HOST and 0.0.0.0 both mean every interface of this machine: not loopback alone, and not "
        "one address, but all it has now and all it gets later.");
    (void)program.expect_line({":" + std::to_string(next)});
    for (const Address& one : server.addresses()) expect_served(connect(client, one.with_port(next)));
    expect_served(connect(server, Address::numeric("127.0.0.1", next)));
    ++next;
  }
}

TEST_F(Listener, port_zero_is_reported_as_the_real_port) {
  Program& program = run_server(server.at(0).host(), 0);
  const Address real = program.await_listener();
  likely_mistake(
      "With port 0 the kernel chooses one, and nobody can connect without knowing which. The server must ask "
      "the kernel for its socket's own address (after bind or listen), and print that.");
  (void)program.expect_line({real.to_string()});
  likely_mistake("The line that says where the server listens is the first that it prints.");
  step("that was its first line");
  const std::string first = program.process().lines().front().text;
  expect(first.find(real.to_string()) != std::string::npos, "a first line that contains " + real.to_string(),
         "the first line is \"" + printable(first) + "\"");
  expect_served(connect(client, real));
}

TEST_F(Listener, address_is_the_one_on_the_wire_in_host_byte_order) {
  Program& program = start_server();
  // Both bytes count, and so does the sign: one port below 2^15, one above.
  for (const Address& from : client.addresses()) {
    for (const auto& [low, high] : {std::pair{1100, 30000}, std::pair{33000, 60000}}) {
      const std::size_t before = wire.count(syn.from(client));
      TcpPeer peer = connect_from(
          from.with_port(lopsided_port(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high))),
          server.at(port));
      const Address seen =
          await_frames(wire, syn.from(client), before + 1, "SYN").back().frame.headers().source;
      likely_mistake(
          "The client is told another address than the one in its packets. On the wire, and in the structure "
          "that accept fills in, port and address are in network byte order (the high byte first), and have "
          "no sign. And there are two ends: getsockname tells this one, accept or getpeername the other "
          "one.");
      peer.expect_receive(told(seen));
      likely_mistake("The server's own line about this client has the same address.");
      (void)program.expect_line({seen.to_string()});
    }
  }
}

TEST_F(Listener, clients_in_a_row_and_at_once_are_all_served) {
  Program& program = start_server();
  likely_mistake(
      "Only the first client gets what is due to it. accept belongs into a loop, and so does everything that "
      "is the client's own: its socket, its address, and the line that is made of it.");
  for (std::uint64_t left = random.number(5, 9); left > 0; --left) {
    TcpPeer peer = connect_client();
    peer.expect_receive(told(peer.local()));
  }

  likely_mistake(
      "Many clients at once do not all get their answer. The kernel makes their connections and keeps them in "
      "the listening socket's queue; each accept takes out one. All of them are to be taken, and each told "
      "its own address.");
  program.pause();  // so that all of them are there when it looks
  const std::vector<TcpPeer> crowd = connect_many(client, server.at(port), random.number(25, 50));
  program.resume();
  expect_told(crowd);
  expect_service();
}

TEST_F(Listener, client_gets_one_line_and_then_the_end) {
  Program& program = start_server();
  likely_mistake(
      "The line is `You are `, the address, and one newline. It goes to every client at once, without waiting "
      "for it to say anything.");
  program.pause();  // so that the connection is finished before anything else happens to it
  TcpPeer peer = connect_client();
  program.resume();
  peer.expect_receive(told(peer.local()));
  likely_mistake(
      "After the line comes the end of the stream, and nothing else: no zero byte (a string's length does not "
      "count it), no rest of a buffer. The server closes by an ordinary close. It must neither leave the "
      "connection open nor break it off (RST), which can destroy what is still on its way.");
  peer.expect_end();
  step("on the cable: the server closed first, and nobody sent RST");
  (void)await_frames(wire, fin.from(server), 1, "FIN of the server");
  expect(wire.count(fin.from(client)) == 0 && wire.count(rst.from(server)) == 0,
         "FIN from the server alone, no RST", fmt::format("{} RST", wire.count(rst.from(server))));
}

TEST_F(Listener, server_ends_after_the_count_asked_for) {
  const std::uint64_t count = random.number(2, 5);
  Program& program = start_server(port, {"--count", std::to_string(count)});
  likely_mistake(
      "With --count N the server serves exactly N clients, and then ends with status 0: no sooner, no "
      "later.");
  for (std::uint64_t i = 0; i < count; ++i) expect_service();
  program.expect_exit(0);
  expect_refusal(client, server.at(port));

  likely_mistake(
      "An accept that a signal interrupted (EINTR) has brought no client. Count those that were told, not the "
      "calls.");
  const auto other = static_cast<std::uint16_t>(port + 1);  // the first one is in TIME_WAIT
  Program& interrupted =
      start_server(other, {"--count", std::to_string(count)},
                   {.watched = {Call::accept},
                    .faults = {interrupt(Call::accept).repeated(static_cast<unsigned>(count))}});
  for (std::uint64_t i = 0; i < count; ++i) expect_served(connect(client, server.at(other)));
  interrupted.expect_exit(0);
}

TEST_F(Listener, server_restarts_at_once_on_its_port) {
  likely_mistake(
      "The end that closes first keeps the connection in TIME_WAIT for a minute. Here that is the server; if "
      "none of its connections is there, it did not close first, or broke the connection off instead of "
      "closing it.");
  Program& first = start_server();
  TcpPeer peer = connect_client();
  expect_served(peer);
  peer.expect_end();
  peer.close();
  step("in the kernel's table of sockets: the server's end of the connection is in TIME_WAIT");
  expect(eventually([&] { return connections_in_time_wait() > 0; }),
         "the connection in TIME_WAIT on the server's host", "it is not there");
  first.kill();
  likely_mistake(
      "The kernel keeps the old connection for a minute after its end (TIME_WAIT), and with it the port: bind "
      "is refused. A server that sets SO_REUSEADDR before bind may have the port all the same.");
  start_server();
  expect_service();
}

TEST_F(Listener, occupied_port_is_a_clear_error) {
  const std::string where = server.at(port).to_string();
  Program& first = start_server();
  Program& second = run_server(server.at(0).host(), port);
  likely_mistake(
      "A second server must not get the port while the first one listens there: bind fails, and that is "
      "reported with status 1 and one line on standard error with operation, address and reason (errno, taken "
      "before any other call can change it). SO_REUSEADDR leaves it so; SO_REUSEPORT would let both have the "
      "port, and share out the clients.");
  second.expect_exit(1);
  second.expect_error({"bind", where, "in use"});
  likely_mistake("The server that was there before goes on as if nothing had happened.");
  expect_service();
  first.expect_running();
}

TEST_F(Listener, ports_and_addresses_that_are_not_ours_are_clear_errors) {
  likely_mistake(
      "An operation that fails must end the program with status 1 and one line on standard error that says "
      "which operation, on which address, and why. The reason differs from case to case: it is what errno "
      "says, not what you expect it to be.");
  // Where ports are privileged is the host's own affair; ours says it as Linux does by default.
  server.sysctl("ipv4/ip_unprivileged_port_start", "1024");
  const auto privileged = static_cast<std::uint16_t>(random.number(1, 1023));
  Program& presumptuous = run_server(server.at(0).host(), privileged);
  presumptuous.expect_exit(1);
  presumptuous.expect_error({"bind", server.at(privileged).to_string(), "denied"});

  step("an address that another host has");
  Program& lost = run_server(client.at(0).host(), port);
  lost.expect_exit(1);
  lost.expect_error({"bind", client.at(port).to_string(), "assign"});
}

TEST_F(Listener, failing_accept_does_not_end_the_server) {
  Program& program = start_server(port, {}, {.watched = {Call::accept}});
  likely_mistake(
      "accept can fail for reasons that pass: the client has gone already (ECONNABORTED), or a signal came "
      "(EINTR). The next call will do: such an error must neither end the server nor lose those who wait in "
      "the queue.");
  program.inject(fail_with(Call::accept, ECONNABORTED));
  program.inject(interrupt(Call::accept));
  program.repeat_until_struck(Call::accept, 2, [&] { expect_service(); });

  likely_mistake(
      "With no descriptor left (EMFILE) accept fails although a client waits. That passes when descriptors "
      "become free; until then the server must stay, and try again by itself.");
  program.inject(fail_with(Call::accept, EMFILE).repeated(static_cast<unsigned>(random.number(2, 3))));
  program.repeat_until_struck(Call::accept, 4, [&] { expect_service(); });
  expect_service();
  program.expect_running();
}

TEST_F(Listener, lack_of_descriptors_does_not_make_the_server_spin) {
  constexpr double tries_per_second = 50;
  likely_mistake(
      "With no descriptor left (EMFILE) accept fails at once, and the client stays in the queue. That passes, "
      "so it must not end the server. But who calls accept again immediately fails again, round and round, "
      "and burns the processor: wait a little in between.");
  Program& program = start_server(
      port, {},
      {.watched = {Call::accept}, .faults = {fail_with(Call::accept, EMFILE).repeated(Fault::always)}});
  TcpPeer waiting = connect_client();
  step("wait until accept has failed for lack of descriptors");
  (void)eventually([&] { return program.process().struck(Call::accept) > 0 || program.process().exit(); });
  program.expect_running();
  program.expect_struck(Call::accept, 1);
  step("no more than 50 tries in a second while that lasts");
  const auto begin = Clock::now();
  const unsigned made_before = program.process().made(Call::accept);
  std::this_thread::sleep_for(500ms);
  const double made = program.process().made(Call::accept) - made_before;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  expect(made <= tries_per_second * seconds + 1, "at most 50 calls of accept in a second",
         fmt::format("{:.0f} in {:.1f} s", made, seconds));
  program.expect_idle(300ms, "accept finds no free descriptor");
  program.expect_running();

  likely_mistake(
      "Nobody tells the server when a descriptor has become free. For as long as it waits before it tries "
      "again, all its clients wait too: a second at most.");
  step("from one try to the next: a second at most");
  const auto next_try = [&] {
    const unsigned before = program.process().made(Call::accept);
    (void)eventually([&] { return program.process().made(Call::accept) > before; });
    return Clock::now();
  };
  auto shortest = std::chrono::nanoseconds::max();  // a busy machine makes it longer, never shorter
  auto last = next_try();
  for (int tries = 0; tries < 3 && shortest > 1s; ++tries) {
    const auto now = next_try();
    shortest = std::min<std::chrono::nanoseconds>(shortest, now - last);
    last = now;
  }
  expect(shortest <= 1100ms, "the next call of accept after a second at most",
         fmt::format("{:.1f} s passed", std::chrono::duration<double>(shortest).count()));
}

TEST_F(Listener, backlog_asked_for_is_the_one_in_force) {
  const auto expect_backlog = [&](std::uint16_t on_port, std::uint64_t wanted) {
    step(fmt::format("in the kernel's table of sockets: the backlog in force on port {} is {}", on_port,
                     wanted));
    std::uint64_t seen = 0;
    for (const BoundSocket& one : listeners(on_port)) seen = one.send_queue;
    expect(seen == wanted, fmt::format("a backlog of {}", wanted), fmt::format("it is {}", seen));
  };
  likely_mistake(
      "Without --backlog the queue of the listening socket holds 128 connections: the second argument of "
      "listen.");
  start_server();
  expect_backlog(port, 128);
  likely_mistake("--backlog N is the length of the queue that listen is asked for: N, not a fixed number.");
  std::uint16_t next = port;
  for (const auto& [low, high] : {std::pair{1, 9}, std::pair{10, 127}}) {
    const std::uint64_t wanted =
        random.number(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high));
    start_server(++next, {"--backlog", std::to_string(wanted)});
    expect_backlog(next, wanted);
    expect_served(connect(client, server.at(next)));
  }
}

TEST_F(Listener, no_descriptor_leaks_over_two_hundred_clients) {
  Program& program = start_server();
  likely_mistake(
      "Some hundred clients are too many for the server: something runs out, descriptors perhaps.");
  for (int i = 0; i < 10; ++i) expect_served(connect_many(client, server.at(port), 20));
  likely_mistake(
      "All clients have had their line and are gone, and the server still holds their sockets. accept returns "
      "a new descriptor for each of them, and only close gives it back: shutdown ends the connection but "
      "keeps the descriptor. (A child process has a copy: close it on both sides.) A server that leaks one "
      "for each client stops one day.");
  step("the server holds no socket of a connection any more");
  const auto held = [&] {
    const std::vector<HeldSocket> sockets = program.process().sockets();
    return std::ranges::count_if(sockets, [](const HeldSocket& one) {
      return one.type == SOCK_STREAM && (one.family == AF_INET || one.family == AF_INET6) && !one.listening;
    });
  };
  expect(eventually([&] { return held() == 0; }), "no socket but the listening one",
         fmt::format("it holds {} more", held()));
  expect_service();
}

TEST_F(Listener, client_that_resets_hurts_nobody) {
  Program& program = start_server();
  likely_mistake(
      "A client was gone before it was accepted. Then getpeername fails (ENOTCONN), and so does send: the "
      "signal SIGPIPE ends the whole process unless it is ignored or send is told not to raise it. An error "
      "on one connection ends that connection alone; and accept itself tells the address.");
  program.pause();  // so that they are gone when it looks
  for (int i = 0; i < 2; ++i) {
    TcpPeer rude = connect_client();
    rude.reset();
    TcpPeer ruder = connect_client();
    ruder.half_close();  // with its end seen first, the kernel's answer to a write is SIGPIPE
    ruder.reset();
  }
  TcpPeer polite = connect_client();
  program.resume();
  expect_served(polite);
  expect_service();
  program.expect_running();
}

TEST_F(Listener, client_that_does_nothing_keeps_nobody_waiting) {
  Program& program = start_server();
  likely_mistake(
      "The server waits for a client: for its first word, for the end of its side, or in close until it has "
      "taken the line (SO_LINGER). A client that neither reads nor closes then holds up all others. What was "
      "sent is the kernel's to deliver, also after close.");
  const std::vector<TcpPeer> idle = connect_many(client, server.at(port), random.number(3, 6));
  expect_service();

  program.pause();
  const TcpPeer lost = connect_client();
  expect_all_in_queue(1);
  step("the cable of that client is cut: nothing comes from it or reaches it any more");
  wire.rule(drop(tcp.from_port(lost.local().port()) || tcp.to_port(lost.local().port())));
  program.resume();
  expect_service();
  program.expect_running();
}

TEST_F(Listener, client_prints_the_line_as_it_comes) {
  TcpListener listener(story(), server, port);
  // Not its own address: it prints what it is told.
  const std::string told =
      fmt::format("You are 192.0.2.{}:{}\n", random.number(1, 254), lopsided_port(1100, 60000));
  const std::size_t first_cut = random.number(1, 8), second_cut = random.number(9, told.size() - 1);
  Program& program = start_client();
  TcpPeer peer = listener.accept();
  likely_mistake(
      "A line may come in pieces: one recv returns what is there, which may be half of it. The client goes on "
      "until the server closes (recv returns 0), and prints every byte once and as it came: no newline of its "
      "own, no second copy, nothing made up from its own address.");
  std::string line;
  for (const std::string& piece : {told.substr(0, first_cut), told.substr(first_cut, second_cut - first_cut),
                                   told.substr(second_cut), "and " + random.words(2) + "\n"}) {
    send_and_let_it_be_taken(peer, client, piece);
    line += piece;
  }
  peer.close();
  program.expect_exit(0);
  program.expect_output(line);
}

TEST_F(Listener, client_reports_refusal_and_a_missing_line) {
  const std::string where = server.at(port).to_string();
  likely_mistake(
      "When nobody listens, connect fails: that is reported with status 1 and one line on standard error with "
      "operation, address and reason.");
  Program& refused = start_client();
  refused.expect_exit(1);
  refused.expect_error({"connect", where, "refused"});

  TcpListener listener(story(), server, port);
  likely_mistake(
      "The connection ended before a whole line had come: at once, in the middle of it, or by a reset. That "
      "is no success: the client reports it with status 1, and names the server's address.");
  const std::string beginning = "You are 192.0.2." + std::to_string(random.number(1, 254));
  for (const std::string& part : {std::string(), beginning, random.words(2) + "\n" + beginning}) {
    Program& program = start_client();
    TcpPeer peer = listener.accept();
    if (!part.empty()) peer.send(part);
    peer.close();
    program.expect_exit(1);
    program.expect_error({where});
  }
  {
    Program& program = start_client();
    TcpPeer peer = listener.accept();
    peer.reset();
    program.expect_exit(1);
    program.expect_error({where});
  }
  likely_mistake(
      "A line has come, and then a reset: recv returns -1. That is not the end of the stream (0), and what "
      "else the server had to say is lost. The client reports it with status 1.");
  Program& program = start_client();
  TcpPeer peer = listener.accept();
  send_and_let_it_be_taken(peer, client, beginning + ":1060\n");
  peer.reset();
  program.expect_exit(1);
  program.expect_error({where});
}

TEST_F(Listener, sigterm_answers_those_who_wait_and_exits) {
  Program& program = start_server();
  expect_service();
  program.pause();  // so that all of them wait when the signal comes
  const std::vector<TcpPeer> waiting = connect_many(client, server.at(port), random.number(3, 8));
  expect_all_in_queue(waiting.size());
  program.terminate();
  program.resume();
  likely_mistake(
      "Clients whose connection the kernel had made when SIGTERM came are lost with the listening socket: "
      "closing that resets all who wait in its queue. Take and answer them first.");
  expect_served(waiting);
  likely_mistake("When all who waited have been answered, the server ends by itself, with status 0.");
  program.expect_exit(0);
  expect_refusal(client, server.at(port));

  step("now one that has nothing to do when the signal comes");
  const auto other = static_cast<std::uint16_t>(port + 1);
  Program& idle = start_server(other);
  expect_served(connect(client, server.at(other)));
  idle.terminate();
  likely_mistake(
      "A server that waits in accept must hear of the signal there. accept is made again after a handler has "
      "run, if that was installed with SA_RESTART (as signal() does); and EINTR alone is no reason to end.");
  idle.expect_exit(0);
}

TEST_F(Listener, two_servers_share_one_port) {
  constexpr std::size_t clients = 200,
                        fair = clients / 4;  // half each by chance: a quarter is seven deviations away
  Program& one = start_server(port, {"--reuse-port"});
  Program& other = run_server(server.at(0).host(), port, {"--reuse-port"});
  likely_mistake(
      "With --reuse-port a second server may listen at the same address and port, if both have set "
      "SO_REUSEPORT before bind. The kernel then shares out new connections by their addresses and ports.");
  step("in the kernel's table of sockets: two listen on the port");
  expect(eventually([&] { return listeners(port).size() == 2 || other.process().exit(); }) &&
             listeners(port).size() == 2,
         "two sockets that listen on the port", fmt::format("there is {}", listeners(port).size()));
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < clients / 20; ++i) {
    const std::vector<TcpPeer> peers = connect_many(client, server.at(port), 20);
    expect_served(peers);
    for (const TcpPeer& peer : peers) addresses.push_back(peer.local().to_string());
  }
  step("by the lines they print, each of the two has served a fair part of the clients");
  const auto served = [&](Program& program) {
    std::set<std::string> mentioned;
    for (const Line& line : program.process().lines()) {
      for (const std::string& client_address : addresses) {
        if (line.text.find(client_address) != std::string::npos) mentioned.insert(client_address);
      }
    }
    return mentioned.size();
  };
  (void)eventually([&] { return served(one) + served(other) >= clients; });
  const std::size_t first = served(one), second = served(other);
  expect(first >= fair && second >= fair && first + second >= clients,
         fmt::format("at least {} of {} clients for each of the two", fair, clients),
         fmt::format("{} and {}", first, second));

  step("without --reuse-port a third one is refused");
  Program& third = run_server(server.at(0).host(), port);
  likely_mistake("A server that did not ask to share must not get a port that is in use.");
  third.expect_exit(1);
  third.expect_error({"bind", server.at(port).to_string(), "in use"});
  one.expect_running();
}

}  // namespace
}  // namespace wirelab
