// Forging an answer, and refusing a forged one. Three hosts on one hub: the client who asks, the server who
// knows, and an attacker who sees neither question nor answer and can only send. What the attack sends is
// read off the cable, byte by byte; the careful client meets a server and attackers that the check plays. The
// names are those of lab.toml, where the points are.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "common/error.hh"
#include "common/hmac.hh"
#include "grader/checks/check.hh"
#include "grader/network/checksum.hh"
#include "grader/program/sockets.hh"
#include "labs/checks/foretelling.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t largest_message = 1472;  // what fits one packet of 1,500 bytes with both headers

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0u;
  };
  return byte(at) << 8 | byte(at + 1);
}

/// The 16-bit words of these bytes added up, with nothing folded yet (RFC 1071).
std::uint32_t sum_of_words(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) sum += word_at(bytes, at);
  return sum;
}

std::uint32_t folded_once(std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

std::uint32_t folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = folded_once(sum);
  return sum;
}

/// A packet as it lies on the wire, read without any belief that it is a good one: numbers that are not there
/// are 0.
struct Wire {
  explicit Wire(const Frame& frame)
      : packet(reinterpret_cast<const char*>(frame.bytes().data()) + 14, frame.bytes().size() - 14) {}

  [[nodiscard]] unsigned version() const { return word_at(packet, 0) >> 12; }
  [[nodiscard]] std::size_t header_length() const { return (word_at(packet, 0) >> 8 & 0xf) * 4; }
  [[nodiscard]] std::size_t total_length() const { return word_at(packet, 2); }
  [[nodiscard]] unsigned fragment_field() const { return word_at(packet, 6); }
  [[nodiscard]] unsigned ttl() const { return word_at(packet, 8) >> 8; }
  [[nodiscard]] unsigned protocol() const { return word_at(packet, 8) & 0xff; }
  [[nodiscard]] std::string source() const {
    return address(12) + fmt::format(":{}", word_at(packet, header_length()));
  }
  [[nodiscard]] std::string destination() const {
    return address(16) + fmt::format(":{}", word_at(packet, header_length() + 2));
  }
  [[nodiscard]] std::size_t udp_length() const { return word_at(packet, header_length() + 4); }
  [[nodiscard]] unsigned udp_checksum() const { return word_at(packet, header_length() + 6); }
  [[nodiscard]] std::string message() const {
    return packet.size() < header_length() + 8 ? "" : packet.substr(header_length() + 8);
  }

  std::string packet;

 private:
  [[nodiscard]] std::string address(std::size_t at) const {
    const std::uint32_t high = word_at(packet, at), low = word_at(packet, at + 2);
    return fmt::format("{}.{}.{}.{}", high >> 8, high & 0xff, low >> 8, low & 0xff);
  }
};

/// Any IPv4 packet, however wrong, except for the kernel's own ICMP.
const Match any_packet([](const Frame& frame) {
  const auto bytes = frame.bytes();
  const auto is = [&](std::size_t at, unsigned value) {
    return at < bytes.size() && bytes[at] == std::byte(value);
  };
  return is(12, 0x08) && is(13, 0x00) && !is(23, 1);
});

/// What a careful client sent, taken apart.
struct Request {
  Address from;
  std::string token;
};

class SpoofedReply : public Check {
 protected:
  static constexpr const char* attack_failed =
      "The attack failed before its packet was on the cable. It has the right to open a raw socket here, and "
      "one of protocol IPPROTO_RAW takes a whole packet. The forged address stands in the packet's header "
      "alone: no socket can be bound to an address of another host. And the kernel does not send what does "
      "not even begin like an IPv4 packet: with the version, 4, and then the header's length in words, 5, "
      "four bits each.";

