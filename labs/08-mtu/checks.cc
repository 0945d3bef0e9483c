// What a program must do to learn how large a packet may be. What it sends is read off the first cable of its
// path: each UDP packet there is a probe. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/network/chain.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr auto silence = 300ms;      // how long a program listens for news of a probe
constexpr std::size_t tries = 3;     // of one size
constexpr std::size_t ip_at = 14;    // where the IP header begins in a frame
constexpr std::size_t icmp_at = 34;  // where ICMP begins, behind an IPv4 header without options

/// Of a captured probe: the bytes of its IP packet.
std::size_t packet_size(const CapturedFrame& frame) { return frame.length - ip_at; }

std::vector<std::size_t> packet_sizes(const std::vector<CapturedFrame>& probes) {
  std::vector<std::size_t> sizes;
  for (const CapturedFrame& one : probes) sizes.push_back(packet_size(one));
  return sizes;
}

/// Probes of the same size one after the other, counted once.
std::vector<std::size_t> without_repeats(std::vector<std::size_t> sizes) {
  const auto repeated = std::ranges::unique(sizes);
  sizes.erase(repeated.begin(), repeated.end());
  return sizes;
}

std::string list(const std::vector<std::size_t>& sizes) {
  return sizes.empty() ? "none" : fmt::format("{}", fmt::join(sizes, ", "));
}

/// The last number in the last line of a text.
std::optional<std::size_t> last_number(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  const std::size_t newline = text.rfind('\n');
  if (newline != text.npos) text.remove_prefix(newline + 1);
  constexpr std::string_view digits = "0123456789";
  const std::size_t last = text.find_last_of(digits);
  if (last == text.npos) return std::nullopt;
  const std::size_t before = text.find_last_not_of(digits, last);
  const std::string number(
      text.substr(before == text.npos ? 0 : before + 1, last - (before == text.npos ? 0 : before + 1) + 1));
  return number.size() > 9 ? std::nullopt : std::optional<std::size_t>(std::stoul(number));
}

/// The same frame with another 16-bit value at this place of its ICMP header, and the checksum made right
/// (RFC 1071).
Bytes with_icmp_field(const Frame& frame, std::size_t offset, std::uint16_t value) {
  Bytes bytes(frame.bytes().begin(), frame.bytes().end());
  const auto put = [&](std::size_t at, std::uint32_t number) {
    bytes[icmp_at + at] = std::byte(number >> 8 & 0xff);
    bytes[icmp_at + at + 1] = std::byte(number & 0xff);
  };
  put(offset, value);
  put(2, 0);
  std::uint32_t sum = 0;
  for (std::size_t at = icmp_at; at < bytes.size(); ++at) {
    sum += std::to_integer<std::uint32_t>(bytes[at]) << ((at - icmp_at) % 2 == 0 ? 8 : 0);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  put(2, ~sum & 0xffff);
  return bytes;
}

/// The frames that match now say that the next link takes so many bytes: the first `count` of them, or all.
Rule claim_next_mtu(Match reports, std::uint16_t mtu, unsigned count = ~0u) {
  return
      [reports = std::move(reports), mtu, left = count](const Frame& frame) mutable -> std::optional<Fate> {
        if (!reports(frame) || left == 0) return std::nullopt;
        --left;
        return Fate{{{.changed = with_icmp_field(frame, 6, mtu)}}, fmt::format("now says {}", mtu)};
      };
}

/// Before each refusal of the port arrives a false report about the same probe, which did arrive: it says
/// that the next link takes half of that probe. The true news comes a little later.
Rule false_report_before(Match refusals, std::chrono::nanoseconds later) {
  return [refusals = std::move(refusals), later](const Frame& frame) -> std::optional<Fate> {
    if (!refusals(frame)) return std::nullopt;
    constexpr std::uint16_t fragmentation_needed = 0x0304;
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(frame.bytes()[i]); };
    constexpr std::size_t quoted_length = icmp_at + 8 + 2;  // total length in the IP header that is quoted
    const unsigned probe = at(quoted_length) << 8 | at(quoted_length + 1);
    Bytes claim = with_icmp_field(frame, 0, fragmentation_needed);
    claim = with_icmp_field(Frame(claim), 6, static_cast<std::uint16_t>(probe / 2));
    return Fate{{{.changed = claim}, {.delay = later}}, fmt::format("after a false report: {}", probe / 2)};
  };
}

/// Loses the first `count` probes of each size.
Rule drop_first_of_each_size(Match probes, unsigned count) {
  return [probes = std::move(probes), count,
          seen = std::map<std::size_t, unsigned>()](const Frame& frame) mutable -> std::optional<Fate> {
    if (!probes(frame) || ++seen[frame.bytes().size()] > count) return std::nullopt;
    return Fate{{}, "lost"};
  };
}

