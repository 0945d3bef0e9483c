// What a ping must put on the wire, and what it must believe of what comes back. Where answers are to be
// strange, the host that is asked keeps silent (its kernel is told to), and the check writes the answers
// itself. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tins/tins.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <regex>
#include <set>
#include <thread>

#include "grader/checks/check.hh"
#include "grader/network/checksum.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Message = std::vector<std::uint8_t>;

constexpr std::uint8_t echo_reply = 0, echo_request = 8, time_exceeded = 11;
constexpr std::uint8_t echo_request_v6 = 128, echo_reply_v6 = 129;

// An answer that does come is always waited for longer than the check itself waits for anything.
const std::vector<std::string> at_leisure = {"-i", "0", "-W", "30"};

/// The options, and those that give an answer all the time that it may need.
std::vector<std::string> with(std::vector<std::string> options) {
  options.insert(options.end(), at_leisure.begin(), at_leisure.end());
  return options;
}

Match of_type(const Match& protocol, std::uint8_t type) {
  return protocol && Match([type](const Frame& frame) { return frame.headers().type == type; });
}

// ---- what the program says
// ------------------------------------------------------------------------------------------

/// A line that tells what became of a request.
struct Told {
  enum class Kind { good, duplicate, changed, late, lost, exceeded, unreachable, other };
  Kind kind = Kind::other;
  unsigned sequence = 0;
  double milliseconds = 0;  // for `good`
  std::string text;

  /// It tells of something that came, and not that nothing came.
  [[nodiscard]] bool believed() const { return kind != Kind::lost && kind != Kind::other; }
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// What kind of line it is, as the handout's contract has it.
Told::Kind kind_of(const std::string& text, bool has_time) {
  const std::string low = lower(text);
  const auto says = [&](const char* word) { return low.find(word) != std::string::npos; };
  if (says("no answer")) return Told::Kind::lost;
  if (says("exceeded")) return Told::Kind::exceeded;
  if (says("unreachable")) return Told::Kind::unreachable;
  if (says("changed")) return Told::Kind::changed;
  if (says("dup")) return Told::Kind::duplicate;
  if (says("late")) return Told::Kind::late;
  return has_time ? Told::Kind::good : Told::Kind::other;
}

/// All that a program said.
struct Report {
  std::optional<unsigned> identifier;
  std::vector<Told> told;
  std::optional<unsigned> sent, received;
  std::optional<double> loss;                  // percent
  std::optional<std::array<double, 3>> times;  // min, avg, max, in ms

  static Report of(const Program& program);

  [[nodiscard]] std::vector<Told> of_kind(Told::Kind kind) const {
    std::vector<Told> result;
    std::ranges::copy_if(told, std::back_inserter(result), [&](const Told& one) { return one.kind == kind; });
    return result;
  }

  /// The sequence numbers of the lines of a kind, in order; one that has several lines stands there several
  /// times.
  [[nodiscard]] std::vector<unsigned> sequences(Told::Kind kind) const {
    std::vector<unsigned> result;
    for (const Told& one : of_kind(kind)) result.push_back(one.sequence);
    std::ranges::sort(result);
    return result;
  }