  Program& start_server(std::vector<std::string> options = {}) {
    std::vector<std::string> arguments = {"server", server.at(0).host(), "-p", std::to_string(port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(server, arguments).expect_bound(port);
  }

  Program& start_client(const std::string& role, std::vector<std::string> options = {},
                        Circumstances how = {}) {
    std::vector<std::string> arguments = {role, server.at(0).host(), "-p", std::to_string(port), question};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(client, arguments, std::move(how));
  }

  /// The address that the n-th request came from (from 1), as the cable shows it.
  Address await_asker(std::size_t n = 1) {
    return await_frames(wire, request, n, "request")[n - 1].frame.headers().source;
  }

  Program& start_attack(const Address& victim, std::vector<std::string> options, const std::string& message,
                        bool with_right = true) {
    std::vector<std::string> arguments = {"attack", victim.host(), "-p", std::to_string(victim.port())};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back(message);
    return run(attacker, arguments, {.raw_sockets = with_right});
  }

  /// Has the program send a message in the server's name, and returns what came onto the cable.
  Wire forge(const Address& victim, const std::string& message) {
    likely_mistake(attack_failed);
    const std::size_t before = wire.count(any_packet.from(attacker));
    start_attack(victim, {"--as", server.at(port).to_string()}, message).expect_exit(0);
    return Wire(await_frames(wire, any_packet.from(attacker), before + 1, "attack packet").back().frame);
  }

  /// A message of this many bytes of every value but zero, which no argument can hold; the outer ones have
  /// their highest bit set, so that a char that counts as negative shows.
  std::string awkward(std::size_t size) {
    std::string text = random.bytes(size);
    for (char& c : text) c = c == '\0' ? '\x01' : c;
    if (size > 0) text.front() = static_cast<char>(text.front() | 0x80);
    if (size > 0) text.back() = static_cast<char>(text.back() | 0x80);
    return text;
  }

  /// All that the checksum of a forged answer with this message covers, its own field left out.
  [[nodiscard]] std::uint32_t sum_to_check(const Address& victim, const std::string& message) const {
    const auto length = static_cast<std::uint32_t>(8 + message.size());
    std::uint32_t sum = 17 + length + port + victim.port() + length + sum_of_words(message);
    for (const Address& end : {server.at(0), victim}) {
      std::array<unsigned, 4> part{};
      std::sscanf(end.host().c_str(), "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]);
      sum += (part[0] << 8) + part[1] + (part[2] << 8) + part[3];
    }
    return sum;
  }

  /// A message of this many bytes with which the sum that this packet's checksum needs, folded once, still
  /// has a carry. The words are added up as they are on the wire, or with the low byte first.
  std::string message_that_carries_twice(const Wire& made, std::size_t size, bool low_byte_first) {
    std::string covered = made.packet.substr(12, 8) + std::string("\0\x11", 2);  // the pseudo header
    covered += made.packet.substr(made.header_length() + 4, 2);
    covered += made.packet.substr(made.header_length(), 6);
    covered += std::string(2, '\0');  // the checksum itself
    for (;;) {
      const std::string message = awkward(size);
      std::string words = covered + message;
      for (std::size_t i = 0; low_byte_first && i + 1 < words.size(); i += 2)
        std::swap(words[i], words[i + 1]);
      if (folded_once(sum_of_words(words)) > 0xffff) return message;
    }
  }

  /// A port whose two bytes differ, so that swapped ones show.
  std::uint16_t lopsided_port() {
    for (;;) {
      const std::uint16_t drawn = random.port();
      if (drawn >> 8 != (drawn & 0xff) && (drawn & 0xff) != 0) return drawn;
    }
  }

  std::string random_token(std::size_t digits) {
    std::string token;
    for (std::size_t i = 0; i < digits; ++i) token += hex_digits[random.number(0, 15)];
    return token;
  }

  /// Takes a careful client's request apart: `TOKEN QUESTION`.
  Request read_request(const UdpPeer::Datagram& came) {
    const std::string& bytes = came.bytes;
    const std::size_t end = std::min(bytes.find_first_not_of(hex_digits), bytes.size());
    const bool good = end >= 16 && end <= 64 && bytes.substr(end) == " " + question;
    if (!good) {
      likely_mistake(
          "A careful request is a token of 16 to 64 hexadecimal digits (0 to 9, a to f), one space, and the "
          "question; nothing before, between or behind.");
      step("look at the request");
      expect(false, "a request that reads \"TOKEN " + question + "\"", "it is \"" + bytes + "\"");
    }
    return {came.from, bytes.substr(0, end)};
  }

  Request await_request(UdpPeer& peer) { return read_request(peer.expect_datagram()); }

  /// The next request, answered with `truth`; no step of the story, for there are hundreds.
  Request answer_next(UdpPeer& peer) {
    const auto came = peer.receive(patience);
    if (!came)
      story().fail("a further question from the client", fmt::format("none within {} s", patience.count()));
    Request asked = read_request(*came);
    send_quietly(peer, asked.token + " " + truth, asked.from);
    return asked;
  }

  /// A datagram that is no step of the story, for there are thousands.
  static void send_quietly(const UdpPeer& peer, const std::string& bytes, const Address& to) {
    must(sendto(peer.fd(), bytes.data(), bytes.size(), 0, to.data(), *to.size()), "sendto");
  }

  /// Until the asker's kernel has got so many datagrams from the server's port and its program has taken
  /// them: what the kernel cannot store it would lose, and with it perhaps the true answer.
  void wait_until_taken(const Program& program, const Address& asker, std::size_t datagrams) {
    const auto waiting = [&] {
      if (wire.count(udp.from_port(port)) < datagrams) return true;
      return std::ranges::any_of(sockets_in(client, SOCK_DGRAM), [&](const BoundSocket& one) {
        return one.local.port() == asker.port() && one.receive_queue > 0;
      });
    };
    const auto deadline = Clock::now() + patience;
    while (!program.process().exit() && Clock::now() < deadline && waiting())
      std::this_thread::sleep_for(300us);
  }

  /// The careful client has ended well with the true answer.
  void expect_truth(Program& program) {
    program.expect_exit(0);
    program.expect_line({truth});
  }

  void expect_no_lie(Program& program, const std::string& lie) {
    expect(program.process().standard_output().find(lie) == std::string::npos,
           "the forged answer \"" + lie + "\" is not believed", "the client printed it");
  }

  std::vector<std::string> address = random.neighbours(3);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Host& attacker = net.host("attacker", address[2]);
  Segment& wire = net.segment({&client, &server, &attacker});
  const std::uint16_t port = lopsided_port();
  const std::string question = "Where is the " + random.words(2) + "?";
  const std::string truth = "behind the " + random.words(3);
  const Match request = udp.from(client).to(server.at(port));
};

// ---- the attack
// -----------------------------------------------------------------------------------------------------

TEST_F(SpoofedReply, ordinary_datagram_deceives_only_who_does_not_look) {
  Program& knows = start_server();
  knows.pause();
  const std::string lie = "in front of the " + random.words(3);
  Program& plain = start_client("client");
  const Address asker = await_asker();
  likely_mistake(
      "Without --as the attack is one ordinary datagram to the victim's address and port, which holds exactly "
      "the bytes of the message. The kernel writes the headers.");
  start_attack(asker, {}, lie).expect_exit(0);
  const auto sent = await_frames(wire, any_packet.from(attacker), 1, "attack packet");
  const Wire seen(sent.front().frame);
  expect(seen.message() == lie && seen.destination() == asker.to_string(),
         fmt::format("the message \"{}\" to {}", lie, asker.to_string()),
         fmt::format("\"{}\" to {}", seen.message(), seen.destination()));
  expect(seen.source().starts_with(attacker.at(0).host() + ":"), "it comes from the attacker's own address",
         "it comes from " + seen.source());
  plain.expect_exit(0);
  plain.expect_line({lie});

  Program& connected = start_client("client", {"--connected"});
  const Address second = await_asker(2);
  start_attack(second, {}, lie).expect_exit(0);
  likely_mistake(
      "A client whose socket is connected does not even hear of an ordinary datagram from elsewhere: its "
      "kernel refuses it (ICMP port unreachable).");
  await_frames(wire, port_unreachable.from(client).to(attacker), 1, "ICMP refusal");
  connected.expect_running();
  step("the server wakes up");
  knows.resume();
  connected.expect_exit(0);
  connected.expect_line({question});
  expect_no_lie(connected, lie);
}

TEST_F(SpoofedReply, forged_answer_deceives_the_client_while_the_server_sleeps) {
  Program& knows = start_server();
  knows.pause();
  const std::string lie = "in front of the " + random.words(3);
  std::size_t asked = 0;
  for (const bool connected : {false, true}) {
    Program& victim = start_client(
        "client", connected ? std::vector<std::string>{"--connected"} : std::vector<std::string>{});
    const Address asker = await_asker(++asked);
    const Wire seen = forge(asker, lie);
    const auto sent = wire.frames(any_packet.from(attacker));
    step("compare the packet with what an answer of the server would be");
    likely_mistake(
        "The victim's kernel does not take this packet for an answer of the server. It looks at both "
        "addresses and both ports, and throws away, without a word, what has a wrong checksum, a wrong "
        "length, or no good IP header. The other checks of the attack look at each of these.");
    expect(seen.source() == server.at(port).to_string() && seen.destination() == asker.to_string(),
           fmt::format("a packet {} > {}", server.at(port).to_string(), asker.to_string()),
           fmt::format("{} > {}", seen.source(), seen.destination()));
    const std::string trouble = checksum_trouble(sent.back().frame.bytes());
    expect(trouble.empty(), "a packet that the victim's kernel accepts", trouble);
    victim.expect_exit(0);
    victim.expect_line({server.at(port).to_string(), lie});
  }
}

TEST_F(SpoofedReply, forged_packet_has_the_ends_that_were_asked_for) {
  for (int i = 0; i < 3; ++i) {
    const std::uint16_t source_port = lopsided_port();
    const Address victim = client.at(lopsided_port());
    const Address claimed =
        i == 0 ? server.at(source_port)
               : Address::numeric(fmt::format("{}.{}.{}.{}", random.number(101, 120), random.number(1, 99),
                                              random.number(128, 199), random.number(200, 250)),
                                  source_port);
    const std::string message = random.words(2);
    likely_mistake(attack_failed);
    start_attack(victim, {"--as", claimed.to_string()}, message).expect_exit(0);
    const auto count = static_cast<std::size_t>(i) + 1;
    const auto packets = await_frames(wire, any_packet.from(attacker), count, "attack packet");
    const Wire seen(packets.back().frame);
    likely_mistake(
        "The packet has other ends than it should. Its source is what --as says, address and port; its "
        "destination is the victim, with the port of -p. Ports are in network byte order in the header "
        "(htons), the upper byte first; addresses already are so in a sockaddr_in.");
    step("read the packet's two ends");
    expect(seen.source() == claimed.to_string(), "the source " + claimed.to_string(),
           "it is " + seen.source());
    expect(seen.destination() == victim.to_string(), "the destination " + victim.to_string(),
           "it is " + seen.destination());
    likely_mistake("The attack sends one packet and ends.");
    expect(packets.size() == count, "one packet for each attack",
           fmt::format("{} after {} attacks", packets.size(), count));
  }
}

TEST_F(SpoofedReply, forged_packet_has_a_sound_header) {
  const Wire seen = forge(client.at(lopsided_port()), random.words(3));
  step("read the IPv4 header");
  likely_mistake(
      "The first byte of an IPv4 packet holds two numbers of 4 bits: the version, 4, and the header's length "
      "in words of 4 bytes, 5 when there are no options. The version is the upper one; struct iphdr has them "
      "in the right places.");
  expect(seen.version() == 4, "version 4", fmt::format("version {}", seen.version()));
  expect(seen.header_length() >= 20 && seen.header_length() <= 60,
         "a header of 20 bytes or, with options, some more", fmt::format("{} bytes", seen.header_length()));
  likely_mistake(
      "The protocol of the packet is that of what it carries: UDP, 17 (IPPROTO_UDP), not that of the raw "
      "socket.");
  expect(seen.protocol() == 17, "protocol 17, UDP", fmt::format("protocol {}", seen.protocol()));
  likely_mistake(
      "Each router takes one from the time to live, and the one that finds nothing left throws the packet "
      "away. Begin with what others begin with: 64.");
  expect(seen.ttl() >= 32, "a time to live of 32 at least, 64 is usual", fmt::format("{}", seen.ttl()));
  likely_mistake(
      "The packet says that it is one of several fragments. The field has 16 bits in network byte order: DF "
      "is 0x4000, and with its two bytes swapped it is the offset of a fragment. 0 is right as well.");
  expect((seen.fragment_field() & 0x3fff) == 0,
         "a packet that is whole: neither \"more fragments\" nor an offset",
         fmt::format("the fragment field is {:#06x}", seen.fragment_field()));
}

TEST_F(SpoofedReply, forged_packet_has_the_right_lengths) {
  const std::size_t odd = 2 * random.number(10, 400) + 1;
  for (const std::size_t size : {odd, odd + 1, std::size_t{1}, std::size_t{0}, largest_message}) {
    const std::string message = awkward(size);
    const Wire seen = forge(client.at(lopsided_port()), message);
    step(fmt::format("read the lengths of the packet with {} bytes of message", size));
    likely_mistake(
        "The packet is as long as its headers and the message, 20 + 8 bytes and what the message has: neither "
        "longer nor shorter, whether that is an odd or an even number, none, or many.");
    expect(
        seen.total_length() == seen.header_length() + 8 + size && seen.packet.size() == seen.total_length(),
        fmt::format("a packet of {} bytes, which says so", seen.header_length() + 8 + size),
        fmt::format("it has {} bytes, and says {}", seen.packet.size(), seen.total_length()));
    likely_mistake(
        "UDP's length counts its own header of 8 bytes and the message, in network byte order. The kernel "
        "that receives a datagram believes it: what is beyond is cut off, and a datagram that claims more "
        "than there is is thrown away.");
    expect(seen.udp_length() == 8 + size, fmt::format("a UDP length of {}", 8 + size),
           fmt::format("it is {}", seen.udp_length()));
    likely_mistake(
        "The message is carried byte for byte: bytes above 127, and lengths that no string function "
        "counted.");
    expect(seen.message() == message, fmt::format("the {} bytes of the message", size), "they differ");
  }
}

TEST_F(SpoofedReply, forged_packet_has_right_checksums) {
  const Address victim = client.at(lopsided_port());
  const auto expect_right_checksums = [&](const std::string& message, const std::string& mistake) {
    const Wire seen = forge(victim, message);
    const auto frames = wire.frames(any_packet.from(attacker));
    step(fmt::format("work out the checksums of the packet with {} bytes of message", message.size()));
    likely_mistake(
        "The packet says that it is one of several fragments, and only of the whole could anybody work out the UDP "
        "checksum. Set the fragment field right first: DF is 0x4000 in network byte order.");
    expect((seen.fragment_field() & 0x3fff) == 0, "a whole packet",
           fmt::format("the fragment field is {:#06x}", seen.fragment_field()));
    likely_mistake(mistake);
    const std::string trouble = checksum_trouble(frames.back().frame.bytes());
    expect(trouble.empty(), "checksums that fit the packet", trouble);
    expect(seen.udp_checksum() != 0, "a UDP checksum", "the field is 0: there is none");
  };
  const std::string all_of_it =
      "The UDP checksum is over the pseudo header (both addresses, a zero byte, the protocol 17, the UDP "
      "length), the UDP header with 0 in its own field, and the message. Its words are in network byte order, "
      "and so is the result. What is carried out of the 16 bits is added in again at the bottom. Each byte "
      "counts from 0 to 255: beware of a char, which may be negative.";
  const std::string last_byte =
      "With an odd number of bytes the last one is the upper byte of a word whose lower byte is 0.";
  expect_right_checksums("even" + random.words(1).substr(0, 2), all_of_it);
  expect_right_checksums("odd" + random.words(1).substr(0, 2), last_byte);
  expect_right_checksums("", all_of_it);
  expect_right_checksums(awkward(40), all_of_it);
  expect_right_checksums(awkward(41), last_byte);
  // Which sums carry twice depends on the header, and that is the program's own, right or wrong; and on
  // whether the words are added up as they lie in memory. So the header is taken from a packet that it has
  // made, and a message found for each of the two ways.
  const std::size_t many = largest_message;
  const Wire made = forge(victim, awkward(many));
  for (const bool low_byte_first : {false, true}) {
    expect_right_checksums(message_that_carries_twice(made, many, low_byte_first),
                           "What is carried out of the 16 bits is added in again at the bottom, and that can "
                           "carry once more: fold until nothing is left above.");
  }
}

TEST_F(SpoofedReply, checksum_of_zero_is_sent_as_all_ones) {
  const Address victim = client.at(lopsided_port());
  std::string message;
  std::uint32_t last = 0;
  do {  // the last word makes the sum 0xffff, whose complement is 0
    message = random.words(4);
    message.resize(16, '.');
    message.append(2, '\0');
    last = 0xffff - folded(sum_to_check(victim, message));
  } while (last >> 8 == 0 || (last & 0xff) == 0);  // no argument can hold a zero byte
  message[16] = static_cast<char>(last >> 8);
  message[17] = static_cast<char>(last & 0xff);
  const Wire seen = forge(victim, message);
  likely_mistake(
      "For this message the checksum comes out as 0. But a 0 in the field says that the sender did not work "
      "out any. So RFC 768 wants it sent as 0xffff, which is the same number in one's complement.");
  step("look at the UDP checksum of a packet for which it comes out as 0");
  expect(seen.udp_checksum() == 0xffff, "0xffff", fmt::format("{:#06x}", seen.udp_checksum()));
}

TEST_F(SpoofedReply, raw_socket_without_the_right_is_an_error) {
  Program& program =
      start_attack(client.at(lopsided_port()), {"--as", server.at(port).to_string()}, random.words(2), false);
  likely_mistake(
      "Whoever may not open a raw socket is told so by socket(2), with EPERM. The program must look at what "
      "socket returns, say the reason, and end with status 1.");
  program.expect_exit(1);
  program.expect_error({"permitted"});
  expect_frames(wire, any_packet.from(attacker), 0, "attack packet");
}

// ---- the careful client
// ---------------------------------------------------------------------------------------------

TEST_F(SpoofedReply, careful_client_takes_the_true_answer) {
  {
    UdpPeer peer(story(), server, port);
    Program& program = start_client("careful-client", {"--count", "2"});
    std::string output;
    for (int i = 1; i <= 2; ++i) {
      const Request asked = await_request(peer);
      const std::string answer = truth + fmt::format(" {}", i);
      likely_mistake(
          "An answer to be believed is the token of the question, one space, and the answer, which is "
          "everything behind the space. The client prints that, without the token, on a line of its own.");
      peer.send(asked.token + " " + answer, asked.from);
      const std::string line = program.expect_line({answer});
      expect(line.find(asked.token) == std::string::npos, "the answer without its token",
             "the line holds the token as well");
      expect(std::ranges::none_of(line, [](unsigned char c) { return std::iscntrl(c) != 0; }),
             "the answer on its line",
             fmt::format("the line has {} bytes, and control characters or zeros among them", line.size()));
    }
    likely_mistake("With --count 2 the client asks twice, and ends with status 0 when both are answered.");
    program.expect_exit(0);
  }
  {
    UdpPeer peer(story(), server, port);
    Program& program = start_client("careful-client");
    const Request asked = await_request(peer);
    const std::string answer = truth + std::string(random.number(5000, 20000), '.') + random.words(1);
    likely_mistake(
        "A datagram may hold up to 65,507 bytes, and the answer is all that follows the token and the space. What does "
        "not fit the buffer that recv is given is lost.");
    peer.send(asked.token + " " + answer, asked.from);
    program.expect_line({answer.substr(answer.size() - 200)});
    program.expect_exit(0);
  }
  step("and now with the program's own server");
  start_server();
  Program& program = start_client("careful-client");
  likely_mistake("The server puts the token before its answer if, and only if, the request begins with one.");
  program.expect_exit(0);
  program.expect_line({question});
}

TEST_F(SpoofedReply, strangers_are_refused_by_the_kernel) {
  UdpPeer peer(story(), server, port);
  UdpPeer other_port(story(), server, 0);
  UdpPeer other_address(story(), attacker, port);
  UdpPeer neither(story(), attacker, 0);
  Program& program = start_client("careful-client", {"--wait", "60"});
  const Request asked = await_request(peer);
  const std::string lie = "in front of the " + random.words(3);
  likely_mistake(
      "A datagram from another address or port than the server's reached the client. On a connected UDP "
      "socket the kernel takes only what comes from the server's address and port, and refuses the rest (ICMP "
      "port unreachable), whatever token it carries.");
  std::size_t refused = 0;
  for (UdpPeer* stranger : {&other_port, &other_address, &neither}) {
    stranger->send(asked.token + " " + lie, asked.from);
    await_frames(wire, port_unreachable.from(client), ++refused, "ICMP refusal");
    program.expect_running();
  }
  peer.send(asked.token + " " + truth, asked.from);
  expect_truth(program);
  expect_no_lie(program, lie);
}

/// A forged answer, and what is wrong with it.
struct Forgery {
  std::string what;
  std::string bytes;
};

TEST_F(SpoofedReply, answer_without_the_right_token_is_passed_over) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--wait", "60"});
  const auto [asker, token] = await_request(peer);
  std::string shouted = token, other = random_token(token.size());
  std::ranges::transform(shouted, shouted.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto altered = [&](std::size_t at) {
    std::string changed = token;
    changed[at] = hex_digits[(hex_digits.find(changed[at]) + random.number(1, 15)) % 16];
    return changed;
  };
  const std::string lie_mark = "lie number ";  // what the client prints tells which of them it believed
  std::size_t lies = 0;
  const auto lie = [&] { return lie_mark + fmt::format("{}.", ++lies); };
  std::vector<Forgery> forgeries = {
      {"no token at all", lie()},
      {"nothing", ""},
      {"a token, but another one", other + " " + lie()},
      {"an empty token", " " + lie()},
      {"the token without its last digit", token.substr(0, token.size() - 1) + " " + lie()},
      {"the token without its first digit", token.substr(1) + " " + lie()},
      {"only the token's first half", token.substr(0, token.size() / 2) + " " + lie()},
      {"the token and one digit more", token + hex_digits[random.number(0, 15)] + " " + lie()},
      {"one digit and the token", hex_digits[random.number(0, 15)] + token + " " + lie()},
      {"the token and no space", token + lie()},
      {"the token and nothing else", token},
      {"the token, a zero byte and more", token + std::string(1, '\0') + lie()},
      {"the token, but not at the beginning", "Listen: " + token + " " + lie()},
      {"a space and the token", " " + token + " " + lie()},
      {"a token with another first digit", altered(0) + " " + lie()},
      {"a token with another digit in the middle", altered(token.size() / 2) + " " + lie()},
      {"a token with another last digit", altered(token.size() - 1) + " " + lie()}};
  if (shouted != token) forgeries.push_back({"the token in capitals", shouted + " " + lie()});
  std::ranges::shuffle(forgeries, random.engine());
  likely_mistake(
      "An answer with the server's address and port on it is still no answer of the server. It must begin "
      "with exactly the token that was sent, all its digits and no more, and then a space. Whatever does not "
      "is passed over, and the client goes on waiting for one that does.");
  for (std::size_t i = 0; i < forgeries.size(); ++i) {
    step("forged in the server's name: " + forgeries[i].what);
    send_quietly(peer, forgeries[i].bytes, asker);
  }
  peer.send(token + " " + truth, asker);
  (void)program.process().wait(Clock::now() + patience);
  step("none of the forged answers was believed");
  for (const Forgery& one : forgeries) {
    const auto mark = one.bytes.find(lie_mark);
    if (mark == std::string::npos) continue;
    expect(program.process().standard_output().find(one.bytes.substr(mark)) == std::string::npos,
           "this is passed over: " + one.what, "it was believed");
  }
  expect(program.process().standard_output() != "\n",
         "nothing, or a token with nothing behind, is passed over",
         "it was believed: the client printed an empty line");
  expect_truth(program);
}

TEST_F(SpoofedReply, replayed_answer_is_passed_over) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--count", "3", "--wait", "60"});
  const std::string lie = "in front of the " + random.words(2);
  std::vector<std::string> earlier;
  for (int i = 1; i <= 3; ++i) {
    const Request asked = await_request(peer);
    likely_mistake(
        "Every question has a new token. Otherwise whoever has seen one answer, ever, can answer all later "
        "questions with its token.");
    expect(std::ranges::count(earlier, asked.token) == 0, "a new token for each question",
           "an earlier one came again");
    likely_mistake(
        "The token of an earlier question was good for that question alone. An answer that carries it comes "
        "too late, or from somebody who has seen the earlier answer.");
    for (const std::string& token : earlier) peer.send(token + " " + lie, asked.from);
    peer.send(asked.token + " " + truth, asked.from);
    earlier.push_back(asked.token);
  }
  expect_truth(program);
  expect_no_lie(program, lie);
}

TEST_F(SpoofedReply, each_question_has_its_own_wait) {
  constexpr auto wait = 1200ms, think = 800ms;
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--wait", "1.2", "--count", "3"});
  for (int i = 1; i <= 3; ++i) {
    likely_mistake(
        "Each question has its own wait, which begins when that question is sent. A moment that was fixed once for the "
        "whole run leaves nothing for the later ones.");
    const Request asked = await_request(peer);
    const auto sent = wire.frames(request).back().time;
    step(fmt::format("the server takes {} ms to answer", think.count()));
    std::this_thread::sleep_until(sent + think);
    const std::string answer = truth + fmt::format(" {}", i);
    peer.send(asked.token + " " + answer, asked.from);
    if (Clock::now() > sent + (think + wait) / 2)
      story().cannot_judge("the machine was too busy to answer in time", true);
    program.expect_line({answer});
  }
  program.expect_exit(0);
}

TEST_F(SpoofedReply, junk_neither_prolongs_nor_ends_the_wait) {
  const std::chrono::milliseconds wait(random.number(90, 140) * 10);
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client",
                                  {"--wait", fmt::format("{:.2f}", static_cast<double>(wait.count()) / 1000)},
                                  {.watched = {Call::wait, Call::receive}});
  program.inject(interrupt(Call::receive).after(1));
  program.inject(interrupt(Call::wait).after(3).repeated(2));
  const auto [asker, token] = await_request(peer);
  const auto asked = wire.frames(request).front().time;
  likely_mistake(
      "Something that is no answer changes the wait. Fix the moment when it ends once, when the question has "
      "been sent, and each time wait for what is left until then: neither from the beginning nor as if the "
      "time were over.");
  step(fmt::format("a forged answer every 50 ms, for longer than the {} ms that the client is to wait",
                   wait.count()));
  while (!program.process().exit() && Clock::now() < asked + 3 * wait) {
    send_quietly(peer, random_token(token.size()) + " a lie", asker);
    std::this_thread::sleep_for(50ms);
  }
  step("the client gives up when its time is over");
  const auto exit = program.process().exit();
  const auto waited = (exit ? exit->time : Clock::now()) - asked;
  expect_time(waited, wait - wait / 20 - 2ms, wait + wait / 2 + 300ms, machine_delay(asked, program),
              fmt::format("an end {} ms after the question", wait.count()),
              fmt::format("{} after {:.0f} ms", exit ? "it came" : "the client still waits",
                          std::chrono::duration<double, std::milli>(waited).count()));
  likely_mistake(
      "Without an answer that can be believed the client ends with status 1 and a line on standard error that "
      "names the server. What it must not do is to believe in the end what it did not believe before.");
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string()});
  expect_no_lie(program, "a lie");
}