/// What the MTUs of a path teach on the way: the first, and each that is smaller than all before it.
std::vector<std::size_t> narrowings(const std::vector<unsigned>& mtus) {
  std::vector<std::size_t> steps;
  for (const unsigned mtu : mtus) {
    if (steps.empty() || mtu < steps.back()) steps.push_back(mtu);
  }
  return steps;
}

/// Whether a search by halves, from the smallest MTU of IPv4 to the largest packet, comes to this size last
/// of all. One that ends too early does not know it then, and cannot be right by luck.
bool is_found_last(std::size_t mtu) {
  std::size_t fitting = 68, too_large = 65536, middle = 0;
  while (too_large - fitting > 1) {
    middle = fitting + (too_large - fitting) / 2;
    (middle <= mtu ? fitting : too_large) = middle;
  }
  return middle == mtu;
}

class Mtu : public Check {
 protected:
  /// An MTU that nobody sets by himself: odd, so that no rounding of fragments' lengths hits it by chance.
  unsigned random_mtu(unsigned least = 601, unsigned most = 1499) {
    return static_cast<unsigned>(random.number(least / 2, (most - 1) / 2)) * 2 + 1;
  }

  /// So many MTUs, no two of them closer than the headers of a probe are long.
  std::vector<unsigned> random_mtus(std::size_t count, unsigned least = 601, unsigned most = 1499) {
    constexpr unsigned apart = 49;  // so that three fit between 1281 and 1499
    std::vector<unsigned> drawn;
    while (drawn.size() < count) {
      const unsigned mtu = random_mtu(least, most);
      if (std::ranges::none_of(drawn,
                               [&](unsigned other) { return mtu < other + apart && other < mtu + apart; }))
        drawn.push_back(mtu);
    }
    return drawn;
  }

  std::vector<unsigned> falling_mtus(std::size_t count, unsigned least = 601, unsigned most = 1499) {
    std::vector<unsigned> drawn = random_mtus(count, least, most);
    std::ranges::sort(drawn, std::greater<>());
    return drawn;
  }

  Chain chain(const std::vector<unsigned>& mtus, Chain::Families families = Chain::Families::ipv4) {
    return Chain(net, mtus, network, families);
  }