  /// What was said about a request, for people.
  [[nodiscard]] std::string lines_about(unsigned sequence) const {
    std::string text;
    for (const Told& one : told) {
      if (one.sequence == sequence) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", one.text);
    }
    return text.empty() ? fmt::format("no line holds seq={}", sequence) : text;
  }
};

Report Report::of(const Program& program) {
  static const std::regex identifier(R"(\bid=(\d{1,9})\b)"), sequence(R"(seq=(\d{1,9})\b)"),
      time(R"(time=([0-9]{1,9}\.?[0-9]{0,9}) ?ms)");
  static const std::regex sent(R"((\d{1,9}) (?:\w+ )?(?:sent|transmitted))"),
      received(R"((\d{1,9}) received)"), loss(R"(([0-9]{1,4}\.?[0-9]{0,6}) ?%)");
  static const std::regex times(
      R"(min/avg/max[^=]{0,9}= ?([0-9]{1,9}\.?[0-9]{0,9})/([0-9]{1,9}\.?[0-9]{0,9})/([0-9]{1,9}\.?[0-9]{0,9}))");
  Report report;
  for (const Line& line : program.process().lines()) {
    const std::string text = line.text.substr(0, 500);
    std::smatch found;
    if (!report.identifier && std::regex_search(text, found, identifier))
      report.identifier = static_cast<unsigned>(std::stoul(found[1]));
    if (std::regex_search(text, found, times))
      report.times = {std::stod(found[1]), std::stod(found[2]), std::stod(found[3])};
    if (std::regex_search(text, found, sent)) report.sent = static_cast<unsigned>(std::stoul(found[1]));
    if (std::regex_search(text, found, received)) {
      report.received = static_cast<unsigned>(std::stoul(found[1]));
      if (std::regex_search(text, found, loss)) report.loss = std::stod(found[1]);
    }
    if (!std::regex_search(text, found, sequence)) continue;
    Told told{.sequence = static_cast<unsigned>(std::stoul(found[1])), .text = text};
    const bool has_time = std::regex_search(text, found, time);
    if (has_time) told.milliseconds = std::stod(found[1]);
    told.kind = kind_of(text, has_time);
    report.told.push_back(told);
  }
  return report;
}

// ---- what the check says
// --------------------------------------------------------------------------------------------

Message echo(std::uint8_t type, std::uint16_t identifier, std::uint16_t sequence, const std::string& data) {
  Tins::ICMP icmp(static_cast<Tins::ICMP::Flags>(type));
  icmp.id(identifier);
  icmp.sequence(sequence);
  icmp /= Tins::RawPDU(data);
  return icmp.serialize();
}

/// The true answer to a request.
Message answer_to(const Headers& request) {
  return echo(echo_reply, request.identifier, request.sequence_number, request.payload);
}

/// An error message about a packet, of which it quotes the IP header and the 8 bytes behind that.
Message error_about(std::uint8_t type, std::uint8_t code, const Message& packet) {
  const std::size_t quoted = 4u * (packet.at(0) & 0x0fu) + 8u;
  Tins::ICMP icmp(static_cast<Tins::ICMP::Flags>(type));
  icmp.code(code);
  icmp /= Tins::RawPDU(packet.data(), static_cast<std::uint32_t>(std::min(quoted, packet.size())));
  return icmp.serialize();
}

/// An IPv4 packet, its header longer than usual by so many words of options that say nothing (RFC 791: no
/// operation).
Message packet(const Address& from, const Address& to, const Message& content, unsigned option_words = 0,
               std::uint8_t protocol = 1) {
  Tins::IP ip(to.host(), from.host());
  ip.protocol(protocol);
  ip.ttl(63);
  for (unsigned i = 0; i < 4 * option_words; ++i)
    ip.add_option(Tins::IP::option_identifier(Tins::IP::NOOP, Tins::IP::CONTROL, 0));
  ip /= Tins::RawPDU(content);
  Message bytes = ip.serialize();
  if (bytes.at(9) != protocol) throw std::logic_error("libtins has changed the protocol");
  return bytes;
}

/// Inside a frame from the host that was asked, to the one that asks.
Bytes frame_to_sender(const Headers& request, const Message& packet) {
  const auto hardware = [](const std::array<std::uint8_t, 6>& mac) { return Tins::HWAddress<6>(mac.data()); };
  Tins::EthernetII ethernet(hardware(request.source_mac), hardware(request.destination_mac));
  ethernet.payload_type(0x0800);
  ethernet /= Tins::RawPDU(packet);
  const auto bytes = ethernet.serialize();
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

std::uint16_t swapped(std::uint16_t number) { return static_cast<std::uint16_t>(number << 8 | number >> 8); }

// ---- the scene
// ------------------------------------------------------------------------------------------------------

/// A client that asks and a server that is asked, on one cable.
class RawIcmp : public Check {
 protected:
  Program& ask(const std::vector<std::string>& options, const Host& from, const Address& whom,
               Circumstances how = {.raw_sockets = true}) {
    std::vector<std::string> arguments = {whom.host()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(from, arguments, std::move(how));
  }
  Program& ask(const std::vector<std::string>& options) { return ask(options, client, server.at(0)); }

  /// The same with options that give an answer all the time it may need.
  Program& ask_at_leisure(std::vector<std::string> options) { return ask(with(std::move(options))); }

  /// From now on nobody answers but the check.
  void silence(Host& host) { host.sysctl("ipv4/icmp_echo_ignore_all", "1"); }

  /// The n-th request, counted from 1, as soon as it is on the cable.
  CapturedFrame await_request(std::size_t n) { return await_frames(wire, request, n, "request").at(n - 1); }

  /// Puts a packet onto the cable for the sender of this request. Too late for the program's time limit would
  /// prove nothing.
  void answer(const CapturedFrame& asked, const Message& packet, std::chrono::nanoseconds limit) {
    wire.inject(frame_to_sender(asked.frame.headers(), packet));
    if (Clock::now() - asked.time > limit / 2)
      story().cannot_judge("the machine was too busy to answer in time", true);
  }

  /// The same for a message from the host that was asked.
  void answer_with(const CapturedFrame& asked, const Message& message, std::chrono::nanoseconds limit,
                   unsigned option_words = 0) {
    const Headers& is = asked.frame.headers();
    answer(asked, packet(is.destination, is.source, message, option_words), limit);
  }

  /// What the cable carried to the program in this time came well within the program's own limit. The grader
  /// moves the frames, and on a busy machine it may be late itself.
  void expect_carried(std::chrono::nanoseconds time, std::chrono::nanoseconds limit) {
    if (time > limit / 2) story().cannot_judge("the machine was too busy to carry an answer in time", true);
  }

  /// Waits until the program has ended, with whatever status.
  void await_end(Program& program) {
    step("wait until it ends");
    const bool ended = program.process().wait(Clock::now() + patience).has_value();
    expect(ended, "the program ends", fmt::format("after {} s it is still running", patience.count()));
  }

  /// These requests, each once, and no others have a line that tells of a good answer; and that many were
  /// received.
  void expect_answered(const Program& program, const Report& report, const std::set<unsigned>& wanted,
                       unsigned sent, std::chrono::nanoseconds tolerated = patience) {
    step(fmt::format("of {} requests these count as answered, once each: {}", sent,
                     wanted.empty() ? "none" : fmt::format("{}", fmt::join(wanted, ", "))));
    const std::vector<unsigned> good = report.sequences(Told::Kind::good);
    for (const unsigned sequence : good) {
      expect(wanted.contains(sequence),
             fmt::format("no line with seq={} and time=... that tells of a good answer", sequence),
             report.lines_about(sequence));
    }
    // That an answer was missed, and what follows from it, may be the machine's fault; that one was believed
    // is not.
    const bool missed =
        std::ranges::any_of(wanted, [&](unsigned one) { return std::ranges::count(good, one) == 0; });
    const auto judge = [&](bool holds, const std::string& expected, const std::string& actual) {
      if (!holds && missed && machine_delay(begin, program) > tolerated) {
        story().cannot_judge("the machine was so busy that the program may have missed an answer", true);
      }
      expect(holds, expected, actual);
    };
    for (const unsigned sequence : wanted) {
      const auto times = std::ranges::count(good, sequence);
      judge(times == 1,
            fmt::format("one line with seq={} and time=... that tells of a good answer", sequence),
            report.lines_about(sequence));
    }
    step("its statistics say the same");
    judge(report.sent.has_value() && report.received.has_value() && report.loss.has_value(),
          "a line such as \"5 sent, 4 received, 20% loss\"", "there is no such line");
    judge(*report.sent == sent, fmt::format("{} sent", sent), fmt::format("it says {}", *report.sent));
    judge(*report.received == wanted.size(), fmt::format("{} received", wanted.size()),
          fmt::format("it says {}", *report.received));
    const double loss = 100.0 * static_cast<double>(sent - wanted.size()) / sent;
    judge(std::abs(*report.loss - loss) <= 1, fmt::format("{:.0f}% loss", loss),
          fmt::format("it says {:g}%", *report.loss));
    judge(report.times.has_value() == !wanted.empty(),
          wanted.empty() ? "no min/avg/max, as there is nothing to take it of"
                         : "a line such as \"min/avg/max = 0.1/0.2/0.3 ms\"",
          wanted.empty() ? "there is such a line" : "there is no such line");
  }

  /// These requests have a line of this kind, and no others have.
  void expect_told(const Report& report, Told::Kind kind, const std::set<unsigned>& wanted,
                   const std::string& word) {
    step(fmt::format("it says \"{}\" of these requests: {}", word,
                     wanted.empty() ? "none" : fmt::format("{}", fmt::join(wanted, ", "))));
    const std::vector<unsigned> listed = report.sequences(kind);
    const std::set<unsigned> told(listed.begin(), listed.end());
    for (const unsigned sequence : wanted) {
      expect(told.contains(sequence), fmt::format("a line with seq={} and \"{}\"", sequence, word),
             report.lines_about(sequence));
    }
    for (const unsigned sequence : told) {
      expect(wanted.contains(sequence), fmt::format("no \"{}\" in a line with seq={}", word, sequence),
             report.lines_about(sequence));
    }
  }

  const Clock::time_point begin = Clock::now();
  std::vector<std::string> address = random.neighbours(3);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Segment& wire = net.link(client, server);
  const Match request = of_type(icmp, echo_request).from(client);
  const Match reply = of_type(icmp, echo_reply).from(server);
};

// ---- requests
// -------------------------------------------------------------------------------------------------------

TEST_F(RawIcmp, requests_are_valid_messages) {
  const std::size_t odd = 2 * random.number(20, 300) + 1, even = 2 * random.number(350, 700);
  for (const std::size_t size : {even, odd, std::size_t{1}, std::size_t{0}, std::size_t{1472}}) {
    const std::size_t before = wire.count(request);
    Program& program = ask_at_leisure({"-c", "2", "-s", std::to_string(size)});
    likely_mistake(
        "No echo request leaves: an ICMP message of type 8 and code 0, through a raw socket, to the host that "
        "was named.");
    const auto asked = await_request(before + 1);
    const Headers& is = asked.frame.headers();
    step(fmt::format("decode a request with {} bytes of data", size));
    expect(is.code == 0 && is.destination == server.at(0),
           "an echo request with code 0 to " + server.at(0).host(),
           fmt::format("it has code {} and goes to {}", is.code, is.destination.host()));
    likely_mistake(
        "The data is not as long as -s asks for. The eight bytes of the ICMP header are no part of it, and "
        "nothing follows it, no zero and no newline.");
    expect(is.payload.size() == size, fmt::format("{} bytes of data", size),
           fmt::format("it carries {}", is.payload.size()));
    likely_mistake(
        "The checksum is wrong, and so nobody will answer. It covers header and data, its own field being "
        "zero meanwhile; the bytes are taken in pairs, the first of a pair as the high one; a single byte at "
        "the end counts as if a zero followed; carries are added again at the low end; the result is "
        "complemented, and stored high byte first.");
    const std::string trouble = checksum_trouble(asked.frame.bytes());
    expect(trouble.empty(), "right checksums", trouble);
    likely_mistake(
        "The server answered both requests at once. Each answer is to be found behind the IP header, whose "
        "length its first byte tells; it is told in a line and counted as soon as it comes, not when the time "
        "limit (here 30 s) is over.");
    program.expect_exit(0);
    expect_answered(program, Report::of(program), {1, 2}, 2);
    const std::string second = checksum_trouble(await_request(before + 2).frame.bytes());
    expect(second.empty(), "right checksums in the second request as well", second);
  }
}

/// Whether the carries of this frame's ICMP checksum, folded in once, make another carry.
bool needs_two_folds(const Frame& frame) {
  const auto bytes = frame.bytes();
  const std::size_t begin = 14u + frame.headers().header_length;
  std::uint32_t sum = 0;
  for (std::size_t i = begin; i < bytes.size(); ++i) {
    if (i == begin + 2 || i == begin + 3) continue;  // the checksum itself
    sum += std::to_integer<std::uint32_t>(bytes[i]) << ((i - begin) % 2 == 0 ? 8 : 0);
  }
  return (sum >> 16) + (sum & 0xffff) > 0xffff;
}

TEST_F(RawIcmp, carries_are_folded_until_none_is_left) {
  // Large bytes, and a great many, so that the sum has a large upper half: about every third such request
  // needs it folded in twice. The identifier being the program's own choice, that cannot be arranged, but it
  // can be seen.
  constexpr int most_runs = 25;
  const std::string network = fmt::format("10.{}.{}", random.number(251, 254), random.number(0, 250));
  Host& here = net.host("sender", network + ".1/24");
  Host& there = net.host("receiver", network + ".2/24");
  Segment& wide = net.link(here, there, {.mtu = 65535});
  const Match asked = of_type(icmp, echo_request).from(here);
  likely_mistake(
      "The checksum is wrong where the numbers are large. The sum needs more than 16 bits (32 are enough); "
      "what is above the lower 16 is added to them again, and as that may overflow once more, it is repeated "
      "until nothing is left above.");
  for (int runs = 1; runs <= most_runs; ++runs) {
    std::string text;
    for (int i = 0; i < 15000; ++i)
      text += "\xf4\x8f\xbf" + std::string(1, static_cast<char>(random.number(0x80, 0xbf)));
    const std::size_t before = wide.count(asked);
    Program& program = ask({"-c", "1", "-W", "30", "--data", text}, here, there.at(0));
    const auto frames = await_frames(wide, asked, before + 1, "request");
    step("decode the request");
    const std::string trouble = checksum_trouble(frames[before].frame.bytes());
    expect(trouble.empty(), "right checksums", trouble);
    program.expect_exit(0);
    if (needs_two_folds(frames[before].frame)) return;
  }
  story().cannot_judge("none of the requests was one whose checksum is hard to compute", true);
}

TEST_F(RawIcmp, data_is_carried_and_comes_back) {
  const std::string word = random.words(4);
  for (const std::string& text :
       {std::string("Hello world!"), word + (word.size() % 2 == 0 ? "!" : "") + " \xc3\xbf", std::string()}) {
    const std::size_t before = wire.count(request);
    Program& program = ask_at_leisure({"-c", "1", "--data", text});
    const Headers is = await_request(before + 1).frame.headers();
    likely_mistake(
        "The data of the request is not the text after --data, byte by byte, without a zero or a newline at "
        "the end.");
    step("look at the request's data");
    expect(is.payload == text, "the data \"" + text + "\"", "it is \"" + printable(is.payload, 200) + "\"");
    likely_mistake("The answer brought the same data back, but was not taken for good.");
    program.expect_exit(0);
    expect_answered(program, Report::of(program), {1}, 1);
  }
  likely_mistake(
      "More data than fits one packet travels in several, which the kernels take apart and put together "
      "again; the program sees one long answer. A buffer of 1500 bytes is too small for it.");
  Program& program = ask_at_leisure({"-c", "1", "--data", std::string(random.number(3000, 9000), 'x')});
  program.expect_exit(0);
  expect_answered(program, Report::of(program), {1}, 1);
}

TEST_F(RawIcmp, sequence_numbers_count_from_one) {
  const auto count = static_cast<unsigned>(random.number(258, 300));  // more than one byte can count
  Program& program = ask_at_leisure({"-s", "8", "-c", std::to_string(count)});
  likely_mistake(
      "Sequence numbers are 1, 2, 3 and so on. They have two bytes in network order: the high byte comes "
      "first, 1 is 0x0001.");
  (void)await_request(1);
  const auto first = wire.frames(request).front().frame.headers().sequence_number;
  step("look at the first sequence number");
  expect(first == 1, "sequence number 1 (0x0001) in the first request",
         fmt::format("it is {} (0x{:04x})", first, first));
  program.expect_exit(0);
  expect_frames(wire, request, count, "request");
  const auto frames = wire.frames(request);
  for (unsigned i = 0; i < count; ++i) {
    const auto is = frames[i].frame.headers().sequence_number;
    expect(is == i + 1, fmt::format("sequence number {} in request {}", i + 1, i + 1),
           fmt::format("it is {} (0x{:04x})", is, is));
  }
  std::set<unsigned> all;
  for (unsigned i = 1; i <= count; ++i) all.insert(i);
  likely_mistake("Every request was answered on the cable, but not every answer was found.");
  expect_answered(program, Report::of(program), all, count);
}

TEST_F(RawIcmp, identifier_is_drawn_anew_and_told) {
  std::set<std::uint16_t> drawn;
  for (int runs = 0; runs < 4; ++runs) {
    const std::size_t before = wire.count(request);
    Program& program = ask_at_leisure({"-c", "3"});
    program.expect_exit(0);
    const auto frames = wire.frames(request);
    likely_mistake(
        "All requests of one run carry the same identifier: it tells this program's requests from those of "
        "others.");
    step("compare the identifiers of one run");
    expect(frames.size() == before + 3, "3 requests", fmt::format("{}", frames.size() - before));
    const auto identifier = frames[before].frame.headers().identifier;
    for (std::size_t i = before; i < frames.size(); ++i) {
      const auto is = frames[i].frame.headers().identifier;
      expect(is == identifier, fmt::format("identifier 0x{:04x} in every request", identifier),
             fmt::format("one has 0x{:04x}", is));
    }
    likely_mistake(
        "The identifier that the program prints is not the one on the wire. There it stands in network order, "
        "the high byte first; the handout says how it is printed.");
    step("compare the identifier on the wire with the one that was printed");
    const Report report = Report::of(program);
    expect(report.identifier == identifier,
           fmt::format("a line with id={}, as on the wire (0x{:04x})", identifier, identifier),
           report.identifier ? fmt::format("it says id={} (0x{:04x})", *report.identifier, *report.identifier)
                             : "no line holds id=");
    drawn.insert(identifier);
  }
  likely_mistake(
      "Every run has the same identifier. A fixed number will not do, and no process number either: here, as "
      "in any container, every program may have the same. Draw it by chance.");
  step("compare the identifiers of four runs");
  expect(drawn.size() > 1, "a new identifier in each run",
         fmt::format("all four runs have 0x{:04x}", *drawn.begin()));
}

TEST_F(RawIcmp, time_to_live_is_the_one_asked_for) {
  const auto ttl = random.number(65, 254);
  Program& program = ask_at_leisure({"-c", "2", "-t", std::to_string(ttl)});
  likely_mistake("The IP header's time to live is an option of the socket: set it before the first request.");
  program.expect_exit(0);
  for (const CapturedFrame& one : await_frames(wire, request, 2, "request")) {
    expect(one.frame.headers().ttl == ttl, fmt::format("a time to live of {}", ttl),
           fmt::format("it is {}", one.frame.headers().ttl));
  }
}

TEST_F(RawIcmp, next_request_leaves_when_the_interval_has_passed) {
  wire.rule(delay(reply, 300ms));
  Program& program = ask({"-c", "4", "-i", "0.4", "-W", "30"});
  likely_mistake(
      "The times between the requests are not the ones asked for with -i. They count from one request to the "
      "next, so that waiting for the answer is part of them, and does not come on top.");
  const auto frames = await_frames(wire, request, 4, "request", 15s);
  step("on the cable: the times between the requests are 400 ms");
  const auto answers = wire.frames(reply);
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    // On a busy machine the cable itself may bring an answer later than the next request is due.
    const bool carried = i < answers.size() && answers[i].arrived.has_value();
    const std::chrono::nanoseconds answered = carried ? *answers[i].arrived - frames[i].time : 0ns;
    const std::chrono::nanoseconds gap = frames[i + 1].time - frames[i].time;
    expect_time(gap, 378ms, std::max<std::chrono::nanoseconds>(400ms, answered) + 240ms,
                machine_delay(frames[i].time, program), "about 400 ms between one request and the next",
                fmt::format("{:.1f} ms between requests {} and {}", Milliseconds(gap).count(), i + 1, i + 2));
  }
  program.expect_exit(0);
}

TEST_F(RawIcmp, time_limit_and_interval_are_two_things) {
  {
    step("the answers take 600 ms");
    const auto slow = wire.impair(delay(reply, 600ms));
    Program& program = ask({"-c", "2", "-i", "0.3", "-W", "30"});
    likely_mistake(
        "The answer came after the interval of -i, but well within the time limit of -W. The interval says how soon the "
        "next request may leave at the earliest; how long an answer is waited for, -W alone says.");
    program.expect_exit(0);
    expect_answered(program, Report::of(program), {1, 2}, 2);
  }
  step("the answers take 800 ms, and 300 ms are the limit");
  const std::size_t before = wire.count(request);
  const auto slow = wire.impair(delay(reply, 800ms));
  Program& program = ask({"-c", "2", "-i", "1.2", "-W", "0.3"});
  likely_mistake(
      "The answer came before the next request was to leave, but after the time limit of -W: its request was given up by "
      "then, and is lost. That the program has time to listen until the interval is over does not make it good.");
  await_end(program);
  const Report report = Report::of(program);
  const auto asked = wire.frames(request);
  const bool late = asked.size() > before && machine_delay(asked[before].time, program) > 200ms;
  if (late && !report.of_kind(Told::Kind::good).empty())
    story().cannot_judge("the machine was too busy for the program to give up in time", true);
  expect_answered(program, report, {}, 2);
  expect_told(report, Told::Kind::lost, {1, 2}, "no answer");
}

// ---- statistics
// -----------------------------------------------------------------------------------------------------

/// The answers arrive later by these times, in order.
Rule delays(const Match& match, std::vector<std::chrono::milliseconds> times) {
  return [match, times = std::move(times),
          seen = std::size_t{0}](const Frame& frame) mutable -> std::optional<Fate> {
    if (!match(frame)) return std::nullopt;
    const auto time = times[std::min(seen++, times.size() - 1)];
    return Fate{{{.delay = time}}, fmt::format("delayed {} ms", time.count())};
  };
}

TEST_F(RawIcmp, round_trip_times_agree_with_the_cable) {
  std::vector<std::chrono::milliseconds> times;
  for (const unsigned least : {60u, 10u, 140u, 30u}) times.emplace_back(least + random.number(0, 15));
  wire.rule(delays(reply, times));
  const auto count = static_cast<unsigned>(times.size());
  Program& program = ask_at_leisure({"-c", std::to_string(count)});
  program.expect_exit(0);
  const Report report = Report::of(program);
  likely_mistake("Every request was answered on the cable, but not every answer was found.");
  expect_answered(program, report, {1, 2, 3, 4}, count);
  likely_mistake(
      "A round trip lasts from the moment before its own request is sent to the moment when the answer has "
      "come, on a clock that goes on while the program waits (std::clock does not), and is printed in "
      "milliseconds.");
  step("compare the times with those of the cable");
  const auto asked = wire.frames(request), answered = wire.frames(reply);
  expect(asked.size() == count && answered.size() == count &&
             std::ranges::all_of(answered, &CapturedFrame::arrivals),
         fmt::format("{} requests and as many answers on the cable", count),
         fmt::format("{} and {}", asked.size(), answered.size()));
  for (const Told& told : report.of_kind(Told::Kind::good)) {
    const auto i = told.sequence - 1;
    const auto printed =
        std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(told.milliseconds));
    const auto least = answered[i].time + times[i] - asked[i].time;
    const auto most = *answered[i].arrived - asked[i].time + 20ms;
    expect_time(printed, least - 500us, most, machine_delay(asked[i].time, program),
                fmt::format("a time of about {:.1f} ms for seq={}, as on the cable",
                            Milliseconds(least).count(), told.sequence),
                "\"" + told.text + "\"");
  }
  likely_mistake(
      "min/avg/max are the least, the mean and the greatest of the times in the lines above, in that order.");
  step("compare min/avg/max with the times of the lines");
  double least = 1e9, most = 0, total = 0;
  for (const Told& told : report.of_kind(Told::Kind::good)) {
    least = std::min(least, told.milliseconds);
    most = std::max(most, told.milliseconds);
    total += told.milliseconds;
  }
  const std::array<double, 3> wanted = {least, total / count, most};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    expect(std::abs((*report.times)[i] - wanted[i]) <= 0.02,
           fmt::format("min/avg/max = {:.3f}/{:.3f}/{:.3f} ms", wanted[0], wanted[1], wanted[2]),
           fmt::format("they are {:.3f}/{:.3f}/{:.3f}", (*report.times)[0], (*report.times)[1],
                       (*report.times)[2]));
  }
}