// ---- tokens
// ---------------------------------------------------------------------------------------------------------

TEST_F(SpoofedReply, tokens_never_repeat_and_show_no_pattern) {
  constexpr std::size_t count = 2500;  // as many as it takes to find a Mersenne twister in single bytes
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--wait", "60", "--count", std::to_string(count)});
  step(fmt::format("the server answers {} questions and keeps their tokens", count));
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < count; ++i) seen.push_back(answer_next(peer).token);
  likely_mistake(
      "With --count 2500 the client asks so many times, and ends with status 0 when all are answered.");
  program.expect_exit(0);
  const Tokens tokens(seen);
  step(fmt::format("look at {} tokens, of {} digits: \"{}\", \"{}\", \"{}\", ...", count, seen[0].size(),
                   seen[0], seen[1], seen[2]));
  likely_mistake("All tokens of a run have the same number of digits: leading zeros count.");
  for (const std::string& token : seen) {
    expect(token.size() == seen[0].size(), fmt::format("{} digits in each token", seen[0].size()),
           fmt::format("\"{}\" has {}", token, token.size()));
  }
  likely_mistake(
      "A token came twice within 2500 questions. With 64 random bits that would happen once in 10^12 "
      "runs; these have far fewer, whatever number of digits they are written with.");
  const std::set<std::string> different(seen.begin(), seen.end());
  expect(different.size() == count, fmt::format("{} different tokens", count),
         fmt::format("only {}", different.size()));
  likely_mistake(
      "The tokens show a pattern: whoever has seen some can guess others. Every digit must be drawn at "
      "random, all 16 of a token: no counter, no time of day, no process number, no part that stays the same, "
      "no number of 32 bits spread over more digits.");
  for (const std::string& pattern : {pattern_in_steps(tokens), pattern_in_bits(tokens)}) {
    expect(pattern.empty(), "no pattern in the tokens", pattern);
  }
  likely_mistake(
      "The tokens look random, but come from a generator that is made for simulations, and everybody can work "
      "out the next number from the numbers before. What nobody must guess comes from getrandom(2), or from "
      "std::random_device, which asks the kernel as well.");
  const std::string trick = foretelling(tokens);
  expect(trick.empty(), "no token can be worked out from those before it", trick);
}

