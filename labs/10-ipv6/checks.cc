// What a program must do that speaks two families: serve both at once, write addresses as they are written,
// and get through to a name of which some addresses are dead. The names are those of lab.toml, where the
// points are.

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <thread>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

/// Whether the text stands in the line by itself: `10.1.1.2:4711` does not in `::ffff:10.1.1.2:4711`.
bool names(std::string_view line, std::string_view text) {
  const auto belongs = [](char c, std::string_view others) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || others.find(c) != std::string_view::npos;
  };
  for (auto at = line.find(text); at != std::string_view::npos; at = line.find(text, at + 1)) {
    const auto end = at + text.size();
    const bool begins = at == 0 || !belongs(line[at - 1], ":.%[");
    const bool ends = end == line.size() || !belongs(line[end], "%]");
    if (begins && ends) return true;
  }
  return false;
}

std::string without_prefix_length(const std::string& address) { return address.substr(0, address.find('/')); }

/// What all checks of this lab do. Networks are drawn from the prefix for documentation (RFC 3849), whose
/// addresses are sorted before IPv4 by every getaddrinfo; private ones (fd00::/8) are not by some.
class Ipv6Lab : public Check {
 protected:
  std::string v6(std::uint64_t of_subnet, std::uint64_t host) const {
    return fmt::format("2001:db8:{:x}:{:x}::{:x}", site, of_subnet, host);
  }

  Program& start_server(const Host& host, const std::string& at, Circumstances how = {}) {
    return run(host, {"server", at, "-p", std::to_string(port)}, std::move(how)).expect_listening(port);
  }

  Program& start_client(const Host& host, const std::string& to, Circumstances how = {},
                        const std::vector<std::string>& options = {}) {
    return start_client(host, to, port, std::move(how), options);
  }

