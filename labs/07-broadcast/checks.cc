// What a broadcast must do and must not do: reach everybody on the network, once, with one frame, and nobody
// else. The names are those of lab.toml, where the points are.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::uint8_t, 6> everybody_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

std::string mac_text(const std::array<std::uint8_t, 6>& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4],
                     mac[5]);
}

//                 segment 10.A.B.0/24                       cable 10.C.D.0/24
//     client ──┬── one ── two ── three ── four ──┬── router ──── far
//       .1     │   .11    .12     .13      .14   │    .254
//
/// Five hosts on a hub, and a router with one more host behind it. Everybody's way out of the network is the
/// router.
class Broadcast : public Check {
 protected:
  explicit Broadcast() {
    for (Host* host : {&client, &one, &two, &three, &four}) host->default_route(near + ".254");
    far.default_route(beyond + ".254");
  }

  Program& start_server(Host& host, const std::string& at = "", std::vector<std::string> more = {},
                        Circumstances how = {}) {
    return start_server(host, port, at, std::move(more), std::move(how));
  }
  Program& start_server(Host& host, std::uint16_t on, const std::string& at,
                        std::vector<std::string> more = {}, Circumstances how = {}) {
    likely_mistake(
        "The server must be bound to the port. HOST '' is every address of the host, 0.0.0.0: to a socket "
        "bound to one address the kernel hands only what was sent to that address.");
    std::vector<std::string> arguments = {"server", at, "-p", std::to_string(on)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(host, arguments, std::move(how)).expect_bound(on);
  }

  Program& start_client(Host& host, const std::string& network, const std::string& said,
                        std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"client", network, "-p", std::to_string(port), said};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(host, arguments);
  }

  /// Sends to that network, and waits for the good end.
  void send(const std::string& network, const std::string& said, std::vector<std::string> more = {}) {
    Program& program = start_client(client, network, said, std::move(more));
    likely_mistake(
        "The client must send the datagram and end. \"Permission denied\" is the kernel's answer to a socket "
        "that has not asked for the permission to broadcast: see SO_BROADCAST in socket(7).");
    program.expect_exit(0);
  }

  /// How many lines of a server hold these bytes.
  static std::size_t heard(const Program& server, const std::string& said) {
    const auto lines = server.process().lines();
    return static_cast<std::size_t>(std::ranges::count_if(
        lines, [&](const Line& line) { return line.text.find(said) != std::string::npos; }));
  }

  /// Sends a server a last datagram of its own: once it has printed that, it has printed all that came
  /// before.
  void flush(Program& server, const Address& at) {
    const std::string last = "and now " + random.words(2);
    UdpPeer peer(story(), server.host(), 0);
    peer.send(last, at);
    server.expect_line({last});
  }

  /// The server prints the message once, with its sender's address.
  void expect_heard_once(Program& server, const std::string& said, const Address& from) {
    likely_mistake(
        "Every server on the network hears the datagram, and prints a line that holds the sender's address "
        "(as recvfrom tells it) and the datagram's bytes, written at once. A server that hears nothing: was "
        "the datagram sent to its port, and is it bound to every address? To a socket bound to one address "
        "the kernel hands only what was sent to that one.");
    server.expect_line({from.to_string(), said});
    flush(server, server.host().at(port));
    likely_mistake(
        "One datagram to everybody is one line of every server. Was it sent more than once, or printed more "
        "than once?");
    expect(heard(server, said) == 1, "one line with \"" + said + "\" on host " + server.host().name(),
           fmt::format("{} lines", heard(server, said)));
  }

  /// The one frame that carries this message on a segment.
  Headers the_frame(const Segment& segment, const std::string& said) {
    const auto frames =
        await_frames(segment, udp.from(client).saying(said), 1, "datagram with \"" + said + "\"");
    return frames.front().frame.headers();
  }

  static std::string with_last(const std::string& network, unsigned last) {
    return fmt::format("{}.{}", network, last);
  }