TEST_F(RawIcmp, lost_answers_are_counted_as_lost) {
  constexpr auto limit = 600ms;
  constexpr unsigned count = 7;
  const auto no_request = static_cast<unsigned>(random.number(2, 3)),
             no_answer = static_cast<unsigned>(random.number(5, 6));
  wire.rule(drop_nth(request, no_request));
  wire.rule(drop_nth(reply, no_answer - 1));  // one request was never answered
  Program& program = ask({"-c", std::to_string(count), "-i", "0", "-W", "0.6"});
  likely_mistake(
      "An answer that gets lost does not end the program: after the time limit the request counts as lost, "
      "and the next one is made.");
  program.expect_exit(0, 15s);
  const Report report = Report::of(program);
  for (const CapturedFrame& one : wire.frames(reply)) {
    for (const CapturedFrame& asked : wire.frames(request)) {
      const bool same = asked.frame.headers().sequence_number == one.frame.headers().sequence_number;
      if (same && one.arrived) expect_carried(*one.arrived - asked.time, limit);
    }
  }
  std::set<unsigned> answered;
  for (unsigned i = 1; i <= count; ++i) {
    if (i != no_request && i != no_answer) answered.insert(i);
  }
  likely_mistake(
      "Of the requests some were lost, and some answers. The statistics tell how many requests were sent, how "
      "many got a good answer, and which part of those sent did not.");
  expect_answered(program, report, answered, count, limit / 3);
  likely_mistake(
      "A request whose answer does not come within the time limit gets a line, too, which says so.");
  expect_told(report, Told::Kind::lost, {no_request, no_answer}, "no answer");
  likely_mistake(
      "The next request leaves before the time limit of the lost one is over, or a good while after.");
  const auto frames = wire.frames(request);
  expect_frames(wire, request, count, "request");
  for (const unsigned lost : {no_request, no_answer}) {
    expect_gaps({frames[lost - 1], frames[lost]}, {limit}, program);
  }
}

