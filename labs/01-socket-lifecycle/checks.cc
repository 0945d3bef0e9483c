// What a socket must go through from birth to death. The check is the server, and looks at the program's
// sockets where they are. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <thread>

#include "grader/checks/check.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// For checks that begin where the half-close has been: without it they come no further than that.
const std::string end_before_answer =
    "The server has the line, and waits for the end of what the program sends before it answers; the program "
    "waits for the answer. After the line shut the sending direction down (shutdown with SHUT_WR, task 01.7): "
    "a FIN leaves, the server's recv returns 0, and the program can still receive.";

/// The first number behind `word` in a line; -1 when there is none.
long number_after(const std::string& text, const std::string& word) {
  const std::string line = lower_case(text);
  auto at = line.find(word);
  if (at == std::string::npos) return -1;
  at = line.find_first_of("0123456789", at + word.size());
  long number = -1;
  if (at != std::string::npos) std::from_chars(line.data() + at, line.data() + line.size(), number);
  return number;
}

/// A client, which runs the program, and a server, which is the check, on one cable. Both speak IPv4 and
/// IPv6.
class SocketLifecycle : public Check {
 protected:
  Program& start(const Address& to, std::vector<std::string> more = {}, Circumstances how = {}) {
    likely_mistake(
        "The program must connect by TCP to the address and port it was given, and go on from there. If it "
        "ended, look at what it said: an IPv6 address needs a socket of the family AF_INET6, a stream one of "
        "the type SOCK_STREAM.");
    std::vector<std::string> arguments = {to.host(), "-p", std::to_string(to.port())};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(client, arguments, std::move(how));
  }

  /// Where the server can be reached with IPv6.
  [[nodiscard]] Address v6(std::uint16_t at) const { return server.addresses()[1].with_port(at); }

  /// Whether nothing more can come of the connection: the program's host has acknowledged the server's FIN,
  /// or somebody has broken off.
  bool is_over() {
    if (wire.count(rst) > 0) return true;
    const auto ends = wire.frames(fin.from(server));
    if (ends.empty()) return false;
    const Headers end = ends.back().frame.headers();
    const auto next = static_cast<std::uint32_t>(end.sequence + end.payload.size() + 1);
    const Match acknowledges([next](const Frame& frame) { return frame.headers().acknowledgment == next; });
    return wire.count(tcp.from(client) && acknowledges) > 0;
  }

  /// A line with this word, and behind it this number and no other.
  void expect_count(Program& program, const std::string& word, std::size_t count) {
    const std::string line = program.expect_line({word});
    const long told = number_after(line, word);
    expect(told == static_cast<long>(count),
           fmt::format("the line that begins \"{}\" tells {} bytes", word, count),
           "the line is \"" + line + "\"");
  }

  /// Takes the line and the end that follows it, says goodbye, and lets the program come to its end.
  void serve_and_finish(TcpListener& listener, Program& program, const std::string& line) {
    TcpPeer peer = listener.accept();
    peer.expect_receive(line);
    peer.expect_end();
    peer.close();
    program.expect_exit(0);
  }

  std::vector<std::string> address = random.neighbours();
  const std::string v6_network =
      fmt::format("fd00:{:x}:{:x}::", random.number(1, 65535), random.number(1, 65535));
  Host& client = net.host("client", address[0] + " " + v6_network + "1/64");
  Host& server =
      net.host("server", address[1] + fmt::format(" {}{:x}/64", v6_network, random.number(2, 65535)));
  Segment& wire = net.link(client, server);
  const std::uint16_t port = random.port();
  const std::string words = random.words(4);
};