  const std::string near = fmt::format("10.{}.{}", random.number(1, 120), random.number(0, 254));
  const std::string beyond = fmt::format("10.{}.{}", random.number(121, 250), random.number(0, 254));
  Host& client = net.host("client", near + ".1/24");
  Host& one = net.host("one", near + ".11/24");
  Host& two = net.host("two", near + ".12/24");
  Host& three = net.host("three", near + ".13/24");
  Host& four = net.host("four", near + ".14/24");
  Host& router = net.router("router", near + ".254/24", beyond + ".254/24");
  Host& far = net.host("far", beyond + ".1/24");
  Segment& hub = net.segment({&client, &one, &two, &three, &four, &router});
  Segment& cable = net.link(router, far);
  const std::uint16_t port = random.port();
  const std::string message = random.words(3);
};

TEST_F(Broadcast, every_host_hears_it_once) {
  std::vector<Program*> servers;
  for (Host* host : {&one, &two, &three, &four}) servers.push_back(&start_server(*host));
  send(with_last(near, 255), message);
  const Address from = the_frame(hub, message).source;
  for (Program* server : servers) expect_heard_once(*server, message, from);
}

TEST_F(Broadcast, limited_broadcast_reaches_everybody) {
  std::vector<Program*> servers;
  for (Host* host : {&one, &three}) servers.push_back(&start_server(*host));
  send("255.255.255.255", message);
  const Headers frame = the_frame(hub, message);
  likely_mistake(
      "The address to send to is the one that was given, 255.255.255.255: everybody on this cable.");
  expect(frame.destination.host() == "255.255.255.255", "a datagram to 255.255.255.255",
         "it goes to " + frame.destination.host());
  for (Program* server : servers) expect_heard_once(*server, message, frame.source);
}

TEST_F(Broadcast, prefix_gives_the_broadcast_address) {
  for (const unsigned prefix :
       {24u, static_cast<unsigned>(random.number(17, 23)), static_cast<unsigned>(random.number(25, 30))}) {
    // A network of its own around a random address: nobody else is there, but the datagram tells where it
    // would go. The first bit of the host's part is 0, and so is the first of the last byte, so that no other
    // prefix gives the same.
    const std::uint32_t host_bits = ~std::uint32_t{0} >> prefix;
    const auto network_bits =
        static_cast<std::uint32_t>(0x0a000000u | random.number(1, 250) << 16 | random.number(0, 65535)) &
        ~host_bits & ~0x80u;
    const auto text = [](std::uint32_t address) {
      return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                         address & 255);
    };
    const auto host =
        network_bits | static_cast<std::uint32_t>(random.number(1, host_bits / 2) & ~0x80u) | 1u;
    const std::string expected = text(network_bits | host_bits),
                      network = fmt::format("{}/{}", text(host), prefix);
    Host& alone = net.host(fmt::format("alone-{}", prefix), network);
    Host& listener = net.host(fmt::format("beside-{}", prefix));
    Segment& wire = net.link(alone, listener);
    const std::string words = random.words(3);
    Program& program = start_client(alone, network, words);
    likely_mistake(
        "Of ADDRESS/PREFIX the first PREFIX bits are the network's and stay; all bits after them are one in "
        "the broadcast address. Compute with the address as a number of 32 bits in host byte order (ntohl, "
        "htonl). 10.7.3.9/22 is 10.7.0.0 to 10.7.3.255.");
    program.expect_exit(0);
    const auto frames = await_frames(wire, udp.from(alone).saying(words), 1, "datagram");
    expect(frames.front().frame.headers().destination.host() == expected,
           fmt::format("of {} the broadcast address {}", network, expected),
           "the datagram goes to " + frames.front().frame.headers().destination.host());
  }
  const std::string far_away =
      fmt::format("10.{}.{}.{}", random.number(121, 250), random.number(0, 254), random.number(1, 126));
  struct Extreme {
    std::string network, expected, mistake;
  };
  const std::array<Extreme, 2> extremes = {
      {{far_away + "/32", far_away,
        "A prefix of 32 bits leaves no bit for hosts: none is to be set, and the datagram goes to the address itself. "
        "Is that what your shift does? In C++ a shift of a 32-bit number by 32 is undefined; on most machines it shifts "
        "by 0."},
       {far_away + "/0", "255.255.255.255",
        "A prefix of 0 bits leaves all 32 to the hosts: all are one, and that is 255.255.255.255. In C++ a shift of a "
        "32-bit number by 32 is undefined."}}};
  for (const Extreme& one_case : extremes) {
    const std::string words = random.words(3);
    Program& program = start_client(client, one_case.network, words);
    likely_mistake(one_case.mistake);
    program.expect_exit(0);
    const std::string to = the_frame(hub, words).destination.host();
    expect(to == one_case.expected, fmt::format("of {} the address {}", one_case.network, one_case.expected),
           "the datagram goes to " + to);
  }
  for (const std::string& wrong : {near + ".0/33", near + ".0/", near + ".0/x", near + ".0/24x",
                                   near + ".0/-1", std::string("10.7/16"), random.words(1)}) {
    Program& program = run(client, {"client", wrong, "-p", std::to_string(port), message});
    likely_mistake(
        "What is no IPv4 address, with or without a prefix of 0 to 32 bits, is wrong usage: exit status 2, "
        "and nothing is sent.");
    program.expect_exit(2);
  }
  expect_frames(hub, udp.from(client), extremes.size(), "datagram with good usage");
}