TEST_F(SpoofedReply, tokens_of_programs_started_at_once_differ) {
  constexpr std::size_t programs = 6, questions = 2;
  UdpPeer peer(story(), server, port);
  std::vector<Program*> clients;
  for (std::size_t i = 0; i < programs; ++i) {
    clients.push_back(
        &start_client("careful-client", {"--wait", "60", "--count", std::to_string(questions)}));
  }
  likely_mistake(
      "Two runs of the program draw the same tokens: the generator always starts from the same seed, or from "
      "the second in which it starts, or the process number, which anybody can guess. What is to be a secret "
      "comes from the kernel (getrandom(2)), which knows none of these things better than the attacker, and "
      "so uses others.");
  std::set<std::string> seen;
  const auto expect_new_tokens = [&](std::size_t requests) {
    for (std::size_t i = 0; i < requests; ++i) {
      const Request asked = answer_next(peer);
      expect(seen.insert(asked.token).second, "tokens that no other run has",
             "the token " + asked.token + " came again");
    }
  };
  step(fmt::format("the server answers {} clients that were started at once, {} questions each", programs,
                   questions));
  expect_new_tokens(programs * questions);
  for (Program* one : clients) one->expect_exit(0);
  Program& later = start_client("careful-client", {"--wait", "60"});
  step("and one that was started later");
  expect_new_tokens(1);
  later.expect_exit(0);
}