TEST_F(SocketLifecycle, descriptor_is_a_tcp_socket_of_the_right_family) {
  wire.rule(drop(syn.from(client)));  // so that the program waits in connect, and its socket can be looked at
  for (const Address& to : {server.at(port), v6(port)}) {
    Program& program = start(to);
    likely_mistake(
        "The first line tells the number of the socket's descriptor, behind the word \"descriptor\". It must "
        "be out before the program connects: end it with std::endl, which flushes.");
    const long number = number_after(program.expect_line({"descriptor"}), "descriptor");
    likely_mistake(
        "The program must try to connect by TCP to the address and port it was given. If it ended, look at "
        "what it said: an IPv6 address needs a socket of the family AF_INET6, a stream one of the type "
        "SOCK_STREAM.");
    await_frames(wire, (syn.from(client) && tcp.to(to)), 1, "SYN to " + to.to_string());
    step(fmt::format("look at descriptor {} of the program", number));
    const auto sockets = program.process().sockets();
    const auto held = std::ranges::find(sockets, number, &HeldSocket::number);
    likely_mistake(
        "The number that is printed is not that of the socket. A descriptor is what socket(2) returns: a "
        "small number that stands for the socket in this process.");
    expect(held != sockets.end(), fmt::format("descriptor {} is a socket of the program", number),
           "the kernel knows of no socket there");
    likely_mistake(
        "The socket is of another kind than the address asks for: the family is AF_INET for an IPv4 address "
        "and AF_INET6 for an IPv6 address, and a byte stream is SOCK_STREAM.");
    expect(held->family == to.family() && held->type == SOCK_STREAM,
           fmt::format("a {} stream socket", to.family() == AF_INET ? "AF_INET" : "AF_INET6"),
           fmt::format("its family is {}, its type {}", held->family, held->type));
    likely_mistake("One socket is enough: each further one is a descriptor that nobody uses.");
    const auto tcp_sockets = std::ranges::count(sockets, SOCK_STREAM, &HeldSocket::type);
    expect(tcp_sockets == 1, "one TCP socket", fmt::format("the program holds {}", tcp_sockets));
    program.kill();
  }
}

TEST_F(SocketLifecycle, local_address_is_known_only_after_connecting) {
  for (const Address& to : {server.at(port), v6(port)}) {
    TcpListener listener(story(), server, to);
    const std::string nobody = to.family() == AF_INET ? "0.0.0.0:0" : "[::]:0";
    std::vector<std::string> early;
    Program& program = [&]() -> Program& {
      const auto silence = wire.impair(drop(syn.from(client)));
      Program& started = start(to);
      likely_mistake(
          "Before it connects, the program prints the address that getsockname gives: no host and port 0. The "
          "line must be out before connect is called, so it has to be flushed (std::endl).");
      started.expect_line({nobody});
      await_frames(wire, syn.from(client) && tcp.to(to), 1, "SYN");
      for (const Line& line : started.process().lines()) early.push_back(line.text);
      return started;
    }();
    const Headers opening = wire.frames(syn.from(client) && tcp.to(to)).front().frame.headers();
    likely_mistake(
        "The address at this end is not known before connect has chosen a route and a port: ask for it "
        "afterwards.");
    for (const std::string& line : early) {
      expect(line.find(opening.source.to_string()) == std::string::npos,
             "the local address is told after connecting", "it was told before: \"" + line + "\"");
    }
    step("let the next SYN through");
    TcpPeer peer = listener.accept();
    likely_mistake(
        "After connecting the socket has an address and an ephemeral port, as getsockname tells. If the port "
        "is wrong by its bytes, it was not turned from network into host byte order (ntohs).");
    program.expect_line({opening.source.to_string()});
    peer.half_close();
    program.expect_exit(0);
  }
}

TEST_F(SocketLifecycle, addresses_are_those_on_the_wire) {
  // Ports whose two bytes differ, at both ends: a forgotten ntohs shows.
  client.sysctl("ipv4/ip_local_port_range",
                fmt::format("{0} {0}", 256 * random.number(130, 230) + random.number(1, 120)));
  const auto at = static_cast<std::uint16_t>(256 * random.number(5, 100) + random.number(130, 250));
  for (const Address& to : {server.at(at), v6(at)}) {
    TcpListener listener(story(), server, to);
    Program& program = start(to, {words});
    TcpPeer peer = listener.accept();
    const Headers opening = wire.frames(syn.from(client) && tcp.to(to)).front().frame.headers();
    likely_mistake(
        "The address that the program prints for its own end is not the one on the wire. In sockaddr_in and "
        "sockaddr_in6 the port is in network byte order, which ntohs turns around; and which of the two "
        "structures it is, ss_family says.");
    program.expect_line({opening.source.to_string()});
    likely_mistake("A line must also hold the address of the server that the program is connected to.");
    program.expect_line({to.to_string()});
    peer.half_close();
    program.expect_exit(0);
  }
}