TEST_F(RawIcmp, no_answer_at_all_is_a_failure) {
  wire.rule(drop(reply));
  Program& program = ask({"-c", "2", "-i", "0", "-W", "0.3"});
  likely_mistake(
      "Nobody answers. Each request is waited for until its time limit is over; then come the statistics "
      "(mind the mean of no times), a line on standard error that names the host, and exit status 1, for that "
      "is a failure.");
  program.expect_exit(1);
  program.expect_error({server.at(0).host()});
  likely_mistake(
      "Both requests were sent, and without any answer the loss is 100%. There is no least, mean or greatest "
      "time: mind the division by zero.");
  expect_answered(program, Report::of(program), {}, 2);
}

// ---- whom to believe
// ------------------------------------------------------------------------------------------------

TEST_F(RawIcmp, answers_to_other_programs_are_ignored) {
  constexpr auto limit = 1s;
  silence(server);
  Program& program = ask({"-c", "4", "-i", "0", "-W", "1"});
  const std::string others =
      "A raw socket hears the answers to all programs of the machine. Only those with this program's "
      "identifier are its own. All sixteen bits of it count, in network order.";
  const std::string errors =
      "A raw socket hears the error messages for all programs of the machine as well. The request that one "
      "quotes is this program's own if its identifier is.";
  const std::string protocols =
      "Not every packet that an error message quotes is ICMP. The quoted IP header says what follows it (1 is "
      "ICMP, 17 is UDP); the bytes behind it mean something only after a look at that. And not every ICMP message is "
      "an echo request: its type, 8, is in the quoted part, too.";
  likely_mistake(others);
  const auto first = await_request(1);
  const std::uint16_t identifier = first.frame.headers().identifier;
  const auto foreign = [&](std::uint16_t other) {
    const Headers& is = wire.frames(request).back().frame.headers();
    return echo(echo_reply, other, is.sequence_number, is.payload);
  };
  step("request 1 gets answers that carry other identifiers");
  for (const unsigned bit : {0x0001u, 0x0100u, 0x8000u})
    answer_with(first, foreign(static_cast<std::uint16_t>(identifier ^ bit)), limit);
  if (swapped(identifier) != identifier) answer_with(first, foreign(swapped(identifier)), limit);

  const auto second = await_request(2);
  step("request 2: an error message comes, but about another program's request");
  const Headers& two = second.frame.headers();
  const auto quoting = [&](const Message& content, std::uint8_t protocol) {
    return error_about(time_exceeded, 0, packet(two.source, two.destination, content, 0, protocol));
  };
  answer_with(second,
              quoting(echo(echo_request, static_cast<std::uint16_t>(identifier ^ 0x0101), 2, two.payload), 1),
              limit);

  const auto third = await_request(3);
  step("request 3: an error message comes, but about a UDP datagram whose bytes are much alike");
  answer_with(third, quoting(echo(echo_request, identifier, 3, two.payload), 17), limit);
  step("and one about an echo reply with the same numbers");
  answer_with(third, quoting(echo(echo_reply, identifier, 3, two.payload), 1), limit);

  const auto fourth = await_request(4);
  step("request 4 gets another program's answer, and then its own");
  answer_with(fourth, foreign(static_cast<std::uint16_t>(identifier ^ 0x0010)), limit);
  answer_with(fourth, answer_to(fourth.frame.headers()), limit);
  program.expect_exit(0);
  const Report report = Report::of(program);
  for (const Told& told : report.told) {
    if (told.sequence == 4) continue;
    likely_mistake(told.sequence == 1 ? others : told.sequence == 2 ? errors : protocols);
    step(fmt::format("it takes nothing of what came for an answer to request {}", told.sequence));
    expect(!told.believed(), fmt::format("that request {} got no answer", told.sequence),
           report.lines_about(told.sequence));
  }
  likely_mistake(others);
  expect_answered(program, report, {4}, 4, limit / 3);
}