TEST_F(Broadcast, one_frame_reaches_all) {
  start_server(one);
  for (const std::string& text : {message, std::string(), random.words(100)}) {
    const std::size_t before = hub.count(udp.from(client));
    send(with_last(near, 255), text);
    const auto frames = await_frames(hub, udp.from(client), before + 1, "datagram");
    const Headers& frame = frames.back().frame.headers();
    likely_mistake(
        "The message is the datagram's payload as it is: no newline, no zero byte; an empty message is an "
        "empty datagram.");
    expect(
        frame.payload == text && frame.destination.port() == port,
        fmt::format("a datagram of {} bytes to port {}", text.size(), port),
        fmt::format("it has {} bytes and goes to port {}", frame.payload.size(), frame.destination.port()));
    likely_mistake(
        "A broadcast is one frame to ff:ff:ff:ff:ff:ff, which every interface on the cable takes. A datagram "
        "for each neighbour is something else: it reaches only those one knows of.");
    expect(frame.destination_mac == everybody_mac, "a frame to ff:ff:ff:ff:ff:ff",
           "it goes to " + mac_text(frame.destination_mac));
    expect_frames(hub, udp.from(client), before + 1, "datagram");
  }
  likely_mistake("Without a MESSAGE the client sends \"Good morning, everybody!\".");
  Program& program = run(client, {"client", with_last(near, 255), "-p", std::to_string(port)});
  program.expect_exit(0);
  await_frames(hub, udp.from(client).saying("Good morning, everybody!"), 1,
               "datagram with the usual message");
}

TEST_F(Broadcast, without_permission_the_kernel_refuses) {
  for (const std::string& network : {with_last(near, 255), std::string("255.255.255.255"), near + ".0/24"}) {
    Program& program = start_client(client, network, message, {"--no-permission"});
    likely_mistake(
        "With --no-permission the socket does not ask for SO_BROADCAST, and the kernel refuses to send. The "
        "program reports that: operation, address and reason on one line of standard error, and exit status "
        "1.");
    program.expect_exit(1);
    const std::string to = network.starts_with("255") ? network : with_last(near, 255);
    program.expect_error({"send", to + ":" + std::to_string(port), "denied"});
  }
  likely_mistake("What the kernel refused must not be sent in another way.");
  expect_frames(hub, udp.from(client), 0, "datagram");
}