TEST_F(SocketLifecycle, kind_of_port_is_told) {
  struct Border {
    std::uint16_t port;
    std::string name;
  };
  const std::vector<Border> borders = {{1, "system"},
                                       {1023, "system"},
                                       {1024, "user"},
                                       {49151, "user"},
                                       {49152, "dynamic"},
                                       {65535, "dynamic"},
                                       {static_cast<std::uint16_t>(random.number(1100, 32000)), "user"}};
  client.sysctl("ipv4/ip_local_port_range", "50000 60000");
  for (const Border& border : borders) {
    const Address to = server.at(border.port);
    TcpListener listener(story(), server, to);
    Program& program = start(to, {words});
    TcpPeer peer = listener.accept();
    likely_mistake(
        "RFC 6335 divides the ports in three: system ports from 0 to 1023, user ports from 1024 to 49151, "
        "dynamic ports from 49152 to 65535. The line with the server's address names the kind of its port, "
        "and so does the one with this end's. Look at the borders; and compare numbers in host byte order.");
    const std::string told = program.expect_line({to.to_string()});
    for (const std::string kind : {"system", "user", "dynamic"}) {
      const bool named = lower_case(told).find(kind) != std::string::npos;
      expect(named == (kind == border.name),
             fmt::format("port {} is called a {} port, and nothing else", border.port, border.name),
             "the line is \"" + told + "\"");
    }
    program.expect_line({peer_address(peer.fd()).to_string(), "dynamic"});
    peer.half_close();
    program.expect_exit(0);
  }
}

TEST_F(SocketLifecycle, line_arrives_whole) {
  for (const std::string& line :
       {words, std::string("x"), std::string(), random.words(random.number(700, 900))}) {
    TcpListener listener(story(), server, port);
    Program& program = start(server.at(port), {line}, {.watched = {Call::send}});
    program.inject(shorten(Call::send, random.number(1, 5)).repeated(3));
    TcpPeer peer = listener.accept();
    likely_mistake(
        "What arrived is not the line and the newline that ends it. One send may take a part of the bytes "
        "only; it returns how many, and the rest is still to be sent. And a line ends with \\n, an empty one "
        "too.");
    peer.expect_receive(line + "\n");
    likely_mistake("After the line comes nothing but the end: no zero byte, no second newline.");
    peer.expect_end();
    likely_mistake("A line must tell how many bytes were sent, the newline included: \"Sent: 6 bytes\".");
    expect_count(program, "sent", line.size() + 1);
    peer.close();
    program.expect_exit(0);
  }
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port));
  TcpPeer peer = listener.accept();
  likely_mistake("Without a LINE the program sends \"Hello, wire!\".");
  peer.expect_receive("Hello, wire!\n");
  peer.half_close();
  program.expect_exit(0);
}

TEST_F(SocketLifecycle, end_follows_the_line_before_any_answer) {
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words});
  TcpPeer peer = listener.accept();
  likely_mistake("The line and its newline must be sent before the program does anything else.");
  peer.expect_receive(words + "\n");
  likely_mistake(
      "The program waits for the server, and the server for the end of what the program sends: both wait for "
      "ever. Say that nothing more will come by shutting down the sending direction (a FIN leaves); the other "
      "direction stays open.");
  peer.expect_end();
  step("the program still receives");
  likely_mistake(
      "After the half-close the connection is still there to receive: the program must not close it, and must "
      "not end.");
  expect(wire.count(rst.from(client)) == 0, "no RST from the program's host", "there is one");
  program.expect_running();
  const std::string answer = random.bytes(random.number(100, 1000));
  peer.send(answer);
  peer.close();
  likely_mistake(
      "A line must tell how many bytes came back: \"Received: 512 bytes\". If it tells fewer than were sent: "
      "is the direction from the server closed as well (close, or shutdown of both directions)? Only the "
      "sending direction has ended.");
  expect_count(program, "received", answer.size());
  program.expect_exit(0);
}