TEST_F(RawIcmp, two_programs_at_once_do_not_disturb_each_other) {
  // The answers to the first are lost, those to the second pass: what the first one hears is not for it.
  std::optional<std::uint16_t> silent;
  wire.rule([&, seen = std::optional<std::uint16_t>()](const Frame& frame) mutable -> std::optional<Fate> {
    if (!seen && request(frame)) seen = frame.headers().identifier;
    if (reply(frame) && frame.headers().identifier == seen) return Fate{{}, "lost"};
    return std::nullopt;
  });
  constexpr auto limit = 3s;
  Program& unlucky = ask({"-c", "1", "-W", "3"});
  const auto asked = await_request(1);
  Program& lucky = ask_at_leisure({"-c", "1"});
  const auto other = await_request(2);
  likely_mistake(
      "Two programs that run at the same time must not have the same identifier, wherever they run: draw it "
      "by chance.");
  step("compare the identifiers");
  expect(asked.frame.headers().identifier != other.frame.headers().identifier, "two identifiers",
         fmt::format("both are 0x{:04x}", asked.frame.headers().identifier));
  const auto heard = await_frames(wire, reply, 2, "answer").back();
  if (heard.time > asked.time + limit / 2)
    story().cannot_judge("the machine was too busy to start two programs", true);
  likely_mistake(
      "The first program takes the answer that the second one gets for its own. The identifier tells them "
      "apart.");
  lucky.expect_exit(0);
  await_end(unlucky);
  expect_answered(lucky, Report::of(lucky), {1}, 1);
  expect_answered(unlucky, Report::of(unlucky), {}, 1);
}

TEST_F(RawIcmp, only_echo_replies_of_the_host_count) {
  {
    likely_mistake(
        "A raw socket hears its own host's messages as well: who asks the own machine receives the request "
        "first, which has the same identifier and sequence number, and then the answer. The type tells them "
        "apart.");
    Program& program = ask(with({"-c", "3"}), client, Address::numeric("127.0.0.1", 0));
    program.expect_exit(0);
    const Report report = Report::of(program);
    expect_answered(program, report, {1, 2, 3}, 3);
    expect_told(report, Told::Kind::duplicate, {}, "dup");
  }
  silence(client);
  {
    step("the client's own kernel answers no more: its programs hear their own requests, and nothing else");
    Program& program = ask({"-c", "2", "-i", "0", "-W", "0.4"}, client, client.at(0));
    await_end(program);
    expect_answered(program, Report::of(program), {}, 2);
  }
  silence(server);
  constexpr auto limit = 800ms;
  Program& program = ask({"-c", "3", "-i", "0", "-W", "0.8"});
  likely_mistake(
      "An answer counts when it comes from the host that was asked (recvfrom tells who sent it), and is an "
      "echo reply. A request from that host is none, whatever its numbers are.");
  const auto first = await_request(1);
  const Headers one = first.frame.headers();
  step("request 1: another address answers");
  const Address stranger = Address::numeric(address[2].substr(0, address[2].find('/')), 0);
  answer(first, packet(stranger, one.source, answer_to(one)), limit);
  const auto second = await_request(2);
  step("request 2: the server sends a request of its own, with the same numbers");
  answer_with(second, echo(echo_request, one.identifier, 2, one.payload), limit);
  const auto third = await_request(3);
  answer_with(third, answer_to(third.frame.headers()), limit);
  program.expect_exit(0);
  expect_answered(program, Report::of(program), {3}, 3, limit / 3);
}

TEST_F(RawIcmp, answers_belong_to_the_request_they_name) {
  constexpr auto limit = 800ms;
  silence(server);
  Program& program = ask({"-c", "6", "-i", "0", "-W", "0.8"});
  const auto first = await_request(1);
  const Headers one = first.frame.headers();
  const auto naming = [&](std::uint16_t sequence) {
    return echo(echo_reply, one.identifier, sequence, one.payload);
  };
  step("request 1 gets an answer with the bytes of the sequence number swapped");
  answer_with(first, naming(0x0100), limit);
  const auto second = await_request(2);
  step("during request 2 the answer to request 1 comes, too late");
  answer_with(second, naming(1), limit);
  const auto third = await_request(3);
  step("request 3 gets its answer twice");
  answer_with(third, naming(3), limit);
  wire.inject(frame_to_sender(one, packet(one.destination, one.source, naming(3))));
  const auto fourth = await_request(4);
  step("during request 4 the answer to request 3 comes a third time, and none to request 4");
  answer_with(fourth, naming(3), limit);
  const auto fifth = await_request(5);
  step("request 5 gets an answer to a request that nobody has made yet");
  answer_with(fifth, naming(6), limit);
  const auto sixth = await_request(6);
  answer_with(sixth, naming(6), limit);
  likely_mistake(
      "The sequence number says which request an answer belongs to. An answer counts if its request waits for "
      "it: not one that was given up, not one that was answered already, and not one that was never made.");
  program.expect_exit(0);
  const Report report = Report::of(program);
  expect_answered(program, report, {3, 6}, 6, limit / 3);
  likely_mistake("An answer that comes twice is told as a duplicate, and counted once.");
  expect_told(report, Told::Kind::duplicate, {3}, "dup");
}