TEST_F(Broadcast, other_ports_and_other_networks_hear_nothing) {
  const auto other_port = static_cast<std::uint16_t>(port + 1);
  Program& here = start_server(one);
  Program& elsewhere = start_server(two, other_port, "");
  Program& beyond_router = start_server(far);
  Program& bound_to_one = start_server(three, with_last(near, 13));
  for (const std::string& network : {with_last(near, 255), std::string("255.255.255.255")}) {
    const std::string words = random.words(4);
    send(network, words);
    expect_heard_once(here, words, the_frame(hub, words).source);
    flush(elsewhere, two.at(other_port));
    likely_mistake(
        "The datagram goes to the port that was asked for, and a server hears its own port alone.");
    expect(heard(elsewhere, words) == 0, "the server on another port hears nothing", "it prints the message");
    flush(bound_to_one, three.at(port));
    likely_mistake(
        "HOST is the address that the server is bound to. To a socket bound to one address the kernel hands only what was "
        "sent to that address, and a broadcast was sent to another one.");
    expect(heard(bound_to_one, words) == 0,
           "the server bound to " + with_last(near, 13) + " alone hears nothing", "it prints the message");
    flush(beyond_router, far.at(port));
    likely_mistake(
        "A broadcast ends at the router, and nobody need send it on: beyond lies another network.");
    expect(heard(beyond_router, words) == 0 && cable.count(udp.containing(words)) == 0,
           "nothing behind the router", "the datagram is there");
  }
}

TEST_F(Broadcast, right_interface_is_used) {
  const std::string left_network = fmt::format("10.251.{}", random.number(0, 254)),
                    right_network = fmt::format("10.252.{}", random.number(0, 254));
  Host& middle = net.host("middle", left_network + ".1/24", right_network + ".1/24");
  Host& left_host = net.host("left", left_network + ".2/24");
  Host& right_host = net.host("right", right_network + ".2/24");
  Segment& left = net.link(middle, left_host);
  Segment& right = net.link(middle, right_host);
  middle.default_route(left_network + ".2");
  struct Case {
    std::string network;
    std::string from;
    Segment* segment;
    std::string source;
  };
  const std::vector<Case> cases = {{left_network + ".255", "", &left, left_network + ".1"},
                                   {right_network + ".0/24", "", &right, right_network + ".1"},
                                   {"255.255.255.255", right_network + ".1", &right, right_network + ".1"},
                                   {"255.255.255.255", left_network + ".1", &left, left_network + ".1"}};
  for (const Case& one_case : cases) {
    const std::string words = random.words(4);
    Program& program =
        start_client(middle, one_case.network, words,
                     one_case.from.empty() ? std::vector<std::string>{}
                                           : std::vector<std::string>{"--from", one_case.from});
    likely_mistake(
        "A host with two interfaces sends a network's broadcast on the interface of that network: the routing "
        "table knows. 255.255.255.255 is everybody on some cable, and only the address that the socket is "
        "bound to (--from) says on which.");
    program.expect_exit(0);
    const auto frames = await_frames(*one_case.segment, udp.from(middle).saying(words), 1, "datagram");
    const std::string source = frames.front().frame.headers().source.host();
    expect(source == one_case.source, "sent from " + one_case.source, "it is from " + source);
    Segment& wrong = one_case.segment == &left ? right : left;
    expect_frames(wrong, udp.from(middle).saying(words), 0, "datagram on the other cable");
  }
}