TEST_F(SocketLifecycle, everything_is_drained_after_the_half_close) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1200000 + random.number(1, 99999)}}) {
    TcpListener listener(story(), server, port);
    Program& program = start(server.at(port), {words});
    TcpPeer peer = listener.accept();
    likely_mistake(end_before_answer);
    peer.expect_receive(words + "\n");
    peer.expect_end();
    likely_mistake(
        "The program stopped receiving before the end. One recv returns what is there, not what was sent; "
        "only 0 means that the server has finished. Bytes of the value zero are bytes like any other.");
    const std::string answer = random.bytes(size);
    send_and_let_it_be_taken(peer, client, answer.substr(0, size / 3));
    peer.send(answer.substr(size / 3));
    peer.close();
    likely_mistake(
        "The number of bytes is wrong: count what each recv returns, up to the one that returns 0.");
    expect_count(program, "received", size);
    program.expect_exit(0);
  }
}

TEST_F(SocketLifecycle, connection_ends_without_a_reset) {
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words});
  TcpPeer peer = listener.accept();
  likely_mistake(end_before_answer);
  peer.expect_receive(words + "\n");
  peer.expect_end();
  likely_mistake(
      "The connection was broken off (RST), and what was still on its way is lost. That happens when a socket "
      "is closed while bytes wait in it, when data comes for a direction that has been shut down, or with "
      "SO_LINGER 0. Shut down the sending direction alone, receive to the end, and then close.");
  send_and_let_it_be_taken(peer, client, random.bytes(1000));
  peer.send(random.bytes(30000));
  peer.close();
  program.expect_exit(0);
  step("wait until each side has acknowledged the other's FIN, and look for an RST");
  for (const auto deadline = Clock::now() + patience; !is_over() && Clock::now() < deadline;) {
    std::this_thread::sleep_for(1ms);
  }
  expect(wire.wait_for(fin.from(client), 1, Clock::now() + patience), "a FIN from the program",
         "there is none");
  expect(wire.count(rst.from(client)) == 0, "no RST from the program's host", "there is one");
}

TEST_F(SocketLifecycle, every_socket_is_closed) {
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words}, {.watched = {Call::socket, Call::close}});
  serve_and_finish(listener, program, words + "\n");
  const unsigned made = program.process().made(Call::socket), closed = program.process().made(Call::close);
  likely_mistake(
      "A socket that was created is not closed before the program ends. The kernel does that in the end, but "
      "a program that goes on for days would run out of descriptors: let an owner close it (Descriptor), or "
      "call close.");
  step("count the sockets that were made and those that were closed");
  expect(closed >= made, fmt::format("{} sockets made and as many closed", made),
         fmt::format("{} were closed", closed));
}

TEST_F(SocketLifecycle, refused_unreachable_and_wrong_usage_are_told_apart) {
  {
    Program& program = start(server.at(port), {words});
    likely_mistake(
        "Nobody listens on that port, and the server's host says so with a RST. That is an error: one line on "
        "standard error with the operation, the address and the reason, and exit status 1.");
    program.expect_exit(1);
    program.expect_error({"connect", server.at(port).to_string(), "refused"});
  }
  const std::string nowhere = fmt::format("192.0.2.{}", random.number(1, 254));
  Program& program = run(client, {nowhere, "-p", std::to_string(port), words});
  likely_mistake(
      "There is no route to that address. The error names the operation, the address and the reason; the exit "
      "status is 1.");
  program.expect_exit(1);
  program.expect_error({"connect", nowhere + ":" + std::to_string(port), "unreachable"});
  for (const std::string& wrong : {std::to_string(65536 + port), std::string("65536"), std::string("-1"),
                                   random.words(1), std::string()}) {
    Program& confused = run(client, {server.at(0).host(), "-p", wrong, words});
    likely_mistake(
        "A port is a number from 0 to 65535: it has 16 bits, and a larger number would silently become "
        "another one. Say how the program is to be used, on standard error, and exit with status 2, before "
        "any socket is made.");
    confused.expect_exit(2);
    confused.expect_error({"usage"});
  }
}

