// What a server owes to datagrams: each comes back whole, alone, to the one who sent it, and from the address
// that was asked. And what a client learns from a connected socket. The names are those of lab.toml, where
// the points are.

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <thread>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/checks/compare.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest = 65507;  // 65,535 bytes of IPv4 packet, less 20 of its header and 8 of UDP's

/// `10.5.0.7` of `10.5.0.7/24`.
std::string without_prefix(const std::string& address) { return address.substr(0, address.find('/')); }

/// What all checks of this lab share; each builds the network that it needs.
class UdpEcho : public Check {
 protected:
  Program& start_server(const Host& host, const std::string& at, std::vector<std::string> options = {},
                        Circumstances how = {}) {
    std::vector<std::string> arguments = {"server", at, "-p", std::to_string(port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(host, arguments, std::move(how)).expect_bound(port);
  }

  /// Addresses on so many networks, on each as many as asked for; no two networks are the same.
  std::vector<std::vector<std::string>> networks(std::size_t count, std::size_t addresses) {
    std::map<std::string, std::vector<std::string>> drawn;
    while (drawn.size() < count) {
      std::vector<std::string> some = random.neighbours(addresses);
      drawn[some.front().substr(0, some.front().rfind('.'))] = some;
    }
    std::vector<std::vector<std::string>> result;
    for (auto& [network, some] : drawn) result.push_back(std::move(some));
    return result;
  }

  /// The answer is what was sent, and comes from where it was sent to.
  void expect_answer(const UdpPeer::Datagram& came, const std::string& sent, const Address& asked) {
    expect(came.bytes == sent, "the same bytes come back: " + describe(sent), difference(sent, came.bytes));
    expect(came.from == asked, "the answer comes from the address that was asked, " + asked.to_string(),
           "it comes from " + came.from.to_string());
  }

  void expect_echo(UdpPeer& peer, const std::string& bytes, const Address& to) {
    peer.send(bytes, to);
    expect_answer(peer.expect_datagram(), bytes, to);
  }

  /// A request that will be answered in any order with others.
  struct Sent {
    UdpPeer* peer;
    Address to;
    std::string bytes;
  };

  /// Each was answered to the peer that sent it, with its own bytes, from the address it was sent to. No two
  /// of the requests have the same bytes.
  void expect_all_answered(std::vector<Sent> requests) {
    while (!requests.empty()) {
      UdpPeer& peer = *requests.front().peer;
      const auto came = peer.expect_datagram();
      const auto mine = std::ranges::find_if(
          requests, [&](const Sent& one) { return one.peer == &peer && one.bytes == came.bytes; });
      if (mine == requests.end()) {
        const auto whose = std::ranges::find(requests, came.bytes, &Sent::bytes);
        story().fail("an answer with the bytes of one of the requests from " + peer.local().to_string(),
                     whose == requests.end()
                         ? "it has " + describe(came.bytes) + ", and no such request waits for an answer"
                         : "it has the bytes of a request from " + whose->peer->local().to_string());
      }
      expect_answer(came, mine->bytes, mine->to);
      requests.erase(mine);
    }
  }

  /// Sends all while the program is stopped, so that they wait together in its socket.
  void send_while_paused(Program& program, const std::vector<Sent>& requests) {
    program.pause();
    send_all(requests);
    program.resume();
  }

  /// Sends them, and waits until they have crossed the cables.
  void send_all(const std::vector<Sent>& requests) {
    for (const Sent& one : requests) one.peer->send(one.bytes, one.to);
    const auto deadline = Clock::now() + patience;
    for (const Sent& one : requests) {
      if (one.bytes.size() > 1400) continue;  // in fragments, of which none has all its bytes
      while (!has_arrived(udp.from(one.peer->local()).to(one.to).saying(one.bytes)) &&
             Clock::now() < deadline) {
        std::this_thread::sleep_for(1ms);
      }
    }
  }

  [[nodiscard]] bool has_arrived(const Match& match) const {
    return std::ranges::any_of(net.segments(), [&](const Segment& segment) {
      return std::ranges::any_of(segment.frames(match),
                                 [](const CapturedFrame& one) { return one.arrivals > 0; });
    });
  }

  /// Different bytes each time, and different lengths.
  std::string next_payload(std::size_t least = 8) {
    ++payloads_;
    return fmt::format("{}:", payloads_) + random.bytes(least + 7 * payloads_);
  }

  const std::uint16_t port = random.port();

 private:
  std::size_t payloads_ = 0;
};

/// A client and a server on one cable.
class OneCable : public UdpEcho {
 protected:
  Program& start_server(std::vector<std::string> options = {}, Circumstances how = {}) {
    return UdpEcho::start_server(server, server.at(0).host(), std::move(options), std::move(how));
  }

  Program& start_client(const std::string& text, std::vector<std::string> options = {},
                        Circumstances how = {}) {
    std::vector<std::string> arguments = {"client", server.at(0).host(), text, "-p", std::to_string(port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(client, arguments, std::move(how));
  }

  /// From when its request was seen until it ended.
  void expect_to_end_after(Program& program, const std::string& text, std::chrono::milliseconds limit) {
    const auto asked = await_frames(wire, request.saying(text), 1, "request").front().time;
    program.expect_exit(1, limit + patience);
    const auto waited = program.process().exit()->time - asked;
    step(fmt::format("it gave up {:.2f} s after its request", std::chrono::duration<double>(limit).count()));
    expect_time(waited, limit - limit / 20 - 2ms, limit + limit / 4 + 400ms, machine_delay(asked, program),
                fmt::format("an end after {:.2f} s", std::chrono::duration<double>(limit).count()),
                fmt::format("it ended after {:.2f} s", std::chrono::duration<double>(waited).count()));
  }

  std::vector<std::string> address = random.neighbours();
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Segment& wire = net.link(client, server);
  const Match request = udp.from(client).to_port(port);
  const Match answer = udp.from(server).from_port(port);
};

/// A server with many addresses between two clients.
///
///     left ─────────── eth0  server  eth1 ─────────── right
///                  two networks    one network,
///                  on one cable    and lo
class ManyAddresses : public UdpEcho {
 protected:
  ManyAddresses() {
    left.default_route(server.addresses()[0].host());
    right.default_route(server.addresses()[3].host());
    server.add_address("lo", without_prefix(elsewhere) + "/32");
  }

  /// A request from each of the two to every address of the server, near and far, in any order.
  std::vector<Sent> requests_to_all(UdpPeer& from_left, UdpPeer& from_right) {
    std::vector<Sent> requests;
    for (UdpPeer* peer : {&from_left, &from_right}) {
      for (const Address& one : server.addresses()) {
        requests.push_back({peer, one.with_port(port), next_payload()});
      }
    }
    std::ranges::shuffle(requests, random.engine());
    return requests;
  }

  std::vector<std::vector<std::string>> on = networks(3, 3);
  std::string elsewhere =
      fmt::format("172.{}.{}.{}/32", random.number(16, 31), random.number(0, 255), random.number(1, 254));
  Host& left = net.host("left", on[0][0]);
  Host& right = net.host("right", on[1][0]);
  // The kernel's own choice is the first address of the interface; the second of the same network, and that
  // of another network on the same cable, are those that it would not choose.
  Host& server = net.host("server", on[0][1] + " " + on[0][2] + " " + on[2][1], on[1][1] + " " + on[1][2]);
  Segment& left_wire = net.link(left, server);
  Segment& right_wire = net.link(server, right);
};

// ---- the server: datagrams
// ------------------------------------------------------------------------------------------

TEST_F(OneCable, datagram_comes_back_unchanged) {
  start_server();
  UdpPeer peer(story(), client, 0);
  std::string all_values(256, '\0');
  std::iota(all_values.begin(), all_values.end(), '\0');
  std::size_t sent = 0;
  likely_mistake(
      "A datagram is bytes, not text: zeros may stand anywhere in it, and no newline ends it. How many there "
      "are is what the receiving call returned; that many go back, not more, not less. (If the first come "
      "back and longer ones do not: the lengths in msghdr and iovec say how much room there is, and have to "
      "be set anew before each call.)");
  for (const std::string& bytes :
       {random.words(3), std::string("\0zero first", 11), all_values, std::string("two\nlines\n"),
        random.bytes(random.number(300, 1400)), std::string("x")}) {
    expect_echo(peer, bytes, server.at(port));
    ++sent;
  }
  likely_mistake("Each datagram is answered by one datagram. More than one came back for some of them.");
  expect_frames(wire, answer, sent, "answer");
}

TEST_F(OneCable, borders_are_kept) {
  Program& program = start_server();
  UdpPeer peer(story(), client, 0);
  expect_echo(peer, random.words(1), server.at(port));
  likely_mistake(
      "Several datagrams were waiting at once. Each call of recv, recvfrom or recvmsg takes one of them, and "
      "each is answered by a datagram of its own: nothing is joined, cut, or waited for.");
  std::vector<Sent> requests;
  for (int i = 0; i < 20; ++i) requests.push_back({&peer, server.at(port), next_payload(1)});
  std::ranges::shuffle(requests, random.engine());
  send_while_paused(program, requests);
  expect_all_answered(requests);
  expect_echo(peer, random.words(1), server.at(port));
  likely_mistake("Each datagram is answered by one datagram. More than one came back for some of them.");
  expect_frames(wire, answer, requests.size() + 2, "answer");
}

TEST_F(OneCable, empty_datagram_is_answered_with_an_empty_one) {
  Program& program = start_server();
  UdpPeer peer(story(), client, 0);
  expect_echo(peer, random.words(1), server.at(port));
  likely_mistake(
      "An empty datagram is a datagram. recvmsg returns 0 for it, but there is no connection that could have "
      "ended: it is answered with an empty one, and the server goes on.");
  expect_echo(peer, "", server.at(port));
  expect_echo(peer, random.words(2), server.at(port));
  expect_echo(peer, "", server.at(port));
  program.expect_running();
}

TEST_F(OneCable, largest_datagram_comes_back_whole) {
  start_server();
  UdpPeer peer(story(), client, 0);
  likely_mistake(
      "A large datagram is not answered whole. What the buffer cannot take is thrown away without an error; "
      "only MSG_TRUNC in msg_flags tells. (Is the room as large at the second call as at the first?) A "
      "datagram over IPv4 holds up to 65,507 bytes, however small the packets of the cable are: the kernel "
      "cuts it into fragments and joins them again.");
  for (const std::size_t length : {std::size_t{1472}, std::size_t{1473}, random.number(2049, 4095),
                                   random.number(8193, 16000), random.number(33000, 65000), largest}) {
    expect_echo(peer, random.bytes(length), server.at(port));
  }
  expect_echo(peer, random.bytes(20), server.at(port));
}

// ---- the server: addresses
// ------------------------------------------------------------------------------------------

TEST_F(ManyAddresses, answer_leaves_from_the_address_that_was_asked) {
  start_server(server, random.number(0, 1) == 0 ? "" : "0.0.0.0");
  UdpPeer from_left(story(), left, 0), from_right(story(), right, 0);
  likely_mistake(
      "The host has several addresses, and the answer comes from another one than was asked. The client will "
      "not take it: it asked somebody else. Which address a datagram was sent to is told by recvmsg with "
      "IP_PKTINFO (it is not the socket's own, which is 0.0.0.0), and sendmsg is told by the same means where "
      "the answer comes from; otherwise the kernel chooses by the way out.");
  for (int round = 0; round < 2; ++round) {
    for (const Sent& one : requests_to_all(from_left, from_right)) expect_echo(*one.peer, one.bytes, one.to);
  }
  step("on the cables: as many answers as requests");
  const std::size_t answers = left_wire.count(udp.from(server)) + right_wire.count(udp.from(server));
  const std::size_t requests = 4 * server.addresses().size();
  expect(answers == requests, fmt::format("{} answers", requests), fmt::format("{}", answers));
}

TEST_F(ManyAddresses, requests_of_many_clients_are_kept_apart) {
  Program& program = start_server(server, "0.0.0.0");
  UdpPeer one(story(), left, 0), another(story(), left, 0), third(story(), right, 0);
  likely_mistake(
      "One client was served, and then another was not. A UDP server has one socket for everybody, and "
      "connects it to nobody: a connected socket takes datagrams from one address alone. (And the lengths in "
      "msghdr are set anew before each call.)");
  for (UdpPeer* peer : {&one, &another, &one}) expect_echo(*peer, next_payload(), server.at(port));
  expect_echo(third, next_payload(), server.addresses()[3].with_port(port));
  likely_mistake(
      "Several clients asked at the same time, and what belongs to one request was used for another. Who sent "
      "a datagram, and where to, holds for that datagram alone; and the lengths in msghdr, which say how much "
      "room there is, are overwritten by each call.");
  std::vector<Sent> requests = requests_to_all(one, third);
  for (const Sent& more : requests_to_all(another, third)) requests.push_back(more);
  std::ranges::shuffle(requests, random.engine());
  send_while_paused(program, requests);
  expect_all_answered(requests);
}

TEST_F(UdpEcho, answer_takes_the_way_of_the_routing_table) {
  //              request, from the client's address on net 2
  //          ┌──────────────── net 1 ────────────────┐
  //       client                                   server
  //          └─ net 2 ── router ────── net 3 ────────┘
  //              answer, as the server's table says
  const auto on = networks(3, 2);
  Host& client = net.host("client", on[0][0], on[1][0]);
  Host& server = net.host("server", on[0][1], on[2][0]);
  Host& router = net.router("router", on[1][1], on[2][1]);
  Segment& short_way = net.link(client, server);
  net.link(client, router);
  Segment& long_way = net.link(server, router);
  for (Host* host : {&client, &server, &router}) {
    for (const std::string interface : {"all", "eth0", "eth1"})
      host->sysctl("ipv4/conf/" + interface + "/rp_filter", "0");
  }
  const std::string second_network = on[1][0].substr(0, on[1][0].rfind('.')) + ".0/24";
  server.route(second_network, without_prefix(on[2][1]));

  start_server(server, "0.0.0.0");
  UdpPeer peer(story(), client, Address::numeric(without_prefix(on[1][0]), 0));
  const std::string text = random.words(2);
  likely_mistake(
      "The answer took the cable by which the request had come, although the server's routing table says "
      "another way to that client (or it did not leave at all). IP_PKTINFO, as it was received, names the "
      "interface of the request; sent back unchanged it forces the answer out there. The address is to be "
      "kept; the way is the routing table's affair.");
  peer.send(text, server.at(port));
  await_frames(short_way, udp.from(client).to_port(port), 1, "request");
  await_frames(long_way, udp.from(server).saying(text), 1, "answer", 4s);
  expect_answer(peer.expect_datagram(), text, server.at(port));
  expect_frames(short_way, udp.from(server), 0, "answer");
}

TEST_F(UdpEcho, server_is_where_it_was_told_to_be) {
  const std::vector<std::string> address = random.neighbours(4);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1] + " " + address[2]);
  Segment& wire = net.link(client, server);
  Program& program = run(server, {"server", server.at(0).host(), "-p", "0"});
  likely_mistake(
      "The server is to bind to the address that it was given, and to print what getsockname says then: with "
      "port 0 the kernel has chosen one.");
  step("server: find its socket in the kernel's table");
  std::vector<BoundSocket> sockets;
  for (const auto deadline = Clock::now() + patience;
       sockets.empty() && Clock::now() < deadline && !program.process().exit();) {
    sockets = sockets_in(server, SOCK_DGRAM);
    std::this_thread::sleep_for(1ms);
  }
  expect(!sockets.empty(), "a UDP socket", "there is none");
  const std::uint16_t chosen = sockets.front().local.port();
  expect(chosen != 0, "a socket that is bound to a port", "it is bound to none");
  program.expect_line({server.at(chosen).to_string()});
  UdpPeer peer(story(), client, 0);
  expect_echo(peer, random.words(2), server.at(chosen));
  likely_mistake(
      "A server on one address is not there for the host's other addresses: it is to bind to the address it "
      "was given.");
  peer.send(random.words(2), server.addresses()[1].with_port(chosen));
  await_frames(wire, port_unreachable.from(server), 1, "ICMP port unreachable error");

  likely_mistake(
      "A second server on the same port has to fail: bind says so. (SO_REUSEADDR, which is of use for TCP "
      "servers, would let it take the first one's datagrams on Linux.) Its error message names operation, "
      "address and reason.");
  Program& second = run(server, {"server", server.at(0).host(), "-p", std::to_string(chosen)});
  second.expect_exit(1);
  second.expect_error({server.at(chosen).to_string(), "in use"});
  likely_mistake(
      "An address that the host does not have cannot be bound. The error message names operation, address and "
      "reason.");
  const Address nobodys = Address::numeric(without_prefix(address[3]), port);
  Program& third = run(server, {"server", nobodys.host(), "-p", std::to_string(port)});
  third.expect_exit(1);
  third.expect_error({nobodys.to_string(), "assign"});
}

// ---- the server: trouble
// --------------------------------------------------------------------------------------------

/// A copy of a UDP frame with some bytes changed: {offset from the UDP header, value}.
Bytes altered(const Frame& frame, const std::vector<std::pair<std::size_t, unsigned char>>& changes) {
  constexpr std::size_t udp_header = 14 + 20;  // Ethernet and IPv4 without options
  Bytes bytes(frame.bytes().begin(), frame.bytes().end());
  for (const auto& [offset, value] : changes) bytes[udp_header + offset] = std::byte{value};
  return bytes;
}

/// The same datagram, as if sent from port 0, to which nothing can be sent back (RFC 768: a source port is
/// optional).
Bytes from_port_zero(const Frame& frame) { return altered(frame, {{0, 0}, {1, 0}, {6, 0}, {7, 0}}); }

TEST_F(OneCable, server_survives_errors_and_junk) {
  Program& program = start_server({}, {.watched = {Call::receive, Call::wait}});
  UdpPeer peer(story(), client, 0);
  const auto expect_service = [&] { expect_echo(peer, next_payload(), server.at(port)); };
  expect_service();
  const Frame first = await_frames(wire, request, 1, "request").front().frame;

  likely_mistake(
      "Bytes that are no datagram for the server do not reach it: the kernel throws them away. It just goes "
      "on.");
  step(
      "damaged datagrams arrive: other bytes than the checksum says, a length that is too large, one that is "
      "too small");
  wire.inject(altered(first, {{8, static_cast<unsigned char>(~first.headers().payload.at(0))}}));
  wire.inject(altered(first, {{4, 0xff}}));
  wire.inject(altered(first, {{4, 0}, {5, 7}}));
  expect_service();
  expect_frames(wire, answer, 2, "answer");

  likely_mistake(
      "A call that a signal interrupted (EINTR) has received nothing: that is no datagram and no reason to "
      "end.");
  program.inject(interrupt(Call::receive));
  program.inject(interrupt(Call::wait));
  program.repeat_until_struck(Call::receive, 1, expect_service);
  expect_service();

  likely_mistake(
      "The receiving call failed with the news of an earlier answer: its port was closed, or its host out of "
      "reach. That concerns a client who has gone; the others wait to be served.");
  {
    UdpPeer gone(story(), client, 0);
    gone.send("bye", server.at(port));
    await_frames(wire, answer.saying("bye"), 1, "answer");
  }
  step("its sender has gone: the answer may meet a closed port");
  expect_service();
  unsigned struck = 1;
  for (const int error : {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH}) {
    program.inject(fail_with(Call::receive, error));
    program.repeat_until_struck(Call::receive, ++struck, expect_service);
    expect_service();
  }
  program.expect_running();
}

TEST_F(OneCable, answer_that_cannot_be_sent_harms_nobody_else) {
  Program& program = start_server({}, {.watched = {Call::send}});
  UdpPeer peer(story(), client, 0);
  expect_echo(peer, next_payload(), server.at(port));
  likely_mistake(
      "One answer that could not be sent ended the whole server, or kept it busy. When sendmsg fails, that is "
      "the misfortune of one client; the server goes on with the next request.");
  step("a request arrives whose sender claims port 0, to which nothing can be sent");
  wire.inject(from_port_zero(await_frames(wire, request, 1, "request").front().frame));
  expect_echo(peer, next_payload(), server.at(port));
  unsigned struck = 0;
  for (const int error : {EPERM, ENETUNREACH, EHOSTUNREACH}) {
    program.inject(fail_with(Call::send, error));
    const std::string lost = next_payload(), next = next_payload();
    peer.send(lost, server.at(port));
    for (const auto deadline = Clock::now() + patience;
         program.process().struck(Call::send) == struck && Clock::now() < deadline;) {
      std::this_thread::sleep_for(1ms);
    }
    program.expect_struck(Call::send, ++struck);
    peer.send(next, server.at(port));
    auto came = peer.expect_datagram();
    if (came.bytes == lost) came = peer.expect_datagram();  // the server has tried again, as it may
    expect_answer(came, next, server.at(port));
  }
  likely_mistake(
      "A sendmsg that a signal interrupted (EINTR) has sent nothing. It is not refused either: send again.");
  program.inject(interrupt(Call::send));
  expect_echo(peer, next_payload(), server.at(port));
  program.expect_struck(Call::send, ++struck);
  expect_echo(peer, next_payload(), server.at(port));
  program.expect_running();
  likely_mistake(
      "What cannot be sent is worth one line on standard error at most: a log that anybody can fill is a "
      "weakness.");
  step("standard error has at most one line for each of the 4 answers that could not be sent");
  const std::string errors = program.process().standard_error();
  const auto lines = std::ranges::count(errors, '\n');
  expect(lines <= 4, "at most 4 lines", fmt::format("{} lines", lines));
}

// ---- the client
// -----------------------------------------------------------------------------------------------------

TEST_F(OneCable, client_prints_exactly_the_answer) {
  UdpPeer peer(story(), server, port);
  const auto exchange = [&](const std::string& text, const std::string& reply) {
    Program& program = start_client(text);
    const auto came = peer.expect_datagram();
    expect(came.bytes == text, "a request with the bytes of the message: " + describe(text),
           difference(text, came.bytes));
    peer.send(reply, came.from);
    program.expect_exit(0);
    program.expect_output(reply + "\n");
  };
  likely_mistake(
      "The message goes out as one datagram, its bytes and no others; no zero and no newline at its end. What "
      "came back is written to standard output as it came, with a newline behind it.");
  const std::string text = random.words(3) + " \xc3\xa4\xe2\x82\xac";
  exchange(text, text);
  likely_mistake(
      "The answer is bytes: those that the receiving call returned, zeros among them, and as many as it said. "
      "They are not the message, and there may be more of them.");
  exchange(random.words(1), random.bytes(100) + std::string(3, '\0') + random.bytes(random.number(20, 200)));
  likely_mistake(
      "An empty message is sent as an empty datagram, and an empty answer is an answer: an empty line.");
  exchange("", "");
  exchange(random.words(1), "");
  likely_mistake(
      "An answer may be as large as a datagram can be: 65,507 bytes. What does not fit into the buffer is "
      "lost.");
  exchange(random.words(1), random.bytes(largest));
  likely_mistake("The client asks once for each run, and sends nothing after the answer.");
  expect_frames(wire, request, 5, "request");
}

TEST_F(UdpEcho, stranger_is_refused_by_the_kernel) {
  const std::vector<std::string> address = random.neighbours(4);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1] + " " + address[2]);
  Host& neighbour = net.host("neighbour", address[3]);
  Segment& wire = net.segment({&client, &server, &neighbour});
  UdpPeer asked(story(), server, port);
  UdpPeer other_port(story(), server, 0);
  UdpPeer other_address(story(), server, server.addresses()[1].with_port(port));
  UdpPeer other_host(story(), neighbour, port);
  Program& program = run(client, {"client", server.at(0).host(), random.words(2), "-p", std::to_string(port),
                                  "--timeout", "60"});
  const Address from = asked.expect_datagram().from;
  likely_mistake(
      "A datagram from somebody whom the client has not asked reached it, where it should have been refused. "
      "A socket that is connected to the server gets datagrams from the server's address and port alone; to "
      "all others the kernel answers as if nobody used the port. Whoever receives on a socket that is not "
      "connected takes what anybody sends.");
  std::map<std::string, std::size_t> refusals;
  for (UdpPeer* stranger : {&other_port, &other_address, &other_host}) {
    stranger->send("believe me: " + random.words(1), from);
    const Address there = stranger->local();
    await_frames(wire, port_unreachable.from(client).to(there.with_port(0)), ++refusals[there.host()],
                 "ICMP port unreachable error");
    program.expect_running();
  }
  likely_mistake("After strangers' datagrams the server's own answer still counts, and it alone is printed.");
  const std::string reply = random.words(3);
  asked.send(reply, from);
  program.expect_exit(0);
  program.expect_output(reply + "\n");
}