TEST_F(SpoofedReply, flood_of_guesses_does_not_get_through) {
  constexpr std::size_t guesses = 10000, at_once = 64;
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--wait", "80"});
  const auto [asker, token] = await_request(peer);
  const std::string lie = "in front of the " + random.words(2);
  std::vector<std::string> flood;
  for (std::size_t at = 0; at < token.size(); ++at) {  // so near, and still wrong: all but one digit
    for (const char digit : hex_digits) {
      flood.push_back(token);
      flood.back()[at] = digit;
    }
  }
  std::erase(flood, token);
  while (flood.size() < guesses) flood.push_back(random_token(token.size()));
  std::ranges::shuffle(flood, random.engine());
  step(fmt::format(
      "{} forged answers in the server's name, each with another guess; some are wrong by one digit",
      guesses));
  likely_mistake(
      "One of ten thousand guesses was believed. All of the token must be compared, not only some digits of "
      "it, nor a number into which not all of them fit.");
  for (std::size_t i = 0; i < flood.size() && !program.process().exit(); ++i) {
    send_quietly(peer, flood[i] + " " + lie, asker);
    if (i % at_once == at_once - 1) wait_until_taken(program, asker, i + 1);
  }
  wait_until_taken(program, asker, flood.size());
  expect_no_lie(program, lie);
  likely_mistake(
      "After the flood comes the true answer, and it is still to be taken: wrong guesses are not counted, and "
      "do not end the wait.");
  peer.send(token + " " + truth, asker);
  expect_truth(program);
  expect_no_lie(program, lie);
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

TEST_F(SpoofedReply, every_question_leaves_from_another_port) {
  constexpr std::size_t count = 64;
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--wait", "60", "--count", std::to_string(count)});
  step(fmt::format("the server answers {} questions and keeps the ports they came from", count));
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) ports.push_back(answer_next(peer).from.port());
  program.expect_exit(0);
  likely_mistake(
      "The questions leave from the same port, or nearly. Who has learned it for one question knows it for "
      "the next. A new socket for each question is given a new port by the kernel.");
  const std::set<std::uint16_t> different(ports.begin(), ports.end());
  step("look at the ports");
  // The kernel draws from some 28,000: of 64 draws a few at most are alike.
  expect(different.size() >= count - 10, fmt::format("about {} different ports", count),
         fmt::format("{}", different.size()));
  likely_mistake(
      "The ports differ, but one follows from the other. Leave the choice to the kernel (no bind, or port 0), "
      "which draws them by chance.");
  std::map<int, std::size_t> steps;
  for (std::size_t i = 1; i < count; ++i) ++steps[ports[i] - ports[i - 1]];
  const auto most = std::ranges::max_element(steps, {}, [](const auto& one) { return one.second; });
  expect(most->second <= 8, "ports without a pattern",
         fmt::format("{} of {} are {} away from the one before", most->second, count - 1, most->first));
}