TEST_F(Broadcast, port_is_shared_when_asked) {
  Program& first = start_server(one, "", {"--share"});
  Program& second = run(one, {"server", "", "-p", std::to_string(port), "--share"});
  Program& third = run(one, {"server", "", "-p", std::to_string(port), "--share"});
  likely_mistake(
      "Several programs may be bound to the same port if every one of them has asked for that before bind: "
      "see SO_REUSEADDR in socket(7). Each is then handed every broadcast.");
  for (Program* server : {&second, &third}) server->expect_bound(port);
  step("wait until three sockets are bound");
  const auto bound = [&] {
    const auto sockets = sockets_in(one, SOCK_DGRAM);
    return std::ranges::count_if(sockets,
                                 [&](const BoundSocket& socket) { return socket.local.port() == port; });
  };
  story().wait(Clock::now() + patience, [&](Clock::time_point) {
    std::this_thread::sleep_for(2ms);
    return bound() == 3 || second.process().exit() || third.process().exit();
  });
  expect(bound() == 3, "three servers on the same port", fmt::format("{} sockets are bound to it", bound()));
  send(with_last(near, 255), message);
  const Address from = the_frame(hub, message).source;
  for (Program* server : {&first, &second, &third}) {
    server->expect_line({from.to_string(), message});
    expect(heard(*server, message) == 1, "one line in every server",
           fmt::format("{} lines in one", heard(*server, message)));
  }
  start_server(two);
  Program& late = run(two, {"server", "", "-p", std::to_string(port)});
  likely_mistake(
      "Without --share the port is the first server's alone, and the second one reports that it is in use, "
      "with exit status 1.");
  late.expect_exit(1);
  late.expect_error({"bind", ":" + std::to_string(port), "in use"});
}