TEST_F(OneCable, closed_port_is_reported_at_once) {
  Program& program = start_client(random.words(2), {"--timeout", "60"});
  likely_mistake(
      "The server's host said at once that nobody uses that port (ICMP port unreachable), but the client did "
      "not hear it, and waits. Only a connected UDP socket is told, as the error of its next call: "
      "ECONNREFUSED.");
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string(), "refused"});
  expect_frames(wire, request, 1, "request");
  likely_mistake(
      "What is not an answer does not belong on standard output: an error goes to standard error.");
  program.expect_output("");
}

TEST_F(OneCable, client_gives_up_after_the_time_limit) {
  UdpPeer silent(story(), server, port);
  const std::chrono::milliseconds limit(random.number(500, 900));
  Program& patient = start_client("patient");
  Program& hasty = start_client(
      "hasty", {"--timeout", fmt::format("{:.3f}", std::chrono::duration<double>(limit).count())});
  likely_mistake(
      "Nobody answers, and the client does not end, with exit status 1, when its time is over, but earlier or "
      "later: 2 s after the request, or as many seconds as --timeout says, which may be a fraction. (poll "
      "counts in milliseconds.)");
  expect_to_end_after(hasty, "hasty", limit);
  expect_to_end_after(patient, "patient", 2s);
  likely_mistake("The message on standard error names the server that did not answer.");
  hasty.expect_error({server.at(port).to_string()});
  patient.expect_error({server.at(port).to_string()});
  likely_mistake("This client asks once. To ask again after silence is lab 05.");
  expect_frames(wire, request, 2, "request");
}