/// The tag of an answer, as the contract has it.
std::string tag_of(const std::string& key, const std::string& token, const std::string& question,
                   const std::string& answer) {
  return hmac_sha256(key, fmt::format("{} {} {}{}", token, question.size(), question, answer));
}

/// Somebody on the path changes what a datagram carries.
Rule change_payload(const Match& match, const std::function<std::string(const std::string&)>& change) {
  return rewrite(match,
                 [=](const Frame& frame) { return replace_payload(frame, change(frame.headers().payload)); });
}

TEST_F(SpoofedReply, who_reads_the_token_is_refused_for_want_of_the_key) {
  const std::string lie = "in front of the " + random.words(2);
  {
    UdpPeer peer(story(), server, port);
    Program& deceived = start_client("careful-client");
    const Request asked = await_request(peer);
    step("somebody on the path reads the token, and changes the answer");
    const auto on_path =
        wire.impair(change_payload(udp.from(server).to(asked.from), [&](const std::string& payload) {
          return payload.substr(0, payload.find(' ') + 1) + lie;
        }));
    likely_mistake(
        "Without --key the token alone decides, and somebody on the path who reads it can forge any answer. "
        "The client is deceived here: there is nothing by which it could tell.");
    peer.send(asked.token + " " + truth, asked.from);
    deceived.expect_exit(0);
    deceived.expect_line({lie});
  }
  const std::string key = random.words(3), other_key = random.words(2) + "-" + random.words(1);
  {
    UdpPeer peer(story(), server, port);
    Program& program = start_client("careful-client", {"--key", key, "--wait", "60"});
    const auto [asker, token] = await_request(peer);
    const auto with_tag = [&token = token](const std::string& tag, const std::string& text) {
      return token + " " + tag + " " + text;
    };
    const std::string tag = tag_of(key, token, question, truth);
    std::vector<Forgery> forgeries = {
        {"the token and no tag", token + " " + lie},
        {"an empty tag", with_tag("", lie)},
        {"a tag drawn by chance", with_tag(random_token(64), lie)},
        {"a tag made with another key", with_tag(tag_of(other_key, token, question, lie), lie)},
        {"a tag made with an empty key", with_tag(tag_of("", token, question, lie), lie)},
        {"the true answer's tag, but another answer", with_tag(tag, lie)},
        {"the true answer's tag, and the answer made longer", with_tag(tag, truth + ", or " + lie)},
        {"the true answer's tag and one digit more", with_tag(tag + "0", lie)}};
    for (const char digit : hex_digits) {
      forgeries.push_back(
          {fmt::format("a tag of one digit, {}", digit), with_tag(std::string(1, digit), lie)});
    }
    std::ranges::shuffle(forgeries, random.engine());
    likely_mistake(
        "With --key an answer is believed only if its tag, all 64 digits, is the one that the key makes of "
        "the token, the question and the answer that came. Anybody on the path knows everything but the "
        "key.");
    for (const Forgery& one : forgeries) {
      step("forged by somebody who reads the token: " + one.what);
      send_quietly(peer, one.bytes, asker);
    }
    peer.send(with_tag(tag, truth), asker);
    (void)program.process().wait(Clock::now() + patience);
    expect_no_lie(program, lie);
    likely_mistake(
        "The true answer was refused. Its tag is HMAC-SHA256, with the key of --key, of the token, a space, "
        "the question's length in bytes, a space, the question, and the answer without its token and tag.");
    expect_truth(program);
  }
  step("and now with the program's own server");
  start_server({"--key", key});
  start_client("careful-client", {"--key", key, "--wait", "60"}).expect_exit(0);
  Program& stranger = start_client("careful-client", {"--key", other_key, "--wait", "0.3"});
  likely_mistake("A server with another key than the client's is a stranger: its answers are not believed.");
  stranger.expect_exit(1);
}