  /// Starts the program; nobody listens on the port, unless the check does.
  Program& start(const Host& host, const Address& target, std::vector<std::string> options = {},
                 Circumstances how = {}) {
    std::vector<std::string> arguments = {target.host(), "-p", std::to_string(port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    begun_ = Clock::now();
    return run(host, arguments, std::move(how));
  }

  /// Two errors that are none for this program are the likeliest mistake, whatever else was to be seen.
  void explain_error(Program& program) {
    const std::string errors = program.process().standard_error();
    if (errors.find("too long") != errors.npos) {
      likely_mistake(
          "EMSGSIZE, \"Message too long\", is no failure for this program, whichever call returns it: it is "
          "the answer. The kernel has learnt that the probe is too large for the path, and what would fit. "
          "Ask it for the MTU again, and go on with that.");
    } else if (errors.find("refused") != errors.npos) {
      likely_mistake(
          "When nobody uses the port, the other host's kernel says so (ICMP \"port unreachable\"), and your "
          "program hears of it as ECONNREFUSED. For other programs that is a failure. For this one it is good "
          "news: the probe was there.");
    }
  }

  /// The program ends well, and the last number in the last line that it printed is this one.
  void expect_path_mtu(Program& program, std::size_t mtu, std::chrono::nanoseconds within = patience) {
    const auto begin = begun_;
    step(fmt::format("{}: it ends with exit status 0", program.host().name()));
    const auto exit = program.process().wait(Clock::now() + within);
    if (exit && exit->code == 1) excuse_delay(begin, program);
    explain_error(program);
    const bool succeeded = exit && exit->reason == Exit::Reason::exited && exit->code == 0;
    expect(succeeded, "the program ends with exit status 0",
           exit ? "it ended in another way"
                : fmt::format("after {:g} s it is still running",
                              std::chrono::duration<double>(within).count()));
    step(fmt::format("{}: its last line says that the path MTU is {}", program.host().name(), mtu));
    const std::string output = program.process().standard_output();
    const auto said = last_number(output);
    if (said == mtu) return;
    excuse_delay(begin, program);
    const std::string last = describe_last_line(output);
    expect(false, fmt::format("a path MTU of {} bytes", mtu),
           said ? fmt::format("it says {}: {}", *said, last) : "no number is there: " + last);
  }

  static std::string describe_last_line(std::string output) {
    while (!output.empty() && output.back() == '\n') output.pop_back();
    return output.empty() ? "it printed nothing" : "\"" + output.substr(output.rfind('\n') + 1) + "\"";
  }

  [[nodiscard]] static Match probes_of(const Host& client) { return udp.from(client); }

  /// Exactly these probes have been sent since `from`, each again only after silence. A repeat that nothing
  /// but the machine's delay explains is not the program's fault.
  void expect_probes(const Segment& wire, const Program& program, const std::vector<std::size_t>& wanted,
                     std::size_t from = 0) {
    step(fmt::format("on the first cable: {} of {} bytes",
                     wanted.size() == 1 ? "one probe" : fmt::format("{} probes", wanted.size()),
                     list(wanted)));
    std::vector<CapturedFrame> probes = wire.frames(probes_of(program.host()));
    probes.erase(probes.begin(), probes.begin() + static_cast<std::ptrdiff_t>(std::min(from, probes.size())));
    const auto sizes = packet_sizes(probes);
    if (sizes == wanted) return;
    if (without_repeats(sizes) == without_repeats(wanted)) excuse_delay(probes.front().time, program);
    expect(false, fmt::format("probes of {} bytes", list(wanted)),
           sizes.empty() ? "there is none" : fmt::format("{} of {} bytes", sizes.size(), list(sizes)));
  }

  /// Where the machine was slow enough to make news of a probe come late, nobody can tell a program's mistake
  /// from that.
  void excuse_delay(Clock::time_point since, const Program& program) {
    constexpr auto much = silence / 3, much_on_one_cable = silence / 8;
    const auto delay = machine_delay(since, program), on_cable = slowest_frame(since);
    if (delay <= much && on_cable <= much_on_one_cable) return;
    story().cannot_judge(
        fmt::format("the machine was too busy: {} ms of delay are its own", std::max(delay, on_cable) / 1ms),
        true);
  }

  /// The longest time that a frame has spent on a cable since then: the grader's own.
  [[nodiscard]] std::chrono::nanoseconds slowest_frame(Clock::time_point since) const {
    std::chrono::nanoseconds slowest{0};
    for (const Segment& cable : net.segments()) {
      for (const CapturedFrame& one : cable.frames()) {
        if (one.time >= since && one.arrived)
          slowest = std::max<std::chrono::nanoseconds>(slowest, *one.arrived - one.time);
      }
    }
    return slowest;
  }

  /// The end comes when the last probe has had its time, as `expect_gaps` judges times.
  void expect_last_wait(const Program& program, const CapturedFrame& last) {
    step("the last probe, too, has 0.3 s to be answered");
    const auto waited = program.process().exit()->time - last.time;
    expect_time(waited, silence - silence / 20 - 2ms, silence * 3 / 2 + 40ms,
                machine_delay(last.time, program), "the end 0.3 s after the last probe",
                fmt::format("it came {} ms after it", waited / 1ms));
  }

  /// An operation failed, and the program says so.
  void expect_failure(Program& program) {
    program.expect_exit(1);
    step(fmt::format("{}: one line on standard error says why", program.host().name()));
    const std::string errors = program.process().standard_error();
    expect(!errors.empty(), "a line on standard error", "it is empty");
  }

  /// Every probe so far goes to the target, in one piece that no router may cut.
  void expect_unfragmented(const Segment& wire, const Host& client) {
    step("on the first cable: every probe carries the don't-fragment bit");
    for (const CapturedFrame& one : wire.frames(
             Match([](const Frame& f) { return f.headers().source.family() != AF_UNSPEC; }).from(client))) {
      const Headers& is = one.frame.headers();
      expect(!is.fragment, "whole packets",
             fmt::format("a fragment of {} bytes, which {} has cut itself", packet_size(one), client.name()));
      if (is.protocol != Headers::Protocol::udp) continue;
      expect(is.dont_fragment, "the bit is set",
             fmt::format("it is not set in a packet of {} bytes", packet_size(one)));
    }
  }

  /// A search by halves needs eleven sizes between 68 and 1500, one from 65,535 on sixteen; trying them all
  /// needs hundreds.
  void expect_few_sizes(const Segment& wire, const Host& client) {
    constexpr std::size_t enough = 32;
    step(fmt::format("on the first cable: at most {} different sizes", enough));
    likely_mistake(
        "The value is right, but it took very many probes. Each size that is tried can rule out half of those "
        "that are left.");
    const auto sizes = packet_sizes(wire.frames(probes_of(client)));
    const std::size_t different = std::set(sizes.begin(), sizes.end()).size();
    expect(different <= enough, fmt::format("at most {} different sizes", enough),
           fmt::format("{}", different));
  }

  /// Whether an error message says that a host cannot be reached, in the system's words or others.
  static bool says_unreachable(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.find("unreach") != text.npos || text.find("no route") != text.npos ||
           text.find("prohibited") != text.npos;
  }

  void expect_unreachable(Program& program, const Address& host) {
    expect_failure(program);
    step(fmt::format("{}: the line names {} and says that it is unreachable, or that there is no route",
                     program.host().name(), host.host()));
    const std::string errors = program.process().standard_error();
    const bool says_so = errors.find(host.host()) != errors.npos && says_unreachable(errors);
    if (!says_so) excuse_delay(begun_, program);
    expect(says_so, fmt::format("the address {} and a reason such as \"No route to host\"", host.host()),
           "it says: " + errors);
  }

  static constexpr auto search_limit = 40s;  // a lost size costs a second, and there may be a dozen

  const unsigned network = static_cast<unsigned>(random.number(1, 250));
  const std::uint16_t port = random.port();

 private:
  Clock::time_point begun_;  // when the last program was started
};

// ---- the value
// ------------------------------------------------------------------------------------------------------

TEST_F(Mtu, without_routers_it_is_the_mtu_of_the_cable) {
  // client ---- server, on a cable that is no ordinary Ethernet
  const unsigned mtu = random_mtu(1601, 8999);
  const Chain path = chain({mtu});
  Program& program = start(path.client, path.server.at(0));
  likely_mistake(
      "Between neighbours the path MTU is the MTU of their cable. The kernel knows it once the socket is "
      "connected. It counts the whole IP packet: 20 bytes of IP header, 8 of UDP header, and the data.");
  expect_path_mtu(program, mtu);
  likely_mistake(
      "Being told is not knowing: one packet of exactly this size has to arrive. It is as large as the IP "
      "header, the UDP header and the data together, so the data is 28 bytes shorter.");
  expect_probes(*path.cables.front(), program, {mtu});
}

TEST_F(Mtu, narrowest_link_counts_wherever_it_is) {
  // client -- r1 -- r2 -- r3 -- r4 -- server: the path to each of them is narrower than the one before, or is
  // not
  std::vector<unsigned> mtus = random_mtus(5);
  const auto narrowest = [&] { return std::ranges::min_element(mtus) - mtus.begin(); };
  while (narrowings(mtus).size() < 3 || narrowest() == 4) std::ranges::shuffle(mtus, random.engine());
  const Chain path = chain(mtus);
  likely_mistake(
      "The path MTU is that of the narrowest link, wherever that is. The kernel knows only the first link at "
      "the start. A router whose next link is too narrow says so (ICMP \"fragmentation needed\") and names "
      "its MTU; but behind it there may be another one, narrower still. Only a probe that arrives ends the "
      "search.");
  std::vector<const Host*> targets(path.routers.begin(), path.routers.end());
  targets.push_back(&path.server);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Program& program = start(path.client, targets[i]->at(0));
    expect_path_mtu(program,
                    *std::min_element(mtus.begin(), mtus.begin() + static_cast<std::ptrdiff_t>(i) + 1));
  }
}

TEST_F(Mtu, each_narrowing_costs_one_probe) {
  // client -- r1 -- r2 -- r3 -- r4 -- server, each link narrower than the one before
  const std::vector<unsigned> mtus = falling_mtus(5);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  Program& program = start(path.client, path.server.at(0));
  likely_mistake(
      "Each router whose next link is narrower says what that link takes. So no size needs to be guessed: the "
      "first probe has the size that the kernel knows, and each further one the size that was just reported. "
      "Four narrowings cost five probes, and every new size has all its tries before it.");
  expect_path_mtu(program, mtus.back());
  expect_probes(wire, program, narrowings(mtus));
  likely_mistake(
      "News of a probe is there as soon as the router's message is. A program that first lets its time run "
      "out, and looks then, is right but slow: wait for the message, and for the end of the time only if none "
      "comes.");
  step("each probe follows at once on the report before it");
  const auto probes = wire.frames(probes_of(path.client));
  const auto reports = wire.frames(too_big);
  for (std::size_t i = 0; i < reports.size() && i + 1 < probes.size(); ++i) {
    const auto gap = probes[i + 1].time - reports[i].arrived.value_or(reports[i].time);
    expect_time(gap, -patience, 200ms, machine_delay(reports[i].time, program), "the next probe at once",
                fmt::format("probe {} left {} ms after the report", i + 2, gap / 1ms));
  }
}

TEST_F(Mtu, value_follows_a_link_that_changes_between_runs) {
  // client -- r1 -- r2 -- server, where the link behind r1, and then the one behind r2, becomes narrower
  const std::vector<unsigned> mtus = falling_mtus(4);
  const Chain path = chain({mtus[0] + 200, mtus[0], mtus[0] + 100});
  const Segment& wire = *path.cables.front();
  const Address target = path.server.at(0);
  likely_mistake(
      "The value is not that of the narrowest link, which is the second: only a probe that arrives ends the "
      "search.");
  expect_path_mtu(start(path.client, target), mtus[0]);

  step(fmt::format("the link behind r1 now takes {} bytes", mtus[1]));
  path.routers[0]->mtu("eth1", mtus[1]);
  likely_mistake(
      "The kernel remembers for ten minutes what was true for this destination, and meanwhile the path may "
      "have changed. What is remembered is where to begin, no more: it is right when a probe of that size has "
      "arrived.");
  std::size_t before = wire.count(probes_of(path.client));
  Program& second = start(path.client, target);
  expect_path_mtu(second, mtus[1]);
  expect_probes(wire, second, {mtus[0], mtus[1]}, before);

  step(fmt::format("the client's kernel forgets; r1's link takes {} bytes again, the one behind r2 takes {}",
                   mtus[0], mtus[2]));
  path.routers[0]->mtu("eth1", mtus[0]);
  path.routers[1]->mtu("eth1", mtus[2]);
  path.client.sysctl("ipv4/route/flush", "1");
  before = wire.count(probes_of(path.client));
  Program& third = start(path.client, target);
  expect_path_mtu(third, mtus[2]);
  expect_probes(wire, third, {mtus[0] + 200, mtus[0], mtus[2]}, before);
}

TEST_F(Mtu, remembered_value_must_be_confirmed) {
  // client -- r1 -- server, until the second cable is cut
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  const Segment& wire = *path.cables.front();
  likely_mistake(
      "The value is not that of the narrower second link: what the kernel knows at the start is only the "
      "first one.");
  expect_path_mtu(start(path.client, path.server.at(0)), mtus[1]);
  step("the cable to the server is cut");
  path.cables.back()->rule(cut());
  const std::size_t before = wire.count(probes_of(path.client));
  Program& second = start(path.client, path.server.at(0));
  likely_mistake(
      "The kernel still remembers the path MTU of the run before. But nobody is there any more: a value that "
      "no probe has confirmed is not to be printed as if it were true.");
  expect_failure(second);
  step(fmt::format("on the first cable: probes of {} bytes, the size that the kernel remembers", mtus[1]));
  auto sizes = packet_sizes(wire.frames(probes_of(path.client)));
  sizes.erase(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(before));
  expect(without_repeats(sizes) == std::vector<std::size_t>{mtus[1]},
         fmt::format("probes of {} bytes", mtus[1]), list(sizes));
}

TEST_F(Mtu, loopback_has_an_mtu_too) {
  Host& alone = net.host("alone");
  likely_mistake(
      "A packet to this machine itself may be as large as IPv4 allows: 65,535 bytes, as its length field has "
      "16 bits, of which 65,507 are data. (The interface says 65536.) Is some number or buffer in your "
      "program too small for that, or too large?");
  expect_path_mtu(start(alone, Address::numeric("127.0.0.1", 0)), 65535);
  const unsigned mtu = random_mtu(20001, 60001);
  step(fmt::format("the owner of the machine sets the loopback's MTU to {}", mtu));
  alone.mtu("lo", mtu);
  likely_mistake("The loopback's MTU can be set like any other: ask the kernel.");
  expect_path_mtu(start(alone, Address::numeric("127.0.0.1", 0)), mtu);
}

// ---- the probes
// -----------------------------------------------------------------------------------------------------

TEST_F(Mtu, no_probe_may_be_fragmented) {
  // client -- r1 -- r2 -- server
  const std::vector<unsigned> mtus = falling_mtus(3);
  const Chain path = chain(mtus);
  likely_mistake(
      "A packet without the don't-fragment bit is cut into pieces by the first router that finds it too "
      "large, and nobody says a word. What the kernel does by itself is up to the machine's owner "
      "(net.ipv4.ip_no_pmtu_disc); a program that needs the bit asks for it, with the socket option "
      "IP_MTU_DISCOVER.");
  expect_path_mtu(start(path.client, path.server.at(0)), mtus.back());
  expect_unfragmented(*path.cables.front(), path.client);
  step("the client's owner has set that packets may be fragmented unless a program asks otherwise");
  path.client.sysctl("ipv4/ip_no_pmtu_disc", "1");
  expect_path_mtu(start(path.client, path.routers.front()->at(0)), mtus.front());
  expect_unfragmented(*path.cables.front(), path.client);
}

TEST_F(Mtu, answer_and_refusal_both_prove_arrival) {
  // client -- r1 -- server
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  likely_mistake("A port that nobody uses is refused, and that proves that the probe arrived.");
  expect_path_mtu(start(path.client, path.server.at(0)), mtus.back());
  likely_mistake(
      "Some program uses the port and answers the probe with a datagram of its own, of any length. That "
      "proves just as well that the probe arrived, and it ends the search at once.");
  UdpPeer peer(story(), path.server, port);
  for (const std::string& text : {random.bytes(random.number(1, 40)), std::string()}) {
    const std::size_t answers = path.cables.back()->count(udp.from(path.server));
    Program& program = start(path.client, path.server.at(0));
    const auto probe = peer.expect_datagram();
    peer.send(text, probe.from);
    const auto asked = path.cables.front()->frames(udp.from_port(probe.from.port())).front().time;
    const auto answered =
        await_frames(*path.cables.back(), udp.from(path.server), answers + 1, "answer").back().time;
    if (answered > asked + 2 * silence) {
      story().cannot_judge("the machine was too busy to answer the probe in time", true);
    }
    expect_path_mtu(program, mtus.back());
    likely_mistake(
        "The answer was a datagram without any data. It proves the arrival as well as any other: recv returns 0 then, "
        "which for UDP is no end of anything.");
  }
  step("now all is lost, but the kernel will tell the program of a refusal when it sends again");
  const auto lost = path.cables.front()->impair(drop(probes_of(path.client)));
  likely_mistake(
      "News of a probe may come after its 0.3 s. The kernel tells it with the next call, and that is send: it fails with "
      "ECONNREFUSED, nothing is sent, and the probe before has arrived.");
  Program& program =
      start(path.client, path.server.at(0), {},
            {.watched = {Call::send}, .faults = {fail_with(Call::send, ECONNREFUSED).after(1)}});
  expect_path_mtu(program, mtus.back());
  program.expect_struck(Call::send, 1);
}

TEST_F(Mtu, message_too_long_is_no_failure) {
  // client -- r1 -- server
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  likely_mistake(
      "EMSGSIZE, \"Message too long\", is no failure here, whichever call returns it: it is the answer. send "
      "returns it when the kernel knows already that the packet is too large, and also when a router's report "
      "came since the last call. Ask the kernel for the MTU again, and go on with that.");
  Program& program = start(path.client, path.server.at(0), {},
                           {.watched = {Call::send}, .faults = {fail_with(Call::send, EMSGSIZE)}});
  expect_path_mtu(program, mtus.back());
  program.expect_struck(Call::send, 1);
}

TEST_F(Mtu, refused_send_is_no_try) {
  // client ---- server
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain({mtus[0]});
  Segment& wire = *path.cables.front();
  {
    const auto lost = wire.impair(drop(probes_of(path.client)));
    Program& program = start(path.client, path.server.at(0), {},
                             {.watched = {Call::send}, .faults = {fail_with(Call::send, EMSGSIZE)}});
    likely_mistake(
        "The first send failed with EMSGSIZE, so nothing left. That was no probe, and no silence either: it counts "
        "as none of the three tries. Ask the kernel, and send what it knows at once.");
    expect_failure(program);
    program.expect_struck(Call::send, 1);
    expect_probes(wire, program, {mtus[0], mtus[0], mtus[0]});
    const auto probes = wire.frames(probes_of(path.client));
    expect_gaps({probes[0], probes[1], probes[2]}, {silence, silence}, program);
  }
  const std::size_t before = wire.count(probes_of(path.client));
  const auto lost = wire.impair(drop_first(probes_of(path.client), 1));
  Program& program = start(path.client, path.server.at(0));
  const auto first = await_frames(wire, probes_of(path.client), before + 1, "probe").back();
  step(fmt::format("the probe is lost; meanwhile the client's own link is set to {} bytes", mtus[1]));
  path.client.mtu("eth0", mtus[1]);
  if (Clock::now() > first.time + silence / 2)
    story().cannot_judge("the machine was too busy to change the link in time", true);
  likely_mistake(
      "While the first probe was waited for, the client's own link became narrower. From then on the kernel sends "
      "nothing of the old size: send fails with EMSGSIZE, and nothing leaves. That is no try, and there is nothing "
      "to wait for: ask the kernel for the MTU again, and send a probe of that size at once.");
  expect_path_mtu(program, mtus[1]);
  expect_probes(wire, program, {mtus[0], mtus[1]}, before);
  const auto probes = wire.frames(probes_of(path.client));
  expect_gaps({probes[before], probes[before + 1]}, {silence}, program);
}

TEST_F(Mtu, report_that_makes_no_sense_does_no_harm) {
  // client -- r1 -- server, and r1's first report says that its next link is wider than the probe
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  {
    const auto once = wire.impair(
        claim_next_mtu(too_big, static_cast<std::uint16_t>(mtus[0] + 2 * random.number(50, 3000)), 1));
    Program& program = start(path.client, path.server.at(0));
    likely_mistake(
        "A router (or somebody who plays one) reported that its next link takes more than the probe had. That "
        "cannot be why it refused the probe, and the kernel does not believe it either: the MTU that it knows "
        "is as before. Such a report is no news. The right one comes with the next try.");
    expect_path_mtu(program, mtus.back());
  }
  step("the client's kernel forgets; now every report says that");
  path.client.sysctl("ipv4/route/flush", "1");
  wire.rule(claim_next_mtu(too_big, static_cast<std::uint16_t>(mtus[0] + 1)));
  const std::size_t before = wire.count(probes_of(path.client));
  Program& program = start(path.client, path.server.at(0));
  likely_mistake(
      "Every report says something impossible, and the program sends the same probe again each time, without "
      "end. Three tries of one size are enough, whatever is heard of them.");
  step("on the first cable: no more than three probes");
  const bool too_many = story().wait(Clock::now() + patience, [&](auto until) {
    return wire.wait_for(probes_of(path.client), before + tries + 1, until);
  });
  expect(!too_many, "at most 3 probes", "there are more");
  expect_failure(program);
}

// ---- silence, and other bad news
// ------------------------------------------------------------------------------------

TEST_F(Mtu, what_is_lost_is_probed_again) {
  // client -- r1 -- r2 -- server, and of everything the first one is lost
  const std::vector<unsigned> mtus = falling_mtus(3);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  wire.rule(drop_first(probes_of(path.client), 1));           // the first probe
  wire.rule(drop_first(too_big, 1));                          // the report about the second
  path.cables.back()->rule(drop_first(port_unreachable, 2));  // and the answers to two that arrived
  Program& program = start(path.client, path.server.at(0));
  likely_mistake(
      "A probe can be lost like any packet, and so can the news of it. Silence says nothing about sizes. "
      "After 0.3 s of it the same size is tried again, up to three times.");
  expect_path_mtu(program, mtus.back());
  const auto probes = wire.frames(probes_of(path.client));
  const std::vector<std::size_t> wanted = {mtus[0], mtus[0], mtus[0], mtus[1], mtus[2], mtus[2], mtus[2]};
  expect_probes(wire, program, wanted);
  expect_gaps({probes[0], probes[1], probes[2]}, {silence, silence}, program);
  expect_gaps({probes[4], probes[5], probes[6]}, {silence, silence}, program);
}

TEST_F(Mtu, silent_host_is_given_up_after_three_tries) {
  // client -- r1 -- server, where everything behind r1 is lost
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  path.cables.back()->rule(cut());
  Program& program = start(path.client, path.server.at(0));
  likely_mistake(
      "A host that says nothing is not asked for ever. Three probes of one size, each with 0.3 s to be "
      "answered, and then the program reports that no answer came, and exits with status 1. A report that has "
      "been read, from the socket or from its error queue, is no news a second time.");
  expect_failure(program);
  program.expect_error({path.server.at(0).host()});
  expect_probes(wire, program, {mtus[0], mtus[1], mtus[1], mtus[1]});
  const auto probes = wire.frames(probes_of(path.client));
  expect_gaps({probes[1], probes[2], probes[3]}, {silence, silence}, program);
  expect_last_wait(program, probes[3]);
}

/// Interruptions late in a wait: in each of three waits that `poll` begins, and in what follows where that
/// begins anew.
std::vector<Fault> late_interruptions() {
  std::vector<Fault> faults;
  for (const unsigned skip : {0, 1, 2, 4, 6}) faults.push_back(interrupt_late(Call::wait).after(skip));
  return faults;
}

TEST_F(Mtu, interruptions_do_not_change_the_wait) {
  // client ---- server, where everything is lost
  const Chain path = chain({random_mtu()});
  Segment& wire = *path.cables.front();
  wire.rule(cut());
  Program& program =
      start(path.client, path.server.at(0), {}, {.watched = {Call::wait}, .faults = late_interruptions()});
  likely_mistake(
      "A call that a signal interrupts (EINTR) has heard nothing, and its time is not over: go on waiting for "
      "what is left of it. Who takes the interruption for silence tries again too early; who waits for the "
      "whole time again, too late.");
  expect_failure(program);
  const auto probes = await_frames(wire, probes_of(path.client), tries, "probe");
  const auto waits = {probes[1].time - probes[0].time, probes[2].time - probes[1].time,
                      program.process().exit()->time - probes[2].time};
  // An interruption that itself comes when the time is over shows nothing.
  if (std::ranges::all_of(waits,
                          [](auto wait) { return wait > silence + 25ms && wait < silence * 3 / 2 + 40ms; })) {
    story().cannot_judge("the machine was too busy to interrupt the program in time", true);
  }
  expect_gaps({probes[0], probes[1], probes[2]}, {silence, silence}, program);
  expect_last_wait(program, probes[2]);
}

TEST_F(Mtu, unreachable_host_is_told_from_a_silent_one) {
  // client ---- router, which has no route to anywhere else
  Host& client = net.host("client", fmt::format("10.{}.0.1/24", network));
  Host& router = net.router("router", fmt::format("10.{}.0.2/24", network));
  Segment& wire = net.link(client, router);
  const Address nowhere =
      Address::numeric(fmt::format("10.251.{}.{}", random.number(1, 250), random.number(1, 250)), port);

  likely_mistake(
      "There is no route to the host, so connect (or send) fails at once. Say so, with the address and the "
      "reason, and exit with status 1.");
  Program& lonely = start(client, nowhere);
  expect_unreachable(lonely, nowhere);

  client.default_route(router.at(0).host());
  struct Reply {
    std::uint16_t type_and_code;
    const char* meaning;
  };
  constexpr std::array<Reply, 3> replies = {{{0x0300, "network unreachable"},
                                             {0x0301, "host unreachable"},
                                             {0x030d, "administratively prohibited"}}};
  for (const Reply& reply : replies) {
    step(fmt::format("the router will say: {}", reply.meaning));
    const auto said = wire.impair(rewrite(
        icmp.from(router), [reply](const Frame& f) { return with_icmp_field(f, 0, reply.type_and_code); }));
    const std::size_t before = wire.count(probes_of(client));
    Program& program = start(client, nowhere);
    likely_mistake(
        "The router said at once that the host cannot be reached, but the program did not hear it, or went on "
        "trying. The kernel tells a UDP socket of such errors only if it asked for them (IP_RECVERR). Unlike "
        "a refused port this is no proof that the probe arrived, and unlike silence it is certain: report it, "
        "with the reason, and exit with status 1.");
    expect_unreachable(program, nowhere);
    expect_probes(wire, program, {1500}, before);
  }
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

TEST_F(Mtu, search_finds_the_mtu_behind_a_black_hole) {
  // client -- r1 -- r2 -- server, and no router's report ever gets back
  std::vector<unsigned> mtus = falling_mtus(3);
  while (!is_found_last(mtus.back())) mtus = falling_mtus(3);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  wire.rule(drop(too_big));
  Program& program = start(path.client, path.server.at(0), {"--search"});
  likely_mistake(
      "In a black hole packets that are too large vanish, and nobody says why. So the sizes themselves have "
      "to be tried: one that arrives fits, and one that does not in three tries is too large. The result is "
      "the largest that fits, not the one after it.");
  expect_path_mtu(program, mtus.back(), search_limit);
  expect_few_sizes(wire, path.client);
  expect_unfragmented(wire, path.client);
}

TEST_F(Mtu, lost_probe_is_not_taken_for_a_large_one) {
  // client -- r1 -- server: a black hole again, two of three probes are lost, and answers come twice
  const std::vector<unsigned> mtus = falling_mtus(2);
  const Chain path = chain(mtus);
  Segment& wire = *path.cables.front();
  wire.rule(drop(too_big));
  wire.rule(drop_first_of_each_size(probes_of(path.client), tries - 1));
  path.cables.back()->rule(duplicate(port_unreachable, 3, 5ms));
  Program& program = start(path.client, path.server.at(0), {"--search"});
  likely_mistake(
      "Two of three probes get lost here, whatever their size, and each answer comes several times. A size is "
      "too large only when three tries of it have been silent. And an answer counts for the probe it answers: "
      "one that comes once more, while the next size is being tried, says nothing about that one.");
  expect_path_mtu(program, mtus.back(), search_limit);
  expect_few_sizes(wire, path.client);
}

TEST_F(Mtu, search_believes_neither_reports_nor_memory) {
  // client -- r1 -- server: r1's link was narrow once, and now r1 lies about it
  const std::vector<unsigned> mtus = falling_mtus(3);
  const Chain path = chain({mtus[0] + 100, mtus[0] + 100});
  path.routers[0]->mtu("eth1", mtus[2]);
  likely_mistake(
      "Without --search the kernel and the routers are believed, and the narrow second link is found.");
  expect_path_mtu(start(path.client, path.server.at(0)), mtus[2]);
  step(fmt::format("the link behind r1 now takes {} bytes; the client's kernel still remembers {}", mtus[0],
                   mtus[2]));
  path.routers[0]->mtu("eth1", mtus[0]);
  likely_mistake(
      "The kernel remembers a smaller path MTU than there is now, and with IP_PMTUDISC_DO it sends nothing "
      "larger. A search has to pass over what is remembered: that is what IP_PMTUDISC_PROBE is for. And the "
      "routers' reports, which may be false, are not to be believed either: only what arrives, or does not, "
      "counts.");
  path.cables.front()->rule(claim_next_mtu(too_big, static_cast<std::uint16_t>(mtus[1])));
  expect_path_mtu(start(path.client, path.server.at(0), {"--search"}), mtus[0], search_limit);

  step(
      "now every probe arrives, and about each of them somebody sends a false report, ahead of the true answer");
  path.routers[0]->mtu("eth1", mtus[0] + 100);
  path.client.sysctl("ipv4/route/flush", "1");
  path.cables.front()->rule(false_report_before(port_unreachable.to(path.client), 20ms));
  likely_mistake(
      "About each probe that arrives there first comes an ICMP report that says it was too large, and names a smaller "
      "MTU. It is false: anybody can send one, and the probe did arrive, as the answer right behind it shows. With "
      "--search a report is no news of a probe at all. Take it out of the error queue, and go on waiting for what is "
      "left of the 0.3 s.");
  expect_path_mtu(start(path.client, path.server.at(0), {"--search"}), mtus[0] + 100, search_limit);
}

TEST_F(Mtu, ipv6_path_has_its_mtu_too) {
  // client -- r1 -- r2 -- server
  const std::vector<unsigned> mtus = falling_mtus(3, 1281, 1499);
  const Chain path = chain(mtus, Chain::Families::both);
  const Address target = path.server.addresses().at(1);
  const Segment& wire = *path.cables.front();
  Program& program = start(path.client, target);
  likely_mistake(
      "IPv6 has the same in other words: ICMPv6 \"packet too big\", a header of 40 bytes in place of 20, and "
      "socket options with names and a level of their own (IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU, "
      "IPV6_RECVERR).");
  expect_path_mtu(program, mtus.back());
  expect_probes(wire, program, narrowings(mtus));
}

}  // namespace
}  // namespace wirelab