TEST_F(RawIcmp, length_of_the_ip_header_is_honoured) {
  constexpr auto limit = 30s;
  silence(server);
  const std::array<unsigned, 4> words = {1, 10, static_cast<unsigned>(random.number(2, 5)), 0};
  const auto count = static_cast<unsigned>(words.size());
  Program& program = ask({"-c", std::to_string(count + 1), "-i", "0", "-W", "30"});
  likely_mistake(
      "The IP header of this answer is longer than 20 bytes, because it carries options; the ICMP message "
      "begins behind them. The low half of the header's first byte is its length, in words of four bytes.");
  for (unsigned n = 1; n <= count; ++n) {
    const auto asked = await_request(n);
    step(fmt::format("request {} is answered under an IP header of {} bytes", n, 20 + 4 * words[n - 1]));
    answer_with(asked, answer_to(asked.frame.headers()), limit, words[n - 1]);
  }
  const auto last = await_request(count + 1);
  likely_mistake(
      "The IP header that an error message quotes has its own length, too, and may be longer than 20 bytes; "
      "and so may the header in front of the message.");
  const Headers& is = last.frame.headers();
  step(
      fmt::format("about request {} an error message comes, and the IP headers of both, its own and the one "
                  "it quotes, carry options",
                  count + 1));
  const Message quoted =
      packet(is.source, is.destination, echo(echo_request, is.identifier, is.sequence_number, is.payload), 3);
  answer_with(last, error_about(time_exceeded, 0, quoted), limit, 2);
  program.expect_exit(0);
  const Report report = Report::of(program);
  expect_answered(program, report, {1, 2, 3, 4}, count + 1);
  expect_told(report, Told::Kind::exceeded, {count + 1}, "exceeded");
}