TEST_F(SpoofedReply, keyed_answer_belongs_to_its_question_and_its_token) {
  const std::string key = random.words(3), other_question = question + " " + random.words(1);
  UdpPeer peer(story(), server, port);
  Program& program = start_client("careful-client", {"--key", key, "--wait", "60", "--count", "3"});
  const auto answer = [&](const Request& asked, const std::string& to_question, const std::string& text) {
    peer.send(asked.token + " " + tag_of(key, asked.token, to_question, text) + " " + text, asked.from);
  };
  const std::string first_truth = "first " + truth, lie = "in front of the " + random.words(2);
  const Request first = await_request(peer);
  answer(first, question, first_truth);
  program.expect_line({first_truth});

  const Request second = await_request(peer);
  step("somebody on the path has kept the first answer, and puts the second token before it");
  likely_mistake(
      "The tag was made for an earlier answer, and is as good as ever for that one. If it covers the token, "
      "it is good for one answer only; the one to compare with is made of the token that was sent this "
      "time.");
  peer.send(second.token + " " + tag_of(key, first.token, question, first_truth) + " " + first_truth,
            second.from);
  answer(second, question, "second " + truth);
  program.expect_line({"second " + truth});

  const Request third = await_request(peer);
  step("somebody on the path changes the question on its way, and the server answers what it was asked");
  likely_mistake(
      "The answer is the server's own, tag and all, but to another question: somebody on the path has changed "
      "it. The tag covers the question, so compare with the tag of the question that was asked.");
  answer(third, other_question, lie);
  answer(third, "", lie);
  answer(third, question, "third " + truth);
  program.expect_exit(0);
  program.expect_line({"third " + truth});
  expect_no_lie(program, lie);
}

}  // namespace
}  // namespace wirelab
