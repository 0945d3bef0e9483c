#include "grader/checks/check.hh"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/error.hh"
#include "grader/checks/compare.hh"
#include "grader/checks/evidence.hh"
#include "grader/checks/runner.hh"
#include "grader/program/files.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

Check* running = nullptr;

double in_ms(std::chrono::nanoseconds time) { return static_cast<double>(time / 10us) / 100.0; }

/// As typed in a shell; a word that is longer than a line is cut, and its length told.
std::string join(const std::vector<std::string>& words) {
  constexpr std::size_t most = 100;
  std::string text;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`*?#&;<>()|~") == std::string::npos;
    const std::string shown = word.substr(0, most);
    text += (text.empty() ? "" : " ") + (plain ? shown : "'" + shown + "'");
    if (word.size() > most) text += fmt::format("... ({} bytes)", word.size());
  }
  return text;
}

std::string count_of(std::size_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// From the host that the calling thread visits. Not yet connected: the handshake goes on in the background.
/// The error of an attempt that failed at once is lost on purpose: SO_ERROR, or the next call on the socket,
/// tells it again.
Descriptor begin_connection(const Address& to) {
  Descriptor fd(must(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  if (::connect(fd.get(), to.data(), *to.size()) != 0 && errno != EINPROGRESS && errno != ECONNREFUSED) {
    throw_errno("connect", to.to_string());
  }
  return fd;
}

/// 0 when connected, an errno value when that failed, nothing when it is still undecided after `limit`.
std::optional<int> outcome_of_connection(int fd, std::chrono::milliseconds limit) {
  pollfd ready{fd, POLLOUT, 0};
  if (poll(&ready, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
  int error = 0;
  socklen_t size = sizeof error;
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt SO_ERROR");
  if (error == 0 && (ready.revents & POLLHUP) != 0) return ECONNREFUSED;
  return error;
}

}  // namespace

Check::Check()
    : random(check_settings().seed, testing::UnitTest::GetInstance()->current_test_info()->name()) {
  story_.verdict().check = testing::UnitTest::GetInstance()->current_test_info()->name();
  story_.verdict().seed = check_settings().seed;
  story_.set_cast({.condition = [this] { return conditions(); },
                   .all_ended = [this] { return all_ended(); },
                   .held_up = [this] { return lateness_.held_up_since({}); },
                   .starved = [this] { return starved(); },
                   .curtain = [this] { fall_curtain(); }});
  running = this;
}

Check::~Check() { running = nullptr; }

Check* Check::current() { return running; }

std::optional<Verdict>& Check::concluded() {
  static std::optional<Verdict> verdict;
  return verdict;
}

void Check::TearDown() {
  if (HasFailure()) {  // a plain GoogleTest assertion, which throws nothing
    const auto& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
    story_.verdict().outcome = Outcome::failed;
    for (int i = 0; i < result.total_part_count(); ++i) {
      if (result.GetTestPartResult(i).failed())
        story_.verdict().actual += printable(result.GetTestPartResult(i).summary(), 2000);
    }
  }
  concluded() = conclude();
}

std::string Check::conditions() const {
  struct Group {
    const Program* first;
    std::string condition;
    int programs;
  };
  std::vector<Group> groups;  // many programs on a host may be in the same condition
  for (const Program& program : programs_) {
    const std::string condition = program.condition();
    const auto same = std::ranges::find_if(groups, [&](const Group& one) {
      return &one.first->host() == &program.host() && one.condition == condition;
    });
    if (same != groups.end()) {
      ++same->programs;
    } else {
      groups.push_back({&program, condition, 1});
    }
  }
  std::string text;
  for (const auto& [first, condition, programs] : groups) {
    text += text.empty() ? "" : "; ";
    text += programs == 1
                ? fmt::format("on host {} the program {}", first->name(), condition)
                : fmt::format("on host {} each of {} programs {}", first->host().name(), programs, condition);
  }
  return text;
}

bool Check::all_ended() const {
  return !programs_.empty() &&
         std::ranges::all_of(programs_, [](const Program& one) { return one.process().exit().has_value(); });
}

std::chrono::nanoseconds Check::starved() const {
  std::chrono::nanoseconds most{0};
  for (const Program& one : programs_) {
    // One that spins waits for a processor all the time; that is its own doing.
    if (one.processor_time() < 1s) most = std::max(most, one.process().starved());
  }
  return most;
}

Program& Check::run(const Host& host, std::vector<std::string> arguments, Circumstances how) {
  const Subject& subject = check_settings().subject;
  raw_sockets_ = raw_sockets_ || how.raw_sockets;
  Launch launch{.command = subject.command,
                .binds = subject.binds,
                .environment = {},
                .input = std::move(how.input),
                .limits = how.limits,
                .watched = std::move(how.watched),
                .faults = std::move(how.faults),
                .bare = how.bare,
                .raw_sockets = how.raw_sockets,
                .without_ipv6 = how.without_ipv6};
  launch.command.insert(launch.command.end(), arguments.begin(), arguments.end());
  std::optional<TemporaryFolder> given;  // needed until the sandbox is built
  if (!how.files.empty()) given.emplace(std::filesystem::temp_directory_path());
  for (const auto& [path, bytes] : how.files) {
    const auto outside = given->path() / std::to_string(launch.binds.size());
    write_file(outside, bytes);
    given_[std::filesystem::path(path).filename()] = bytes;
    launch.binds.push_back({.outside = outside, .inside = path});
  }
  const std::string shown = subject.shown() + " " + join(arguments);
  const auto earlier =
      std::ranges::count_if(programs_, [&](const Program& one) { return &one.host() == &host; });
  const std::string name = earlier == 0 ? host.name() : fmt::format("{} (run {})", host.name(), earlier + 1);
  story_.step(name + ": start `" + shown + "`");
  for (const Fault& fault : launch.faults) story_.step(name + ": " + describe(fault));
  Program& program =
      programs_.emplace_back(story_, host, name, shown, Process::start(host, std::move(launch)));
  lateness_.watch_kernel();  // what came before did no program any harm
  return program;
}

Descriptor Check::open_connection(const Address& to) {
  Descriptor fd = begin_connection(to);
  const auto error = outcome_of_connection(fd.get(), patience);
  if (!error)
    story_.fail("a connection to " + to.to_string(), fmt::format("no answer within {} s", patience.count()));
  if (*error != 0) {
    story_.fail("a connection to " + to.to_string(),
                "the connection failed: " + std::generic_category().message(*error));
  }
  return fd;
}

TcpPeer Check::connect(const Host& from, const Address& to) {
  story_.step(fmt::format("{}: connect to {}", from.name(), to.to_string()));
  const auto inside = from.visit();
  return {story_, from.name(), open_connection(to)};
}

std::vector<TcpPeer> Check::connect_many(const Host& from, const Address& to, std::size_t count) {
  story_.step(fmt::format("{}: connect {} times to {}", from.name(), count, to.to_string()));
  const auto inside = from.visit();  // once, not for each
  std::vector<TcpPeer> peers;
  peers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    peers.emplace_back(story_, fmt::format("{}, connection {}", from.name(), i + 1), open_connection(to));
  }
  return peers;
}

void Check::send_and_let_it_be_taken(TcpPeer& peer, const Host& host, const std::string& bytes) {
  peer.send(bytes);
  story_.step(host.name() + ": wait until the program has received that");
  (void)story_.wait(Clock::now() + patience, [&](Clock::time_point) {
    std::this_thread::sleep_for(1ms);
    int unsent = 1;
    ioctl(peer.fd(), SIOCOUTQ, &unsent);
    return unsent == 0 && std::ranges::none_of(sockets_in(host, SOCK_STREAM, ~listen_state),
                                               [](const BoundSocket& one) { return one.receive_queue > 0; });
  });
}

void Check::expect_refusal(const Host& from, const Address& to) {
  story_.step(fmt::format("{}: connections to {} are refused", from.name(), to.to_string()));
  const auto inside = from.visit();
  for (const auto deadline = Clock::now() + patience; Clock::now() < deadline;
       std::this_thread::sleep_for(5ms)) {
    const Descriptor fd = begin_connection(to);
    if (outcome_of_connection(fd.get(), patience).value_or(0) == ECONNREFUSED) return;
  }
  story_.fail("nobody listens on " + to.to_string() + " any more",
              fmt::format("after {} s somebody still does", patience.count()));
}

void Check::expect(bool holds, const std::string& expected, const std::string& actual) {
  if (!holds) story_.fail(expected, actual);
}

void Check::forbid_overflow() {
  for (const Segment& segment : net.segments()) {
    if (segment.overflowed() == 0) continue;
    story_.cannot_judge(fmt::format("the machine was so busy that the grader lost {} on cable {}",
                                    count_of(segment.overflowed(), "frame"), segment.name()),
                        true);
  }
}

void Check::expect_frames(const Segment& segment, const Match& match, std::size_t count,
                          const std::string& what) {
  story_.step(fmt::format("on the cable: {} so far", count_of(count, what)));
  const std::size_t seen = segment.count(match);
  if (seen == count) return;
  forbid_overflow();
  story_.fail(count_of(count, what) + " on the cable", fmt::format("{}", count_of(seen, what)));
}

std::vector<CapturedFrame> Check::await_frames(const Segment& segment, const Match& match, std::size_t count,
                                               const std::string& what, std::chrono::nanoseconds within) {
  story_.step(fmt::format("on the cable: wait for {}", count_of(count, what)));
  if (!story_.wait(Clock::now() + within,
                   [&](auto until) { return segment.wait_for(match, count, until); })) {
    forbid_overflow();
    story_.fail(count_of(count, what) + " on the cable", "only " + count_of(segment.count(match), what));
  }
  return segment.frames(match);
}

void Check::expect_no_frame(const Segment& segment, const Match& match, std::chrono::nanoseconds time,
                            const std::string& what) {
  story_.step(
      fmt::format("on the cable: no {} for {:g} s", what, std::chrono::duration<double>(time).count()));
  const std::size_t before = segment.count(match);
  if (!segment.wait_for(match, before + 1, Clock::now() + time)) return;
  story_.fail(fmt::format("no further {}", what),
              "there was one: " + segment.frames(match).back().frame.summary());
}

std::chrono::nanoseconds Check::machine_delay(Clock::time_point since, const Program& program) const {
  // What happened then may itself have been late, and what made it so came before it.
  const auto around = since - 200ms;
  const auto late = lateness_.most_since(around);
  // A program that keeps a processor busy by itself waits for one all the time; that is its own doing.
  const bool spins = program.processor_time() > (Clock::now() - since) / 2;
  return (spins ? late : std::max(late, program.process().starved())) + lateness_.held_up_since(around);
}

void Check::expect_gaps(const std::vector<CapturedFrame>& frames,
                        const std::vector<std::chrono::milliseconds>& wanted, const Program& sender) {
  std::string list;
  for (const auto gap : wanted) list += fmt::format("{}{}", list.empty() ? "" : ", ", gap.count());
  story_.step(fmt::format("on the cable: the times between the frames are {} ms", list));
  const std::string expected = fmt::format("times between the frames of {} ms", list);
  std::string seen;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    seen += fmt::format("{}{:.1f}", i == 1 ? "" : ", ", in_ms(frames[i].time - frames[i - 1].time));
  }
  if (frames.size() != wanted.size() + 1) {
    story_.fail(count_of(wanted.size() + 1, "frame"),
                fmt::format("{}, with these times between them: {} ms", frames.size(), seen));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::chrono::nanoseconds gap = frames[i + 1].time - frames[i].time;
    const std::chrono::nanoseconds least = wanted[i] - wanted[i] / 20 - 2ms;
    const std::chrono::nanoseconds most = wanted[i] + wanted[i] / 2 + 40ms;
    expect_time(gap, least, most, machine_delay(frames[i].time, sender), expected, seen + " ms");
  }
}

void Check::expect_time(std::chrono::nanoseconds time, std::chrono::nanoseconds least,
                        std::chrono::nanoseconds most, std::chrono::nanoseconds delay,
                        const std::string& expected, const std::string& actual) {
  if (time >= least && time <= most) return;
  // A program that was kept waiting before the first of two sends shows a short gap, before the second a long
  // one.
  if (time + delay < least || time - delay > most) story_.fail(expected, actual);
  story_.cannot_judge(
      fmt::format("the machine was too busy to time the program: {:.0f} ms of delay are its own",
                  in_ms(delay)),
      true);
}

/// Where a check ends before its time its connections are closed on the way out, and a program may well die
/// of that.
void Check::fall_curtain() {
  if (std::exchange(curtain_fallen_, true)) return;
  Verdict& verdict = story_.verdict();
  if (verdict.outcome == Outcome::failed) explain_end(verdict, programs_, net, story_);
  net.stop();
  for (const Program& program : programs_) verdict.programs.push_back(program.record());
}

Verdict Check::conclude() {
  fall_curtain();
  for (Program& program : programs_) program.process().kill();
  Verdict& verdict = story_.verdict();
  const CheckSettings& settings = check_settings();
  // Of a check that passed and whose evidence nobody wants, nobody asks what crossed the cable.
  const bool wanted = settings.keep_passed || verdict.outcome != Outcome::passed;
  if (wanted) collect_frames(verdict, net, story_, raw_sockets_);
  verdict.seconds = story_.seconds_since_start(Clock::now());
  if (wanted && !settings.evidence.empty())
    write_evidence(settings.evidence / verdict.check, verdict, net, given_);
  return std::move(verdict);
}

}  // namespace wirelab