TEST_F(Broadcast, server_hears_on_every_interface) {
  Program& server = start_server(router);
  UdpPeer outside(story(), far, 0);
  int on = 1;
  must(setsockopt(outside.fd(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on), "setsockopt SO_BROADCAST");
  send(with_last(near, 255), message);
  const Address from = the_frame(hub, message).source;
  expect_heard_once(server, message, from);
  const std::string words = random.words(4);
  outside.send(words, Address::numeric(beyond + ".255", port));
  likely_mistake("A server on '' hears what comes in by any interface of its host.");
  server.expect_line({outside.local().to_string(), words});
}

TEST_F(Broadcast, server_goes_on_whatever_comes) {
  Program& server = start_server(one, "", {}, {.watched = {Call::receive}});
  UdpPeer peer(story(), two, 0);
  const auto expect_service = [&] {
    const std::string words = random.words(3);
    peer.send(words, one.at(port));
    server.expect_line({peer.local().to_string(), words});
  };
  likely_mistake(
      "An empty datagram is a datagram, and no end of anything: recvfrom returns 0, and the next one comes.");
  peer.send("", one.at(port));
  expect_service();
  likely_mistake("The largest datagram holds 65,507 bytes; in a smaller buffer its rest is lost.");
  const std::string large = std::string(65000, 'x') + random.words(1);
  peer.send(large, one.at(port));
  server.expect_line({large.substr(64000)});
  likely_mistake(
      "A call that a signal interrupted (EINTR) has received nothing: that is no datagram and no reason to "
      "end.");
  server.inject(interrupt(Call::receive));
  server.repeat_until_struck(Call::receive, 1, expect_service);
  expect_service();
  server.expect_running();
}

// ---- stretch
// ------------------------------------------------------------------------------------------------------------

TEST_F(Broadcast, discover_lists_every_answer_once) {
  for (Host* host : {&one, &two, &three}) start_server(*host);
  UdpPeer oddity(story(), four, Address::numeric("0.0.0.0", port));
  Program& program =
      run(client, {"discover", with_last(near, 255), "-p", std::to_string(port), "--window", "3"});
  likely_mistake("discover sends the question \"Who is there?\" to everybody, once.");
  const auto question = oddity.expect_datagram();
  expect(question.bytes == "Who is there?", "the question \"Who is there?\"",
         "it is \"" + question.bytes + "\"");
  UdpPeer stranger(story(), four, 0);
  stranger.send("something else", question.from);
  for (int i = 0; i < 3; ++i) oddity.send("I am here, thrice", question.from);
  likely_mistake(
      "Every server that hears the question answers whoever asked, and nobody else, with \"I am here\".");
  for (Host* host : {&one, &two, &three}) {
    const auto answers = await_frames(hub, udp.from(*host).from_port(port).to(question.from), 1,
                                      "answer of host " + host->name());
    expect(answers.front().frame.headers().payload.starts_with("I am here"),
           "an answer that begins with \"I am here\"",
           "it is \"" + answers.front().frame.headers().payload + "\"");
  }
  program.expect_exit(0);
  likely_mistake(
      "discover lists who answered, one line with the address for each, however often the same one answers. "
      "What does not begin with \"I am here\" is no answer.");
  for (Host* host : {&one, &two, &three, &four}) {
    const std::string name = host->at(port).to_string();
    expect(heard(program, name) == 1, "one line with " + name, fmt::format("{} lines", heard(program, name)));
  }
  expect(heard(program, stranger.local().to_string()) == 0, "who sends something else is not listed",
         "it is");
  likely_mistake("The question is asked once.");
  expect_frames(hub, udp.from(client).saying("Who is there?"), 1, "question");
}

TEST_F(Broadcast, discover_keeps_its_window) {
  UdpPeer quick(story(), one, Address::numeric("0.0.0.0", port)), late(story(), two, port);
  const auto window = std::chrono::milliseconds(random.number(500, 900));
  Program& program = run(client, {"discover", with_last(near, 255), "-p", std::to_string(port), "--window",
                                  fmt::format("{:.3f}", static_cast<double>(window.count()) / 1000)});
  const auto question = quick.expect_datagram();
  const auto asked = hub.frames(udp.from(client)).front().time;
  quick.send("I am here", question.from);
  step("junk arrives all the time");
  while (!program.process().exit() && Clock::now() < asked + window + 2s) {
    late.send("junk", question.from);
    std::this_thread::sleep_for(50ms);
  }
  likely_mistake(
      "The window ends when its time is up, however much comes in: fix the moment when it ends, and each time "
      "wait for what is left. A wait that begins anew with every datagram may never end; one that ends with "
      "the first answer misses the others.");
  program.expect_exit(0);
  const auto took = program.process().exit()->time - asked;
  expect_time(took, window - 20ms, window + 1500ms, machine_delay(asked, program),
              fmt::format("an end about {} ms after the question", window.count()),
              fmt::format("it ended after {} ms", took / 1ms));
  program.expect_line({one.at(port).to_string()});
  expect(heard(program, two.at(port).to_string()) == 0, "who sends something else is not listed", "it is");
  likely_mistake("When nobody answers, that is an error: exit status 1.");
  Program& alone =
      run(client, {"discover", with_last(near, 255), "-p", std::to_string(port + 1), "--window", "0.2"});
  alone.expect_exit(1);
}

TEST_F(Broadcast, multicast_reaches_those_who_joined) {
  const std::string group =
      fmt::format("239.{}.{}.{}", random.number(1, 250), random.number(1, 250), random.number(1, 250));
  Program& member = start_server(one, "", {"--group", group});
  Program& other = start_server(three, "", {"--group", group});
  Program& stranger = start_server(two);
  likely_mistake(
      "With --group the server joins the group (IP_ADD_MEMBERSHIP): its host then tells the routers so, by "
      "IGMP.");
  const Match joins([&](const Frame& frame) {
    return frame.headers().destination_mac[0] == 0x01 && frame.headers().protocol == Headers::Protocol::other;
  });
  for (Host* host : {&one, &three})
    await_frames(hub, joins.from(*host), 1, "IGMP report of host " + host->name());
  send(group, message);
  const Headers frame = the_frame(hub, message);
  likely_mistake(
      "A multicast goes to the group's own hardware address, 01:00:5e and the last 23 bits of the group: only "
      "those who joined take it in.");
  expect(frame.destination.host() == group && frame.destination_mac[0] == 0x01, "a datagram to " + group,
         "it goes to " + frame.destination.host());
  expect_heard_once(member, message, frame.source);
  expect_heard_once(other, message, frame.source);
  flush(stranger, two.at(port));
  expect(heard(stranger, message) == 0, "who has not joined hears nothing", "host two prints the message");
}

}  // namespace
}  // namespace wirelab