  Program& start_client(const Host& host, const std::string& to, std::uint16_t to_port, Circumstances how,
                        const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"client", to, "-p", std::to_string(to_port), message};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(host, arguments, std::move(how));
  }

  /// A program that knows this name, with these addresses in any order; and that soon hears that nobody knows
  /// another.
  Circumstances knowing(const std::string& host, std::vector<std::string> addresses) {
    std::ranges::shuffle(addresses, random.engine());
    std::string hosts = "127.0.0.1 localhost\n";
    for (const std::string& address : addresses) hosts += address + " " + host + "\n";
    std::string list;
    for (const std::string& address : addresses) list += (list.empty() ? "" : ", ") + address;
    if (!addresses.empty()) step(fmt::format("the name {} stands for {}", host, list));
    return {.files = {{"/etc/hosts", hosts},
                      {"/etc/host.conf", "multi on\n"},
                      {"/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"}}};
  }

  /// A line of standard output names this address, written exactly so. Waits for it.
  void expect_named(Program& program, const std::string& text) {
    step(fmt::format("{}: it prints a line that names {}", program.host().name(), text));
    const auto deadline = Clock::now() + patience;
    for (std::size_t seen = 0; program.process().wait_for_lines(seen, deadline); ++seen) {
      if (names(program.process().lines()[seen].text, text)) return;
    }
    story().fail("a line on standard output that names " + text, nearest_line(program, text));
  }

  /// Connects, from one of the host's addresses where the kernel could choose another. A server with a socket
  /// for each family may listen in one of them a little sooner: a refusal is no answer as long as there is
  /// time.
  TcpPeer reach(const Host& from, const Address& to, const std::optional<Address>& source = std::nullopt) {
    step(fmt::format("{}: connect{} to {}", from.name(), source ? " from " + source->host() : "",
                     to.to_string()));
    Descriptor fd;
    int error = ETIMEDOUT;
    story().wait(Clock::now() + patience, [&](Clock::time_point until) {
      fd.reset();  // first, as it may hold the very port that the next one wants
      fd = begin_to_connect(from, to, source);
      pollfd ready{fd.get(), POLLOUT, 0};
      const auto left = std::max(until - Clock::now(), Clock::duration::zero());
      if (poll(&ready, 1, static_cast<int>(left / 1ms) + 1) <= 0) return false;
      socklen_t size = sizeof error;
      must(getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt SO_ERROR");
      if (error == 0 && (ready.revents & POLLHUP) != 0) error = ECONNREFUSED;  // told by connect already
      if (error == ECONNREFUSED) std::this_thread::sleep_for(2ms);
      return error != ECONNREFUSED;
    });
    if (error != 0) {
      story().fail("a connection to " + to.to_string(),
                   "the connection failed: " + std::generic_category().message(error));
    }
    return {story(), from.name(), std::move(fd)};
  }

  /// A port for the check's own end, a new one each time. Its two bytes differ, so that swapping them shows.
  std::uint16_t telling_port() {
    const auto drawn = static_cast<std::uint16_t>(random.number(33000, 60000));
    const bool tells = drawn >> 8 != (drawn & 0xff) && own_ports.insert(drawn).second;
    return tells ? drawn : telling_port();
  }

  /// Something goes there and comes back.
  void expect_service(TcpPeer& peer) {
    const std::string text = random.words(3);
    peer.send(text);
    peer.expect_receive(text);
  }

  /// The client has connected here: it sends its message and no more, prints where it is connected to and
  /// what comes back, and is done.
  void expect_conversation(TcpListener& listener, Program& program, const std::string& named) {
    TcpPeer peer = listener.accept();
    finish_conversation(peer, program, named);
  }

  void finish_conversation(TcpPeer& peer, Program& program, const std::string& named) {
    likely_mistake(
        "The client sends the message as it is, with no newline or zero byte behind it, over the first "
        "connection that it gets, and makes no other.");
    peer.expect_receive(message);
    answer(peer, program, named);
  }

  void answer(TcpPeer& peer, Program& program, const std::string& named) {
    likely_mistake(
        "After its message the client half-closes (shutdown): it has no more to say, and still listens.");
    peer.expect_end();
    // In two pieces: whoever takes the first for all of it has then ended, or closed.
    const std::size_t half = message.size() / 2;
    send_and_let_it_be_taken(peer, program.host(), message.substr(0, half));
    peer.send(message.substr(half));
    peer.close();
    likely_mistake(
        "The client prints a line with the address that it is connected to, one with what came back, up to "
        "the end of the stream (one recv may bring a part), and exits with status 0.");
    program.expect_exit(0);
    program.expect_line({message});
    likely_mistake(how_addresses_are_written);
    expect_named(program, named);
  }

  /// The places to which SYNs went, each once, in the order of the first.
  std::vector<Address> tried(const Segment& cable, const Host& by) {
    std::vector<Address> places;
    for (const CapturedFrame& one : cable.frames(syn.from(by))) {
      const Address& to = one.frame.headers().destination;
      if (std::ranges::find(places, to) == places.end()) places.push_back(to);
    }
    return places;
  }

  static std::string list(const std::vector<Address>& addresses) {
    std::string text;
    for (const Address& one : addresses) text += (text.empty() ? "" : ", ") + one.to_string();
    return text.empty() ? "none" : text;
  }

  static constexpr const char* how_addresses_are_written =
      "An address with its port is written 10.10.0.2:1060 or [fd00::1]:1060: IPv6 in brackets, as its own "
      "colons could not be told from that before the port. An address that ends too early, or in other groups "
      "than were sent, was put into a structure or a text buffer that has room for IPv4 alone; or the bytes "
      "of its groups were taken in the wrong order.";

  static constexpr const char* serves_both =
      "A server on '' is to serve both families, and in one of them it does not listen, or not at all. Either "
      "its socket is an IPv4 one (the first address that getaddrinfo has for a passive socket is 0.0.0.0), or "
      "an IPv6 one for IPv6 only. One dual-stack socket will do, or one socket for each family; which it is "
      "to be is settled before bind.";

  static constexpr const char* ports_are_in_network_order =
      "The address is right, but the port is not: in the structure it is in network order, and is to be "
      "turned (ntohs).";

  const std::uint64_t site = random.number(0x1000, 0xfffe);
  const std::uint64_t subnet = random.number(0x1000, 0x7ffe);
  const std::uint16_t port = random.port();
  const std::string message = random.words(3);
  const std::string name = random.words(1) + "-host.example";
  std::set<std::uint16_t> own_ports;

 private:
  static Descriptor begin_to_connect(const Host& from, const Address& to,
                                     const std::optional<Address>& source) {
    const auto inside = from.visit();
    Descriptor fd(must(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    if (source) must(bind(fd.get(), source->data(), *source->size()), "bind", source->to_string());
    if (::connect(fd.get(), to.data(), *to.size()) != 0 && errno != EINPROGRESS && errno != ECONNREFUSED) {
      throw_errno("connect", to.to_string());
    }
    return fd;
  }

  /// The line that has the same port at its end, or else the last one: for messages.
  static std::string nearest_line(const Program& program, const std::string& text) {
    const std::vector<Line> lines = program.process().lines();
    if (lines.empty()) return "it printed no line";
    const std::string ending = text.substr(text.find_last_of(":") + 1);  // all of it where there is no colon
    for (const Line& line : lines) {
      if (line.text.find(ending) != std::string::npos) return "it printed \"" + line.text + "\"";
    }
    return fmt::format("the last of {} lines is \"{}\"", lines.size(), lines.back().text);
  }
};

/// A client and a server on one cable, each with an address of either family.
class Ipv6 : public Ipv6Lab {
 protected:
  std::vector<std::string> v4 = random.neighbours();
  const Address client_v4 = Address::numeric(without_prefix_length(v4[0]), 0);
  const Address server_v4 = Address::numeric(without_prefix_length(v4[1]), port);
  const Address client_v6 = Address::numeric(v6(subnet, random.number(0x100, 0x7fff)), 0);
  const Address server_v6 = Address::numeric(v6(subnet, random.number(0x8000, 0xffff)), port);
  Host& client = net.host("client", v4[0] + " " + client_v6.host() + "/64");
  Host& server = net.router("server", v4[1] + " " + server_v6.host() + "/64");
  Segment& wire = net.link(client, server);
};

// ---- the server -----------------------------------------------------------------------------------------

TEST_F(Ipv6, both_families_are_served_at_once) {
  server.sysctl("ipv6/bindv6only", "0");
  likely_mistake(serves_both);
  Program& program = start_server(server, "");
  TcpPeer by_v4 = reach(client, server_v4);
  TcpPeer by_v6 = reach(client, server_v6);
  likely_mistake(
      "Both clients are there at the same time, and each gets back what it sent: neither has to wait for the "
      "end of the other.");
  expect_service(by_v6);
  expect_service(by_v4);
  expect_service(by_v6);
  by_v4.half_close();
  by_v4.expect_end();
  expect_service(by_v6);
  TcpPeer another = reach(client, server_v4);
  expect_service(another);
  by_v6.half_close();
  by_v6.expect_end();
  program.expect_running();
}

TEST_F(Ipv6, ipv4_clients_are_shown_as_ipv4) {
  likely_mistake(serves_both);
  Program& program = start_server(server, "");
  for (int i = 0; i < 2; ++i) {
    likely_mistake(serves_both);
    const TcpPeer peer = reach(client, server_v4, client_v4.with_port(telling_port()));
    likely_mistake(
        "On a socket that serves both families, a client that came over IPv4 has an IPv4-mapped address, "
        "::ffff:10.1.1.2. That is how the kernel fits it into the larger structure; people know it as "
        "10.1.1.2, and so it is to be shown, without brackets.");
    expect_named(program, peer.local().host());
    likely_mistake(ports_are_in_network_order);
    expect_named(program, peer.local().to_string());
  }
}

TEST_F(Ipv6, ipv6_clients_are_shown_whole) {
  // No group is zero and all are different: the longest address there is, and nothing of it can be missing
  // unnoticed.
  std::string source = "fd" + fmt::format("{:x}", random.number(0x10, 0xff));
  for (std::uint64_t i = 1; i < 8; ++i)
    source += fmt::format(":{:x}", 0x1000 * (i + 1) + random.number(0, 0xfff));
  client.add_address("eth0", source + "/128");
  server.route("fd00::/8", client_v6.host());
  likely_mistake(serves_both);
  Program& program = start_server(server, "");
  const TcpPeer plain = reach(client, server_v6, client_v6.with_port(telling_port()));
  const TcpPeer longest = reach(client, server_v6, Address::numeric(source, telling_port()));
  for (const TcpPeer* peer : {&plain, &longest}) {
    likely_mistake(how_addresses_are_written);
    expect_named(program, "[" + peer->local().host() + "]");
    likely_mistake(ports_are_in_network_order);
    expect_named(program, peer->local().to_string());
  }
}

TEST_F(Ipv6, addresses_are_written_as_rfc_5952_says) {
  struct Case {
    std::string text, rule;
  };
  const auto large = [this] { return fmt::format("{:x}", random.number(0xa000, 0xffff)); };
  const auto small = [this] { return fmt::format("{:x}", random.number(0xa, 0xf)); };
  const std::string start = "2001:db8:";
  const std::vector<Case> cases = {
      {start + large() + ":" + small() + "0:" + small() + ":" + large() + ":" + small() + "00:" + small(),
       "Each group is written without leading zeros, and in lower case; the first of its two bytes is the "
       "upper half."},
      {start + large() + ":0:" + large() + ":" + small() + ":" + large() + ":" + small(),
       "One zero group alone is written as 0: the two colons stand for two groups at least (section 4.2.2)."},
      {start + ":" + large() + ":0:0:" + small(),
       "Of several runs of zeros that are equally long, the first is shortened (section 4.2.3)."},
      {start + "0:0:" + large() + "::",
       "The longest run of zeros is shortened, and no other (section 4.2.3); it may stand at the end."},
      {start + large() + ":0:" + small() + "::" + small(),
       "The longest run of zeros is shortened, and no other, be it the first or not (section 4.2.3)."},
      {start + small() + "::" + large(), "A run of zeros is shortened as far as it goes (section 4.2.1)."},
  };
  server.route("2001:db8::/32", client_v6.host());
  for (const Case& one : cases) {
    if (Address::numeric(one.text, 0).host() != one.text)
      throw std::logic_error("not as RFC 5952 says: " + one.text);
    client.add_address("eth0", one.text + "/128");
  }
  Program& program = start_server(server, "");
  for (const Case& one : cases) {
    likely_mistake(
        "An IPv6 address has one way to be written (RFC 5952), so that it can be searched for and "
        "compared. " +
        one.rule);
    const TcpPeer peer = reach(client, server_v6, Address::numeric(one.text, 0));
    expect_named(program, peer.local().to_string());
  }
  likely_mistake(
      "The two colons may stand at the beginning of the text: ::1 is 2 colons and a 1, and nothing before "
      "them.");
  const TcpPeer itself = reach(server, Address::numeric("::1", port));
  expect_named(program, itself.local().to_string());
}

TEST_F(Ipv6, server_listens_only_where_it_was_told) {
  const Address other = Address::numeric(v6(subnet, random.number(1, 0xff)), port);
  server.add_address("eth0", other.host() + "/64");
  {
    likely_mistake(
        "A server on an IPv6 address is bound to that address: clients reach it there, and nowhere else.");
    Program& program = start_server(server, server_v6.host());
    TcpPeer peer = reach(client, server_v6);
    expect_service(peer);
    expect_refusal(client, other);
    expect_refusal(client, server_v4);
    likely_mistake(how_addresses_are_written);
    expect_named(program, server_v6.to_string());
    program.kill();
  }
  {
    likely_mistake("A server on an IPv4 address is bound to that address, and takes no IPv6 connections.");
    Program& program = start_server(server, server_v4.host());
    TcpPeer peer = reach(client, server_v4);
    expect_service(peer);
    expect_refusal(client, server_v6);
    likely_mistake(how_addresses_are_written);
    expect_named(program, server_v4.to_string());
  }
  likely_mistake(
      "Port 0 lets the kernel choose. Which port that is, tells getsockname after bind, and it is that one "
      "which is to be printed.");
  Program& program = run(client, {"server", client_v6.host(), "-p", "0"});
  const Address real = program.await_listener();
  expect_named(program, real.to_string());
}

TEST_F(Ipv6, setting_of_the_machine_does_not_matter) {
  step("on this machine new IPv6 sockets are for IPv6 only (/proc/sys/net/ipv6/bindv6only is 1)");
  server.sysctl("ipv6/bindv6only", "1");
  likely_mistake(
      "Whether an IPv6 socket takes IPv4 as well is a setting of the machine, unless the program says which "
      "it wants: IPV6_V6ONLY, 0 or 1, before bind. A program that relies on the setting works at home and not "
      "elsewhere.");
  Program& first = start_server(server, "");
  {
    TcpPeer by_v6 = reach(client, server_v6);
    TcpPeer by_v4 = reach(client, server_v4);
    expect_service(by_v4);
    expect_service(by_v6);
  }
  first.kill();

  step("on this machine new IPv6 sockets take IPv4, too (bindv6only is 0)");
  server.sysctl("ipv6/bindv6only", "0");
  likely_mistake(
      "A server on :: is for IPv6, and leaves IPv4 alone, so that another may have the port there: "
      "IPV6_V6ONLY set to 1 before bind.");
  start_server(server, "::");
  TcpPeer by_v6 = reach(client, server_v6);
  expect_service(by_v6);
  expect_refusal(client, server_v4);
  step("so another server can have the same port for IPv4");
  Program& second = run(server, {"server", "0.0.0.0", "-p", std::to_string(port)});
  expect_named(second, fmt::format("0.0.0.0:{}", port));
  TcpPeer by_v4 = reach(client, server_v4);
  expect_service(by_v4);
}

/// Hosts that have addresses of one family alone.
TEST_F(Ipv6Lab, host_without_ipv4_works) {
  const Address server_v6 = Address::numeric(v6(subnet, random.number(0x8000, 0xffff)), port);
  Host& client = net.host("client", v6(subnet, random.number(0x100, 0x7fff)) + "/64");
  Host& server = net.host("server", server_v6.host() + "/64");
  Segment& wire = net.link(client, server);
  likely_mistake("These hosts have no IPv4 address. The server has to listen on an IPv6 socket as well.");
  Program& program = start_server(server, "");
  TcpPeer peer = reach(client, server_v6);
  expect_service(peer);
  likely_mistake(
      "The name has an IPv4 address, too, which leads nowhere from here: the client must get through by the "
      "other.");
  Program& caller = start_client(
      client, name,
      knowing(name,
              {fmt::format("10.{}.0.{}", random.number(1, 200), random.number(1, 200)), server_v6.host()}));
  caller.expect_exit(0);
  caller.expect_line({message});
  likely_mistake(how_addresses_are_written);
  expect_named(caller, server_v6.to_string());
  const auto request =
      await_frames(wire, with_payload.from(client).containing(message), 1, "frame with the message");
  expect_named(program, request.back().frame.headers().source.to_string());
}

TEST_F(Ipv6Lab, machine_without_ipv6_works) {
  const std::vector<std::string> address = random.neighbours();
  const Address server_v4 = Address::numeric(without_prefix_length(address[1]), port);
  const Address server_v6 = Address::numeric(v6(subnet, random.number(0x8000, 0xffff)), port);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  net.link(client, server);
  step("these machines have no IPv6: such a socket cannot be had (EAFNOSUPPORT)");
  likely_mistake(
      "A kernel may have no IPv6 at all; then socket fails with EAFNOSUPPORT for this family. A server on '' "
      "serves whichever families there are, so it goes on with IPv4.");
  Program& program = start_server(server, "", {.without_ipv6 = true});
  TcpPeer peer = reach(client, server_v4);
  expect_service(peer);
  expect_named(program, peer.local().to_string());

  Circumstances how = knowing(name, {server_v4.host(), server_v6.host()});
  how.without_ipv6 = true;
  likely_mistake(
      "Of the name's addresses one is of a family that this machine does not have. The other one works.");
  Program& caller = start_client(client, name, how);
  caller.expect_exit(0);
  caller.expect_line({message});
  expect_named(caller, server_v4.to_string());

  likely_mistake(
      "With no other address left, the client reports which one it could not reach, and why, and exits with "
      "status 1.");
  Program& lost = start_client(client, server_v6.host(), {.without_ipv6 = true});
  lost.expect_exit(1);
  lost.expect_error({server_v6.to_string()});
}

// ---- the client -----------------------------------------------------------------------------------------

/// The same address as nobody should write it, but everybody must read: all groups, all zeros, capital
/// letters.
std::string written_out(const Address& address) {
  const auto& bytes = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr.s6_addr;
  std::string text;
  for (std::size_t i = 0; i < 16; i += 2)
    text += fmt::format("{}{:02X}{:02X}", i == 0 ? "" : ":", bytes[i], bytes[i + 1]);
  return text;
}

TEST_F(Ipv6, client_takes_numbers_of_every_form) {
  TcpListener by_v4(story(), server, server_v4);
  TcpListener by_v6(story(), server, server_v6);
  likely_mistake(
      "HOST is an IPv4 or IPv6 address, in any of the forms that are allowed for it: getaddrinfo reads them "
      "all, and tells the family. The socket has to be of that family.");
  expect_conversation(by_v4, start_client(client, server_v4.host()), server_v4.to_string());
  likely_mistake(
      "HOST is an IPv6 address. Whoever asks getaddrinfo for one family alone does not get it (ai_family); "
      "the socket has to be of the family that was found; and the address is longer than an IPv4 one, as long "
      "as ai_addrlen says.");
  expect_conversation(by_v6, start_client(client, server_v6.host()), server_v6.to_string());
  likely_mistake(
      "This is the same address as before, written out in full. It is read as it stands, and printed as RFC "
      "5952 says.");
  expect_conversation(by_v6, start_client(client, written_out(server_v6)), server_v6.to_string());
  step("an IPv4-mapped address: the packets that cross the cable are IPv4");
  expect_conversation(by_v4, start_client(client, "::ffff:" + server_v4.host()), server_v4.to_string());
}

/// A name with four addresses, nearer ones before farther ones, IPv6 before IPv4: by rules 6 and 9 of RFC
/// 6724, so that every getaddrinfo sorts them in this way, whatever their order in /etc/hosts.
///
///   near   on the client's own subnet   ..:S::        64 bits in common with the client's address
///   middle one bit beside it            ..:S^1::      63
///   far                                 ..:S^8000::   48
///   v4
TEST_F(Ipv6, dead_addresses_are_passed_over_in_order) {
  const Address near = server_v6;
  const Address middle = Address::numeric(v6(subnet ^ 1, random.number(1, 0xffff)), port);
  const Address far = Address::numeric(v6(subnet ^ 0x8000, random.number(1, 0xffff)), port);
  server.add_address("eth0", far.host() + "/128");
  client.route("2001:db8::/32", server_v6.host());  // and the server knows no way to `middle`, and says so
  const std::vector<std::string> addresses = {near.host(), middle.host(), far.host(), server_v4.host()};

  step(fmt::format("{} refuses, {} is unreachable, the others listen", near.host(), middle.host()));
  TcpListener at_far(story(), server, far);
  TcpListener at_v4(story(), server, server_v4);
  Program& program = start_client(client, name, knowing(name, addresses));
  likely_mistake(
      "The name has four addresses. The client is to connect to the first that works, in the order of "
      "getaddrinfo: an address that fails, for whatever reason (refused, unreachable, no route), is passed "
      "over, and the next one gets its turn. Here it stopped too early, or went elsewhere; what crossed the "
      "cable tells where.");
  expect_conversation(at_far, program, far.to_string());
  likely_mistake(
      "getaddrinfo returns the addresses sorted, the most promising first (RFC 6724). They are tried one "
      "after the other in this order, each once, up to the first that works; what comes after that is not "
      "tried.");
  step("on the cable: the attempts came in order");
  const std::vector<Address> first = {near, middle, far};
  expect(tried(wire, client) == first, "attempts at " + list(first),
         "there were attempts at " + list(tried(wire, client)));

  const auto other = static_cast<std::uint16_t>(port + 1);
  step(fmt::format("at port {} only IPv4 is there", other));
  TcpListener last(story(), server, server_v4.with_port(other));
  Program& again = start_client(client, name, other, knowing(name, addresses));
  likely_mistake(
      "The next address may be of the other family: each attempt needs a socket of the family of its "
      "address.");
  expect_conversation(last, again, server_v4.with_port(other).to_string());
  step("on the cable: all four were tried, in order");
  std::vector<Address> all = first;
  for (const Address& one : {near, middle, far, server_v4}) all.push_back(one.with_port(other));
  likely_mistake("The addresses are tried in the order in which getaddrinfo returned them.");
  expect(tried(wire, client) == all, "attempts at " + list(all),
         "there were attempts at " + list(tried(wire, client)));
}

/// Two cables, and behind both the same link-local address:
///
///   other fe80::S ----- eth0 client eth1 ----- fe80::S server
TEST_F(Ipv6Lab, link_local_address_goes_out_of_its_interface) {
  const Address there = Address::numeric(fmt::format("fe80::{:x}", random.number(0x100, 0xffff)), port);
  Host& client = net.host("client", v6(subnet, 1) + "/64 fe80::1/64", v6(subnet ^ 1, 1) + "/64 fe80::2/64");
  Host& other = net.host("other", v6(subnet, 2) + "/64 " + there.host() + "/64");
  Host& server = net.host("server", v6(subnet ^ 1, 2) + "/64 " + there.host() + "/64");
  Segment& wrong = net.link(client, other);
  Segment& right = net.link(client, server);
  likely_mistake(
      "A link-local address is valid on one link only, and exists on every link anew: it goes with its "
      "interface, behind a %, both when it is read (the scope that getaddrinfo found, sin6_scope_id) and when "
      "it is printed.");
  Program& program = start_server(server, there.host() + "%eth0");
  const auto with_scope = [](const Address& address, const std::string& interface) {
    return fmt::format("[{}%{}]:{}", address.host(), interface, address.port());
  };
  expect_named(program, with_scope(there, "eth0"));
  Program& caller = start_client(client, there.host() + "%eth1");
  caller.expect_exit(0);
  caller.expect_line({message});
  expect_named(caller, with_scope(there, "eth1"));
  const auto request = await_frames(right, syn.from(client), 1, "SYN");
  expect_named(program, with_scope(request.front().frame.headers().source, "eth0"));
  expect_frames(wrong, tcp, 0, "TCP frame on the other link");
}

TEST_F(Ipv6, errors_name_the_address_that_was_tried) {
  {
    Program& program = start_client(client, name, knowing(name, {server_v4.host(), server_v6.host()}));
    likely_mistake(
        "None of the name's addresses worked. The message should say which were tried and why each failed: "
        "the name alone does not tell whether it was IPv4 or IPv6 that is broken.");
    program.expect_exit(1);
    program.expect_error({server_v6.to_string(), "refused"});
    program.expect_error({server_v4.to_string()});
  }
  {
    likely_mistake(
        "For a name that nobody knows getaddrinfo returns an error (gai_strerror has the words for it) and no "
        "address. The message names the name, and the client is done at once.");
    const std::string unknown = "no-such-" + random.words(1) + ".example";
    Program& program = start_client(client, unknown, knowing(name, {server_v4.host()}));
    program.expect_exit(1);
    program.expect_error({unknown});
  }
  {
    likely_mistake(
        "A link-local address without its interface leads nowhere: connect refuses it, and the message names "
        "it.");
    const Address somewhere = Address::numeric(fmt::format("fe80::{:x}", random.number(0x100, 0xffff)), port);
    Program& program = start_client(client, somewhere.host());
    program.expect_exit(1);
    program.expect_error({somewhere.to_string()});
  }
  {
    likely_mistake(
        "As many bytes came back as were sent, but other ones: that is no echo. The client compares, and exits "
        "with status 1.");
    TcpListener listener(story(), server, server_v6);
    Program& program = start_client(client, server_v6.host());
    TcpPeer peer = listener.accept();
    peer.expect_receive(message);
    peer.expect_end();
    std::string other = message;
    other.back() = other.back() == 'x' ? 'y' : 'x';
    peer.send(other);
    peer.close();
    program.expect_exit(1);
  }
  likely_mistake("When bind fails, the message names the address and the reason, and the exit status is 1.");
  const Address elsewhere = Address::numeric(v6(subnet, random.number(1, 0xff)), port);
  Program& program = run(server, {"server", elsewhere.host(), "-p", std::to_string(port)});
  program.expect_exit(1);
  program.expect_error({elsewhere.to_string(), "assign"});
  step("somebody else has the port already, for IPv4");
  const TcpListener occupied(story(), server, Address::numeric("0.0.0.0", port));
  Program& both = run(server, {"server", "", "-p", std::to_string(port)});
  likely_mistake(
      "A server on '' needs the port for both families. Where one of them is taken, it must say so and end, "
      "not serve half of its clients.");
  both.expect_exit(1);
  both.expect_error({fmt::format(":{}", port), "in use"});
}

// ---- stretch --------------------------------------------------------------------------------------------

TEST_F(Ipv6, black_holed_ipv6_costs_a_quarter_of_a_second) {
  const Address far = Address::numeric(v6(subnet ^ 0x8000, random.number(1, 0xffff)), port);
  client.route("2001:db8::/32", server_v6.host());
  step("the cable loses everything over IPv6 without a word");
  wire.rule(drop(tcp.to(server_v6.with_port(0)) || tcp.to(far.with_port(0))));
  TcpListener listener(story(), server, server_v4);
  Program& program = start_client(
      client, name, knowing(name, {server_v6.host(), far.host(), server_v4.host()}), {"--happy"});
  likely_mistake(
      "The first attempt hears nothing, and with TCP that goes on for two minutes. After 250 ms the next "
      "attempt begins beside it, which is one of the other family: the families take turns (RFC 8305, "
      "sections 4 and 5).");
  TcpPeer peer = listener.accept();
  const auto first = await_frames(wire, syn.from(client).to(server_v6), 1, "SYN to the first address");
  const auto second = await_frames(wire, syn.from(client).to(server_v4), 1, "SYN to the IPv4 address");
  expect_gaps({first.front(), second.front()}, {250ms}, program);
  step("on the cable: the attempts came in order");
  const std::vector<Address> attempts = tried(wire, client);
  expect(attempts.front() == server_v6, "the first attempt at " + server_v6.to_string(),
         "there were attempts at " + list(attempts));
  finish_conversation(peer, program, server_v4.to_string());
}

TEST_F(Ipv6, quick_answer_is_waited_for) {
  TcpListener by_v6(story(), server, server_v6);
  {
    TcpListener by_v4(story(), server, server_v4);
    step("answers over IPv6 take 100 ms");
    const auto slow = wire.impair(delay(tcp.from(server_v6), 100ms));
    Program& program =
        start_client(client, name, knowing(name, {server_v6.host(), server_v4.host()}), {"--happy"});
    likely_mistake(
        "An attempt that is answered within 250 ms wins, and the other address is left alone: no server is to "
        "be bothered with connections that nobody wants.");
    TcpPeer peer = by_v6.accept();
    step("on the cable: no attempt over IPv4");  // first: who has made one talks over that
    if (wire.wait_for(syn.to(server_v4), 1, Clock::now() + 300ms)) {
      const auto others = wire.frames(syn.to(server_v4));
      const auto begin = wire.frames(syn.to(server_v6)).front().time;
      if (others.front().time - begin > 230ms && machine_delay(begin, program) > 50ms) {
        story().cannot_judge("the machine was too busy to answer in time", true);
      }
      story().fail(
          "the IPv6 attempt alone, as it was answered in time",
          fmt::format("{:.0f} ms after it there was one over IPv4, too",
                      std::chrono::duration<double, std::milli>(others.front().time - begin).count()));
    }
    finish_conversation(peer, program, server_v6.to_string());
  }
  const auto other = static_cast<std::uint16_t>(port + 1);
  step(fmt::format("at port {} IPv6 refuses, and only IPv4 is there", other));
  TcpListener listener(story(), server, server_v4.with_port(other));
  Program& program =
      start_client(client, name, other, knowing(name, {server_v6.host(), server_v4.host()}), {"--happy"});
  TcpPeer peer = listener.accept();
  const auto refused = await_frames(wire, rst.to(client).from_port(other), 1, "refusal").front();
  const auto next = await_frames(wire, syn.to(server_v4.with_port(other)), 1, "SYN").front();
  step("the next attempt begins as soon as the first has failed");
  likely_mistake(
      "An attempt that has failed needs no more patience: the next one begins at once, not when the 250 ms "
      "are over.");
  const auto late = next.time - refused.time;
  expect_time(late, -patience, 150ms, machine_delay(refused.time, program),
              "an attempt over IPv4 soon after the refusal",
              fmt::format("it came {} ms after it", late / 1ms));
  finish_conversation(peer, program, server_v4.with_port(other).to_string());
}

TEST_F(Ipv6, slow_attempt_goes_on_beside_the_next) {
  TcpListener by_v6(story(), server, server_v6);
  step("answers over IPv6 take 0.6 s, and over IPv4 nobody is there");
  wire.rule(delay(tcp.from(server_v6), 600ms));
  Program& program =
      start_client(client, name, knowing(name, {server_v6.host(), server_v4.host()}), {"--happy"});
  likely_mistake(
      "The IPv4 attempt begins after 250 ms of silence, but it does not take the first one's place: whichever "
      "is answered first is used, be it the older.");
  const auto begin = await_frames(wire, syn.from(client).to(server_v6), 1, "SYN over IPv6").front().time;
  if (!wire.wait_for(syn.from(client).to(server_v4), 1, begin + 1s) &&
      machine_delay(begin, program) > 200ms) {
    story().cannot_judge("the machine was too busy for a race", true);
  }
  (void)await_frames(wire, syn.from(client).to(server_v4), 1, "SYN to the IPv4 address");
  TcpPeer peer = by_v6.accept();
  finish_conversation(peer, program, server_v6.to_string());
  step("on the cable: one attempt over IPv6");
  std::set<std::uint16_t> ports;
  for (const CapturedFrame& one : wire.frames(syn.from(client).to(server_v6)))
    ports.insert(one.frame.headers().source.port());
  expect(ports.size() == 1, "the answer to the first attempt is taken",
         fmt::format("there were {} attempts at {}", ports.size(), server_v6.to_string()));
}

TEST_F(Ipv6, loser_of_the_race_is_given_up) {
  TcpListener by_v6(story(), server, server_v6);
  TcpListener by_v4(story(), server, server_v4);
  step("answers over IPv6 take 1.5 s");
  wire.rule(delay(tcp.from(server_v6), 1500ms));
  Program& program =
      start_client(client, name, knowing(name, {server_v6.host(), server_v4.host()}), {"--happy"});
  likely_mistake(
      "IPv6 is slow here, and after 250 ms IPv4 is tried as well. It answers first, so it is used.");
  const auto begin = await_frames(wire, syn.from(client).to(server_v6), 1, "SYN over IPv6").front().time;
  if (!by_v4.has_connection(patience) && machine_delay(begin, program) > 500ms) {
    story().cannot_judge("the machine was too busy for a race", true);
  }
  TcpPeer peer = by_v4.accept();
  peer.expect_receive(message);
  const Match over_v6 = tcp.from(client).to(server_v6);
  likely_mistake(
      "The IPv6 attempt lost, but it goes on: when its answer came at last, the client's kernel accepted it, "
      "and the server has a connection that nobody will use. Close the sockets of all attempts but the "
      "winner's as soon as there is one.");
  const auto replies = await_frames(wire, over_v6 && !syn, 1, "reply to the late answer");
  step("the late answer over IPv6 is refused (RST)");
  const bool refused = (replies.front().frame.headers().flags & tcp_flag::rst) != 0;
  if (!refused && machine_delay(begin, program) > 500ms)
    story().cannot_judge("the machine was too busy for a race", true);
  expect(refused, "the client's host knows nothing of that attempt any more",
         "it took the connection: " + replies.front().frame.summary());
  answer(peer, program, server_v4.to_string());
}

TEST_F(Ipv6, flow_label_is_on_every_packet) {
  const auto label = static_cast<std::uint32_t>(random.number(0x10000, 0xfffff));
  constexpr const char* about_labels =
      "The flow label that was asked for does not get into the packets. It is in network order, like ports "
      "and addresses; the kernel wants it to be registered (IPV6_FLOWLABEL_MGR), given with the address "
      "(sin6_flowinfo), and the socket be told to send it (IPV6_FLOWINFO_SEND), all before connect. Otherwise "
      "it makes up labels of its own.";
  likely_mistake(about_labels);
  TcpListener listener(story(), server, server_v6);
  Program& program = start_client(client, server_v6.host(), {}, {"--flow-label", std::to_string(label)});
  TcpPeer peer = listener.accept();
  finish_conversation(peer, program, server_v6.to_string());
  likely_mistake(about_labels);
  const auto frames =
      await_frames(wire, (syn || with_payload || fin).from(client), 2, "frame from the client");
  step(fmt::format("on the cable: each has the flow label {:#x}", label));
  for (const CapturedFrame& one : frames) {
    const std::uint32_t seen = one.frame.headers().flow_label;
    expect(seen == label, fmt::format("flow label {:#x} on each packet of the client", label),
           fmt::format("{:#x} on {}", seen, one.frame.summary()));
  }
}

}  // namespace
}  // namespace wirelab