TEST_F(OneCable, interruptions_do_not_change_the_time_limit) {
  UdpPeer silent(story(), server, port);
  UdpPeer stranger(story(), server, 0);
  constexpr auto limit = 1600ms;
  Program& answered =
      start_client("answered", {"--timeout", "60"},
                   {.watched = {Call::send, Call::wait, Call::receive},
                    .faults = {interrupt(Call::send), interrupt(Call::wait), interrupt(Call::receive)}});
  likely_mistake(
      "A call that a signal interrupts (EINTR) has done nothing: send again, or go on waiting. It is neither "
      "an error nor an answer.");
  const auto came = await_frames(wire, request.saying("answered"), 1, "request");
  silent.send("so be it", came.front().frame.headers().source);
  answered.expect_exit(0);
  answered.expect_output("so be it\n");
  likely_mistake(
      "Something that is no answer changes the time limit. After an interruption (EINTR) what is left of the "
      "time has to be waited for: neither the whole of it anew, nor nothing. Fix the moment when the wait "
      "ends, not how long it lasts.");
  Program& interrupted = start_client("interrupted", {"--timeout", "1.6"},
                                      {.watched = {Call::wait}, .faults = {interrupt_late(Call::wait)}});
  Program& stopped = start_client("stopped", {"--timeout", "1.6"});
  const auto asked = await_frames(wire, request.saying("stopped"), 1, "request").front();
  (void)await_frames(wire, request.saying("interrupted"), 1, "request");
  for (const auto after : {300ms, 600ms, 900ms}) {
    std::this_thread::sleep_until(asked.time + after);
    for (const CapturedFrame& one : wire.frames(request && !udp.saying("answered")))
      stranger.send("I am nobody", one.frame.headers().source);
  }
  std::this_thread::sleep_until(asked.time + 1200ms);
  stopped.pause();  // some calls fail with EINTR after this, also without a signal handler (signal(7))
  stopped.resume();
  expect_to_end_after(interrupted, "interrupted", limit);
  expect_to_end_after(stopped, "stopped", limit);
}