TEST_F(SocketLifecycle, broken_connection_is_an_error) {
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words});
  TcpPeer peer = listener.accept();
  likely_mistake(end_before_answer);
  peer.expect_receive(words + "\n");
  peer.expect_end();
  peer.send(random.bytes(2000));
  peer.reset();
  likely_mistake(
      "The server broke the connection off, so nobody knows whether all has come. recv says so by returning "
      "-1, which is not the end of file (that is 0): one line on standard error, and exit status 1.");
  program.expect_exit(1);
  program.expect_error({"reset"});

  Program& second = start(server.at(port), {words},
                          {.watched = {Call::send}, .faults = {fail_with(Call::send, ECONNRESET)}});
  const TcpPeer gone = listener.accept();
  likely_mistake(
      "The connection was broken off before the line was sent: send returns -1, and the line never leaves. "
      "Report that with the reason, and exit with status 1; do not say that it was sent.");
  step("wait until send has failed");
  (void)story().wait(Clock::now() + patience, [&](Clock::time_point) {
    std::this_thread::sleep_for(1ms);
    return second.process().struck(Call::send) > 0 || second.process().exit();
  });
  second.expect_struck(Call::send, 1);
  second.expect_exit(1);
  second.expect_error({"reset"});
}

// ---- stretch
// ------------------------------------------------------------------------------------------------------------

TEST_F(SocketLifecycle, connect_deadline_is_kept) {
  const auto limit = std::chrono::milliseconds(random.number(300, 900));
  const std::string seconds = fmt::format("{:.3f}", static_cast<double>(limit.count()) / 1000);
  {
    const auto silence = wire.impair(drop(syn.from(client)));
    Program& program = start(server.at(port), {words, "--timeout", seconds}, {.watched = {Call::wait}});
    const auto sent = await_frames(wire, syn.from(client), 1, "SYN").front().time;
    likely_mistake(
        "Nobody answers. With --timeout the program gives up when that time has passed, with the reason "
        "\"timed out\" and exit status 1. connect on a socket that does not block returns at once "
        "(EINPROGRESS); poll then waits for as long as you say.");
    program.expect_exit(1, limit + patience);
    program.expect_error({"connect", server.at(port).to_string(), "timed out"});
    const auto took = program.process().exit()->time - sent;
    const double took_ms = std::chrono::duration<double, std::milli>(took).count();
    expect_time(took, limit - 20ms, limit + 1500ms, machine_delay(sent, program),
                fmt::format("an end about {} ms after the first SYN", limit.count()),
                fmt::format("it ended after {:.0f} ms", took_ms));
  }
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words, "--timeout", "30"});
  likely_mistake(
      "When the server answers in time, everything goes on as without --timeout: the socket has to block "
      "again when it receives.");
  TcpPeer peer = listener.accept();
  peer.expect_receive(words + "\n");
  peer.expect_end();
  program.expect_idle(200ms, "while the server says nothing");
  peer.send("slowly");
  peer.close();
  expect_count(program, "received", 6);
  program.expect_exit(0);
  Program& refused = start(server.at(static_cast<std::uint16_t>(port + 1)), {words, "--timeout", "30"});
  likely_mistake(
      "A refusal is told at once, with --timeout too: a socket that has failed is also one that poll reports; "
      "SO_ERROR says why.");
  refused.expect_exit(1);
  refused.expect_error({"connect", server.at(static_cast<std::uint16_t>(port + 1)).to_string(), "refused"});
}

TEST_F(SocketLifecycle, interruptions_lose_nothing) {
  TcpListener listener(story(), server, port);
  Program& program = start(server.at(port), {words}, {.watched = {Call::send, Call::receive}});
  program.inject(interrupt(Call::send));
  program.inject(interrupt(Call::receive).repeated(3));
  TcpPeer peer = listener.accept();
  likely_mistake(
      "A signal interrupted send before a byte had gone (EINTR). Nothing was sent then, and nothing is wrong: "
      "call it again with the same bytes.");
  peer.expect_receive(words + "\n");
  peer.expect_end();
  likely_mistake(
      "A signal interrupted recv (EINTR). That is neither the end of file nor an error: call it again, and do "
      "not count the -1.");
  const std::string answer = random.bytes(random.number(20000, 60000));
  peer.send(answer);
  peer.close();
  expect_count(program, "received", answer.size());
  program.expect_exit(0);
  program.expect_struck(Call::send, 1);
  program.expect_struck(Call::receive, 1);
}

}  // namespace
}  // namespace wirelab