TEST_F(RawIcmp, damaged_answers_do_not_count) {
  constexpr auto limit = 600ms;
  silence(server);
  Program& program = ask({"-c", "5", "-i", "0", "-W", "0.6", "-s", "0"});
  const auto damaged = [&](Message message) {
    message[2 + random.number(0, 1)] ^= static_cast<std::uint8_t>(1u << random.number(0, 7));
    return message;
  };
  // Linux hands no message of less than 8 bytes to a raw ICMP socket; whoever listens to all packets gets it.
  const auto cut = [](Message message, std::size_t length) {
    message.resize(length);
    message[2] = message[3] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < length; ++i)
      sum += static_cast<std::uint32_t>(message[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
    message[2] = static_cast<std::uint8_t>(~sum >> 8);
    message[3] = static_cast<std::uint8_t>(~sum);
    return message;
  };
  const auto error = [](const CapturedFrame& asked) {
    const Headers& is = asked.frame.headers();
    const Message asking = echo(echo_request, is.identifier, is.sequence_number, is.payload);
    return error_about(time_exceeded, 0, packet(is.source, is.destination, asking));
  };
  const std::string trusted =
      "A damaged message was believed. A raw socket gets messages before anybody has looked at their "
      "checksum: over the whole message, its checksum field included, it must come out as zero. Otherwise "
      "nothing in it can be trusted.";
  const std::string overrun =
      "A message was believed that is too short for what it should hold. What lay in the buffer behind it "
      "came from an earlier one: only as many bytes as were received may be looked at.";
  likely_mistake(trusted);
  const auto first = await_request(1);
  step("request 1: the answer was damaged on the way, its checksum is wrong");
  answer_with(first, damaged(answer_to(first.frame.headers())), limit);
  const auto second = await_request(2);
  step("request 2: an error message comes damaged, its checksum is wrong");
  answer_with(second, damaged(error(second)), limit);
  const auto third = await_request(3);
  likely_mistake(overrun);
  step("request 3: a damaged answer, and then answers of 4 and 7 bytes, with right checksums");
  for (const Message& one :
       {damaged(answer_to(third.frame.headers())), cut(answer_to(third.frame.headers()), 4),
        cut(answer_to(third.frame.headers()), 7)}) {
    answer_with(third, one, limit);
  }
  const auto fourth = await_request(4);
  step(
      "request 4: a damaged error message, and then error messages that quote 24 bytes, none, and with 6 "
      "bytes in all, with right checksums");
  for (const Message& one :
       {damaged(error(fourth)), cut(error(fourth), 8 + 24), cut(error(fourth), 8), cut(error(fourth), 6)}) {
    answer_with(fourth, one, limit);
  }
  const auto fifth = await_request(5);
  answer_with(fifth, answer_to(fifth.frame.headers()), limit);
  program.expect_exit(0);
  const Report report = Report::of(program);
  for (const Told& told : report.told) {
    likely_mistake(told.sequence <= 2 ? trusted : overrun);
    if (told.sequence == 5) continue;
    step(fmt::format("it takes nothing of what came for an answer to request {}", told.sequence));
    expect(!told.believed(), fmt::format("that request {} got no answer", told.sequence),
           report.lines_about(told.sequence));
  }
  expect_answered(program, report, {5}, 5, limit / 3);
}

TEST_F(RawIcmp, data_that_comes_back_changed_is_noticed) {
  constexpr auto limit = 800ms;
  silence(server);
  const std::string text = random.words(5);
  Program& program = ask({"-c", "4", "-i", "0", "-W", "0.8", "--data", text});
  likely_mistake(
      "An answer must bring back the data of the request, all of it and nothing else. One that does not is "
      "told as \"changed\", and is not counted as a good answer. Compare lengths, too.");
  const auto other = [&](const Headers& asked, const std::string& data) {
    return echo(echo_reply, asked.identifier, asked.sequence_number, data);
  };
  const auto first = await_request(1);
  std::string bytes = first.frame.headers().payload;
  const std::size_t at = random.number(0, bytes.empty() ? 0 : bytes.size() - 1);
  if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
  step(fmt::format("request 1: byte {} of the data comes back changed", at + 1));
  answer_with(first, other(first.frame.headers(), bytes), limit);
  const auto second = await_request(2);
  step("request 2: the data comes back without its last byte");
  answer_with(second, other(second.frame.headers(), text.substr(0, text.size() - 1)), limit);
  const auto third = await_request(3);
  step("request 3: the data comes back with a further byte");
  answer_with(third, other(third.frame.headers(), text + "!"), limit);
  const auto fourth = await_request(4);
  answer_with(fourth, answer_to(fourth.frame.headers()), limit);
  program.expect_exit(0);
  const Report report = Report::of(program);
  expect_answered(program, report, {4}, 4, limit / 3);
  expect_told(report, Told::Kind::changed, {1, 2, 3}, "changed");
}

TEST_F(RawIcmp, what_is_no_answer_does_not_prolong_the_wait) {
  constexpr auto limit = 800ms;
  silence(server);
  Program& program = ask({"-c", "2", "-i", "0", "-W", "0.8"}, client, server.at(0),
                         {.watched = {Call::wait, Call::receive},
                          .faults = {interrupt_late(Call::wait), interrupt(Call::receive).after(1)},
                          .raw_sockets = true});
  likely_mistake(
      "Something that is no answer changes the wait: another program's answer, or a signal (EINTR, which is "
      "no failure). It is to end at a fixed moment, neither later nor earlier: work out before each call how "
      "much time is left.");
  const auto asked = await_request(1);
  const Headers is = asked.frame.headers();
  step("for two seconds, answers to another program come all the time");
  for (int i = 1; i <= 20; ++i) {
    std::this_thread::sleep_until(asked.time + i * 100ms);
    const Message message =
        echo(echo_reply, static_cast<std::uint16_t>(is.identifier ^ 0x0101), is.sequence_number, is.payload);
    wire.inject(frame_to_sender(is, packet(is.destination, is.source, message)));
  }
  const auto frames = await_frames(wire, request, 2, "request");
  expect_gaps({frames[0], frames[1]}, {limit}, program);
  await_end(program);
  expect_answered(program, Report::of(program), {}, 2);
}

TEST_F(RawIcmp, answer_in_time_counts_however_late_one_looks) {
  constexpr auto limit = 800ms;
  silence(server);
  Program& program = ask({"-c", "2", "-i", "0", "-W", "0.8"});
  const auto first = await_request(1);
  const Headers is = first.frame.headers();
  program.pause();
  step("in time there come another program's answers, and behind them its own; all lie in its socket");
  for (int i = 0; i < 3; ++i) {
    answer_with(
        first,
        echo(echo_reply, static_cast<std::uint16_t>(is.identifier ^ 0x0101), is.sequence_number, is.payload),
        limit);
  }
  answer_with(first, answer_to(is), limit);
  step("the time limit passes while the program stands");
  std::this_thread::sleep_until(first.time + limit + 50ms);
  program.resume();
  likely_mistake(
      "The answer came in time and lay in the socket; the program had no processor meanwhile, as may happen on any busy "
      "machine, and when it looked again, the time was over. So look once more before you give up, without waiting: "
      "not at one packet only, for the first may be another program's, but until nothing is there.");
  const auto second = await_request(2);
  answer_with(second, answer_to(second.frame.headers()), limit);
  await_end(program);
  expect_answered(program, Report::of(program), {1, 2}, 2, limit / 3);
}

// ---- bad news
// -------------------------------------------------------------------------------------------------------

/// The address stands in the text, and is not the beginning or the end of another one.
bool names(const std::string& text, const std::string& address) {
  const auto part_of_address = [&](std::size_t at) {
    if (at >= text.size()) return false;
    if (std::isalnum(static_cast<unsigned char>(text[at])) != 0) return true;
    return (text[at] == '.' || text[at] == ':') && at + 1 < text.size() &&
           std::isxdigit(static_cast<unsigned char>(text[at + 1])) != 0;
  };
  for (auto at = text.find(address); at != std::string::npos; at = text.find(address, at + 1)) {
    const bool begins = at == 0 || (std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0 &&
                                    text[at - 1] != '.' && text[at - 1] != ':');
    if (begins && !part_of_address(at + address.size())) return true;
  }
  return false;
}

/// A way with routers on it:
///
///     asker ---cable 0--- router 1 ---cable 1--- ... --- router n ---cable n--- asked
class Way {
 public:
  Way(Network& net, Random& random, unsigned routers, bool v6)
      : v6_(v6), network_(static_cast<unsigned>(random.number(1, 200))) {
    for (unsigned k = 0; k <= routers; ++k) {
      left_.push_back(on(k, static_cast<unsigned>(random.number(2, 120))));
      right_.push_back(on(k, static_cast<unsigned>(random.number(121, 250))));
    }
    Host* before = &net.host("asker", left_[0] + prefix());
    asker_ = before;
    for (unsigned k = 1; k <= routers; ++k) {
      Host& router = net.router(fmt::format("router{}", k), right_[k - 1] + prefix(), left_[k] + prefix());
      cables_.push_back(&net.link(*before, router));
      routers_.push_back(&router);
      before = &router;
    }
    asked_ = &net.host("asked", right_[routers] + prefix());
    cables_.push_back(&net.link(*before, *asked_));

    asker_->default_route(right_[0]);
    asked_->default_route(left_[routers]);
    for (unsigned k = 1; k <= routers; ++k) {
      for (unsigned far = 0; far + 1 < k; ++far) routers_[k - 1]->route(on_whole(far), left_[k - 1]);
      for (unsigned far = k + 1; far <= routers; ++far) routers_[k - 1]->route(on_whole(far), right_[k]);
    }
  }

  [[nodiscard]] Host& asker() const { return *asker_; }
  [[nodiscard]] Address asked() const { return asked_->at(0); }
  [[nodiscard]] Segment& first_cable() const { return *cables_.front(); }

  /// Where the n-th router's errors come from, counted from 1: its end of the cable that leads to the asker.
  [[nodiscard]] const std::string& router(unsigned n) const { return right_.at(n - 1); }

 private:
  [[nodiscard]] std::string prefix() const { return v6_ ? "/64" : "/24"; }
  [[nodiscard]] std::string on(unsigned cable, unsigned host) const {
    return v6_ ? fmt::format("fd00:{:x}:{:x}::{:x}", network_, cable + 1, host)
               : fmt::format("172.20.{}.{}", network_ + cable, host);
  }
  [[nodiscard]] std::string on_whole(unsigned cable) const {
    return v6_ ? fmt::format("fd00:{:x}:{:x}::/64", network_, cable + 1)
               : fmt::format("172.20.{}.0/24", network_ + cable);
  }

  bool v6_;
  unsigned network_;
  std::vector<std::string> left_, right_;
  Host* asker_ = nullptr;
  Host* asked_ = nullptr;
  std::vector<Host*> routers_;
  std::vector<Segment*> cables_;
};

TEST_F(RawIcmp, time_exceeded_names_the_router) {
  const Way way(net, random, 2, false);
  for (const unsigned hops : {2u, 1u}) {
    const Match asked = of_type(icmp, echo_request).from(way.asker());
    const std::size_t before = way.first_cable().count(asked);
    Program& program = ask(with({"-c", "2", "-t", std::to_string(hops)}), way.asker(), way.asked());
    likely_mistake(
        "The IP header's time to live is an option of the socket: set it before the first request.");
    const auto ttl =
        await_frames(way.first_cable(), asked, before + 1, "request")[before].frame.headers().ttl;
    expect(ttl == hops, fmt::format("a time to live of {}", hops), fmt::format("it is {}", ttl));
    likely_mistake(
        "A router threw the requests away because their time to live was over, and said so: ICMP type 11. "
        "Behind the 8 bytes of that message stands the IP header of the request, and then the request's own "
        "first 8 bytes, by which it is known. It is news about the request, and so nothing more is to be "
        "waited for.");
    await_end(program);
    const Report report = Report::of(program);
    expect_told(report, Told::Kind::exceeded, {1, 2}, "exceeded");
    expect_answered(program, report, {}, 2);
    likely_mistake(
        "The address in the line is that of the router which sent the message, not that of the host that was "
        "asked.");
    for (const Told& told : report.of_kind(Told::Kind::exceeded)) {
      expect(names(told.text, way.router(hops)),
             "the router's address, " + way.router(hops) + ", in the line", "\"" + told.text + "\"");
    }
  }
  likely_mistake("With a time to live of 3 the requests pass both routers, and are answered.");
  Program& program = ask(with({"-c", "2", "-t", "3"}), way.asker(), way.asked());
  program.expect_exit(0);
  expect_answered(program, Report::of(program), {1, 2}, 2);
}

TEST_F(RawIcmp, unreachable_names_the_router) {
  const Way way(net, random, 1, false);
  const Address nowhere = Address::numeric(fmt::format("198.51.100.{}", random.number(1, 250)), 0);
  Program& program = ask(with({"-c", "2"}), way.asker(), nowhere);
  likely_mistake(
      "The router knows no way to that network, and said so: ICMP type 3, which quotes the request as \"time "
      "exceeded\" does. The request is lost, and nothing more is to be waited for.");
  await_end(program);
  const Report report = Report::of(program);
  expect_told(report, Told::Kind::unreachable, {1, 2}, "unreachable");
  expect_answered(program, report, {}, 2);
  likely_mistake(
      "The address in the line is that of the router which sent the message, not that of the host that was "
      "asked.");
  for (const Told& told : report.of_kind(Told::Kind::unreachable)) {
    expect(names(told.text, way.router(1)), "the router's address, " + way.router(1) + ", in the line",
           "\"" + told.text + "\"");
  }
}

TEST_F(RawIcmp, without_the_right_to_raw_sockets_it_says_so) {
  Program& program = ask({"-c", "1"}, client, server.at(0), {});
  likely_mistake(
      "The program may not open a raw socket. It is to say that, with the system's reason, on one line of "
      "standard error, and to end with status 1; without a socket there is nothing that it could go on "
      "with.");
  program.expect_exit(1);
  program.expect_error({"socket", "permi"});  // Operation not permitted, or Permission denied
  expect_frames(wire, icmp.from(client), 0, "request");
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

/// The lines of a trace by hop.
std::map<unsigned, std::string> hops_of(const Program& program) {
  static const std::regex hop(R"(^\s*(\d{1,3})[^0-9.:])");
  std::map<unsigned, std::string> lines;
  for (const Line& line : program.process().lines()) {
    const std::string text = line.text.substr(0, 500);
    std::smatch found;
    if (std::regex_search(text, found, hop)) lines.emplace(static_cast<unsigned>(std::stoul(found[1])), text);
  }
  return lines;
}

TEST_F(RawIcmp, trace_names_the_routers_in_order) {
  const auto routers = static_cast<unsigned>(random.number(2, 4));
  const Way way(net, random, routers, false);
  Program& program = ask({"--trace", "-W", "30"}, way.asker(), way.asked());
  likely_mistake(
      "The first request may live for one hop, the next for two, and so on: each makes another router known, "
      "until the host itself answers. Then the way is known, and there is nothing more to ask.");
  program.expect_exit(0);
  const auto lines = hops_of(program);
  for (unsigned hop = 1; hop <= routers + 1; ++hop) {
    const std::string wanted = hop <= routers ? way.router(hop) : way.asked().host();
    step(fmt::format("hop {} is {}", hop, wanted));
    expect(lines.contains(hop), fmt::format("a line that begins with {} and names {}", hop, wanted),
           "there is no line for this hop");
    expect(names(lines.at(hop), wanted), fmt::format("a line that begins with {} and names {}", hop, wanted),
           "\"" + lines.at(hop) + "\"");
  }
  expect(lines.size() == routers + 1, fmt::format("{} hops", routers + 1),
         fmt::format("there are lines for {}", lines.size()));
  const auto asked = way.first_cable().frames(of_type(icmp, echo_request).from(way.asker()));
  step("one request for each hop has crossed the first cable");
  expect(asked.size() == routers + 1, fmt::format("{} requests", routers + 1),
         fmt::format("{}", asked.size()));
  for (unsigned i = 0; i < asked.size(); ++i) {
    expect(asked[i].frame.headers().ttl == i + 1,
           fmt::format("a time to live of {} in request {}", i + 1, i + 1),
           fmt::format("it is {}", asked[i].frame.headers().ttl));
  }
}

TEST_F(RawIcmp, trace_shows_a_star_for_a_silent_router) {
  constexpr auto limit = 500ms;
  const Way way(net, random, 4, false);
  const Match told = of_type(icmp, time_exceeded);
  way.first_cable().rule(delay(told.from(Address::numeric(way.router(2), 0)), limit * 3 / 2));
  way.first_cable().rule(drop(told.from(Address::numeric(way.router(3), 0))));
  Program& program = ask({"--trace", "-W", "0.5"}, way.asker(), way.asked());
  likely_mistake(
      "The second router's message comes when its time is over, and the third router sends none: both hops "
      "get a star, and the trace goes on. What comes late is about an earlier request, as its sequence number "
      "shows, and says nothing about the present hop.");
  program.expect_exit(0, 20s);
  const auto lines = hops_of(program);
  const auto asked = way.first_cable().frames(of_type(icmp, echo_request).from(way.asker()));
  for (const unsigned hop : {1u, 4u, 5u}) {
    const Address sender = hop <= 4 ? Address::numeric(way.router(hop), 0) : way.asked();
    for (const CapturedFrame& news : way.first_cable().frames(icmp.from(sender))) {
      if (hop <= asked.size() && news.arrived) expect_carried(*news.arrived - asked[hop - 1].time, limit);
    }
  }
  const auto judge = [&](bool holds, const std::string& expected, const std::string& actual) {
    if (!holds && machine_delay(begin, program) > limit / 5)
      story().cannot_judge("the machine was so busy that the program may have missed a message", true);
    expect(holds, expected, actual);
  };
  for (unsigned hop = 1; hop <= 5; ++hop) {
    const bool silent = hop == 2 || hop == 3;
    const std::string wanted = silent ? "*" : hop <= 4 ? way.router(hop) : way.asked().host();
    step(fmt::format("hop {} is {}", hop, wanted));
    const std::string line = lines.contains(hop) ? lines.at(hop) : "";
    judge(silent ? line.find('*') != std::string::npos && line.find('.') == std::string::npos
                 : names(line, wanted),
          fmt::format("a line that begins with {} and {} {}", hop, silent ? "has nothing but a" : "names",
                      wanted),
          line.empty() ? "there is no line for this hop" : "\"" + line + "\"");
  }
}

TEST_F(RawIcmp, speaks_icmpv6) {
  const Way way(net, random, 1, true);
  Segment& cable = way.first_cable();
  const Match asked = of_type(icmpv6, echo_request_v6).from(way.asker());
  const std::string text = random.words(3) + (random.number(0, 1) == 0 ? "" : "!");
  Program& program = ask(with({"-c", "3", "--data", text}), way.asker(), way.asked());
  likely_mistake(
      "With an IPv6 address it is ICMPv6 (RFC 4443): types 128 and 129, a raw socket for IPPROTO_ICMPV6. The "
      "kernel writes the checksum, and hands over messages without the IP header.");
  const Headers is = await_frames(cable, asked, 1, "request").front().frame.headers();
  step("decode the request");
  expect(is.payload == text && is.sequence_number == 1,
         fmt::format("sequence number 1 and the data \"{}\"", text),
         fmt::format("it has {} and \"{}\"", is.sequence_number, printable(is.payload, 200)));
  program.expect_exit(0);
  const Report report = Report::of(program);
  expect_answered(program, report, {1, 2, 3}, 3);
  for (const CapturedFrame& one : cable.frames(asked)) {
    const std::string trouble = checksum_trouble(one.frame.bytes());
    expect(trouble.empty(), "right checksums", trouble);
  }
  Program& short_lived = ask(with({"-c", "1", "-t", "1"}), way.asker(), way.asked());
  likely_mistake(
      "In ICMPv6 \"time exceeded\" is type 3 and \"unreachable\" type 1; the IPv6 header that they quote "
      "always has 40 bytes. The limit on hops has a socket option of its own.");
  short_lived.expect_exit(1);
  const Report news = Report::of(short_lived);
  expect_told(news, Told::Kind::exceeded, {1}, "exceeded");
  expect(names(news.of_kind(Told::Kind::exceeded).front().text, way.router(1)),
         "the router's address, " + way.router(1) + ", in the line", news.lines_about(1));
}

TEST_F(RawIcmp, works_without_privilege) {
  // Whose groups may is told in numbers of the grader's own world; see ping_group_range in icmp(7).
  client.sysctl("ipv4/ping_group_range", has_sandbox_user() ? fmt::format("{0} {0}", sandbox_user) : "0 0");
  const std::string text = random.words(3);
  Program& program = ask(with({"-c", "3", "--unprivileged", "--data", text}), client, server.at(0), {});
  likely_mistake(
      "Where the system allows it, a socket of type SOCK_DGRAM for ICMP needs no privilege. The kernel "
      "chooses its identifier, keeps answers to others away, and hands over messages without the IP header.");
  program.expect_exit(0);
  const Report report = Report::of(program);
  expect_answered(program, report, {1, 2, 3}, 3);
  const auto frames = await_frames(wire, request, 3, "request");
  for (const CapturedFrame& one : frames) {
    const Headers& is = one.frame.headers();
    expect(is.payload == text, "the data \"" + text + "\"", "it is \"" + printable(is.payload, 200) + "\"");
    expect(report.identifier == is.identifier,
           fmt::format("a line with id={}, as on the wire", is.identifier),
           report.identifier ? fmt::format("it says id={}", *report.identifier) : "no line holds id=");
  }
}

}  // namespace
}  // namespace wirelab