TEST_F(OneCable, request_that_cannot_be_sent_is_a_clear_error) {
  likely_mistake(
      "A datagram holds at most 65,507 bytes over IPv4. A longer message is refused by the kernel (EMSGSIZE), "
      "and that is to be reported, not cut to fit: operation, address and reason, exit status 1.");
  Program& wordy = start_client(std::string(largest + 1, 'x'));
  wordy.expect_exit(1);
  wordy.expect_error({server.at(port).to_string(), "too long"});
  expect_frames(wire, request, 0, "request");
  likely_mistake(
      "Where no way leads, connect or send says so at once. The message names operation, address and "
      "reason.");
  Program& lost = run(client, {"client", "192.0.2.7", "hello", "-p", std::to_string(port)});
  lost.expect_exit(1);
  lost.expect_error({fmt::format("192.0.2.7:{}", port), "unreachable"});
  likely_mistake(
      "Without a MESSAGE the command line is wrong: exit status 2, and the usage on standard error.");
  Program& mute = run(client, {"client", server.at(0).host()});
  mute.expect_exit(2);
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

/// A server with many IPv6 addresses, and IPv4 ones, between two clients.
class BothFamilies : public UdpEcho {
 protected:
  BothFamilies() {
    left.default_route(server.addresses()[0].host());
    right.default_route(server.addresses()[4].host());
    server.add_address("lo", fmt::format("fd04:{:x}::77/128", random.number(0x4000, 0x4fff)));
  }

  std::string unique_local() {
    return fmt::format("fd04:{:x}:{:x}::", random.number(0x1000, 0x3fff), random.number(1, 0xffff));
  }
  std::string host_part() {
    return fmt::format("{:x}:{:x}/64", random.number(1, 0xffff), random.number(1, 0xffff));
  }

  /// An address of a link, as the socket calls on this host want it: with the number of the interface.
  static Address on_link(const Host& host, const std::string& text, std::uint16_t port) {
    const auto inside = host.visit();
    const Address address = Address::numeric(text, port);
    sockaddr_in6 scoped = *reinterpret_cast<const sockaddr_in6*>(address.data());
    scoped.sin6_scope_id = if_nametoindex("eth0");
    return {reinterpret_cast<const sockaddr*>(&scoped), sizeof scoped};
  }

  std::string near = unique_local(), far = unique_local(), other = unique_local();
  std::vector<std::vector<std::string>> on = networks(2, 3);
  Host& left = net.host("left", near + host_part() + " fe80::4:1/64 " + on[0][0]);
  Host& right = net.host("right", far + host_part() + " " + on[1][0]);
  Host& server = net.host(
      "server", near + host_part() + " " + near + host_part() + " " + other + host_part() + " fe80::4:2/64 ",
      far + host_part() + " " + far + host_part());
  Segment& left_wire = net.link(left, server);
  Segment& right_wire = net.link(server, right);
};

TEST_F(BothFamilies, ipv6_answer_leaves_from_the_address_that_was_asked) {
  Program& program = start_server(server, "::");
  likely_mistake(
      "The same over IPv6: ask for the destination with IPV6_RECVPKTINFO before bind, and what comes is "
      "IPV6_PKTINFO, an in6_pktinfo, at level IPPROTO_IPV6. Send it back with the interface set to 0: the way "
      "out is the routing table's.");
  UdpPeer from_left(story(), left, 0), from_right(story(), right, 0);
  for (UdpPeer* peer : {&from_left, &from_right, &from_left}) {
    for (const Address& one : server.addresses()) {
      if (!one.host().starts_with("fe80")) expect_echo(*peer, next_payload(), one.with_port(port));
    }
  }
  likely_mistake(
      "Over IPv6 a datagram may be a little larger: 65,527 bytes, because UDP's length does not count the "
      "IPv6 header.");
  expect_echo(from_left, random.bytes(65527), server.at(port));
  {
    const auto inside = left.visit();
    likely_mistake(
        "An address of the link (fe80::/10) exists once on every link, so it needs the interface beside it: "
        "there it must be kept, or sendmsg refuses.");
    UdpPeer neighbour(story(), left, on_link(left, "fe80::4:1", 0));
    for (UdpPeer* peer : {&neighbour, &from_left})
      expect_echo(*peer, next_payload(), on_link(left, "fe80::4:2", port));
  }
  program.expect_running();
}

TEST_F(BothFamilies, one_server_answers_both_families) {
  server.add_address("eth0", on[0][1])
      .add_address("eth0", on[0][2])
      .add_address("eth1", on[1][1])
      .add_address("eth1", on[1][2]);
  start_server(server, "::");
  UdpPeer six(story(), left, 0), four(story(), left, Address::numeric(without_prefix(on[0][0]), 0));
  UdpPeer four_right(story(), right, Address::numeric(without_prefix(on[1][0]), 0));
  likely_mistake(
      "A socket bound to :: serves IPv4 as well (unless IPV6_V6ONLY is set); an IPv4 address then reads "
      "::ffff:10.4.0.2, also in IPV6_PKTINFO, and can be sent back just so.");
  for (int round = 0; round < 2; ++round) {
    expect_echo(six, next_payload(), server.addresses()[0].with_port(port));
    expect_echo(six, next_payload(), server.addresses()[1].with_port(port));
    for (const std::string& one : {on[0][1], on[0][2]})
      expect_echo(four, next_payload(), Address::numeric(without_prefix(one), port));
    for (const std::string& one : {on[1][2], on[1][1]})
      expect_echo(four_right, next_payload(), Address::numeric(without_prefix(one), port));
  }
}

TEST_F(ManyAddresses, request_to_everybody_is_answered_from_an_own_address) {
  start_server(server, "0.0.0.0");
  const auto peer_that_broadcasts = [&](const Host& host) {
    auto peer = std::make_unique<UdpPeer>(story(), host, 0);
    const int yes = 1;
    must(setsockopt(peer->fd(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), "set SO_BROADCAST");
    return peer;
  };
  likely_mistake(
      "A request to the broadcast address reached the server, and its answer cannot come from there: that is "
      "nobody's own address. in_pktinfo has two addresses for this reason: ipi_addr is what stood in the "
      "packet, ipi_spec_dst the address of this host that stands for it (RFC 1122, section 4.1.3.5).");
  const auto from_left = peer_that_broadcasts(left), from_right = peer_that_broadcasts(right);
  for (const auto& [peer, network, own] :
       {std::tuple(from_left.get(), on[0], 0u), std::tuple(from_right.get(), on[1], 3u)}) {
    const std::string everybody = network[0].substr(0, network[0].rfind('.')) + ".255";
    for (const std::string& asked : {everybody, std::string("255.255.255.255")}) {
      const std::string text = next_payload();
      peer->send(text, Address::numeric(asked, port));
      const auto came = peer->expect_datagram();
      expect(came.bytes == text, "the same bytes come back: " + describe(text), difference(text, came.bytes));
      const auto& its = server.addresses();
      const bool right_one =
          came.from == its[own].with_port(port) || came.from == its[own + 1].with_port(port);
      expect(right_one,
             fmt::format("an answer from {} or {}, which the server has on this network", its[own].host(),
                         its[own + 1].host()),
             "it comes from " + came.from.to_string());
    }
  }
}

TEST_F(OneCable, waiting_datagrams_are_taken_together) {
  constexpr std::size_t batch = 16, waiting = 64, most = waiting / 4;
  Program& program =
      start_server({"--batch", std::to_string(batch)}, {.watched = {Call::receive, Call::send}});
  UdpPeer peer(story(), client, 0);
  likely_mistake(
      "A lone datagram is answered at once. It must not wait until the batch is full: recvmmsg with "
      "MSG_WAITFORONE waits for the first, and takes what else is there. (Its timeout is not what it seems: "
      "see BUGS in recvmmsg(2).)");
  expect_echo(peer, random.words(1), server.at(port));
  expect_echo(peer, random.words(2), server.at(port));
  likely_mistake(
      "While the server stood still, datagrams came, and it took or answered them one by one. recvmmsg takes "
      "as many as --batch says with one call, and sendmmsg sends as many.");
  std::vector<Sent> requests;
  for (std::size_t i = 0; i < waiting; ++i)
    requests.push_back({&peer, server.at(port), fmt::format("{:02} {}", i, random.words(1))});
  const unsigned received = program.process().made(Call::receive), sent = program.process().made(Call::send);
  send_while_paused(program, requests);
  expect_all_answered(requests);
  step(fmt::format("count the system calls that {} datagrams took, in batches of {}", waiting, batch));
  const unsigned receives = program.process().made(Call::receive) - received,
                 sends = program.process().made(Call::send) - sent;
  if (receives == 0 || sends == 0) {
    story().cannot_judge("the program receives or sends by a system call that the grader does not know",
                         false);
  }
  expect(receives <= most && sends <= most,
         fmt::format("at most {} calls that receive, and as many that send", most),
         fmt::format("{} calls that receive, {} that send", receives, sends));
}

TEST_F(ManyAddresses, batch_keeps_its_datagrams_apart) {
  constexpr std::size_t batch = 8;
  Program& program = start_server(server, "0.0.0.0", {"--batch", std::to_string(batch)});
  UdpPeer one(story(), left, 0), another(story(), left, 0), third(story(), right, 0);
  likely_mistake(
      "In a batch each datagram has its own length, its own sender and its own ancillary data, and needs its "
      "own room for them. All the lengths are to be set anew before each call.");
  expect_echo(one, random.words(1), server.at(port));
  const Frame template_of_junk = await_frames(left_wire, udp.to_port(port), 1, "request").front().frame;
  for (int round = 0; round < 3; ++round) {
    std::vector<Sent> requests = requests_to_all(one, third);
    for (const Sent& more : requests_to_all(another, third)) requests.push_back(more);
    requests.push_back({&another, server.at(port), next_payload(3000)});
    requests.push_back({&another, server.at(port), ""});
    std::ranges::shuffle(requests, random.engine());
    send_while_paused(program, requests);
    expect_all_answered(requests);
  }
  likely_mistake(
      "One datagram of the batch could not be answered: its sender claims port 0. sendmmsg stops there and "
      "says how many went before. That one is to be left out; those behind it wait for their answers.");
  std::vector<Sent> before, behind;
  for (int i = 0; i < 3; ++i) before.push_back({&one, server.at(port), next_payload()});
  for (int i = 0; i < 3; ++i) behind.push_back({&one, server.addresses()[1].with_port(port), next_payload()});
  program.pause();
  send_all(before);
  step("a request arrives whose sender claims port 0, to which nothing can be sent");
  left_wire.inject(from_port_zero(template_of_junk));
  send_all(behind);
  program.resume();
  for (const Sent& request : behind) before.push_back(request);
  expect_all_answered(before);
  program.expect_running();
}

}  // namespace
}  // namespace wirelab
