#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grader/checks/lateness.hh"
#include "grader/checks/peer.hh"
#include "grader/checks/program.hh"
#include "grader/checks/random.hh"
#include "grader/checks/story.hh"
#include "grader/checks/subject.hh"
#include "grader/network/network.hh"

namespace wirelab {

/// How a check wants a program to be run.
struct Circumstances {
  std::optional<std::string>
      input;                       ///< all of standard input; without it standard input stays open for `type`
  std::vector<Call> watched;       ///< the system calls that faults will strike
  std::vector<Fault> faults = {};  ///< armed before the program starts, for calls that it may make only once
  Limits limits;                   ///< who goes over one is ended, and fails
  bool raw_sockets = false;        ///< it may open raw and packet sockets (CAP_NET_RAW over its host)
  bool without_ipv6 = false;       ///< as on a kernel that knows no IPv6: its sockets cannot be had
  bool bare = false;               ///< nothing of the machine's files is there but the program itself
  std::map<std::string, std::string> files;  ///< what the program can read besides, by absolute path;
                                             ///< `/etc/hosts` gives hosts names
};

/// The fixture of every check, and the entrance to `grader/checks/`.
///
/// Theory of operation. `run_checks_main` (runner.hh) warms up once, then forks one process for each check.
/// That process enters a private world, builds the network that the check asks for, runs the one GoogleTest
/// test, and writes one verdict to its parent; a check that crashes or hangs is the parent's to report, as
/// inconclusive. In a test body every act and expectation goes through the Story, and the first expectation
/// that is not met ends the test by an exception. What the grader's own layers throw (std::exception) is its
/// own trouble: inconclusive.
///
///     TEST_F(TcpEcho, bytes_come_back_unchanged) {
///       Program& server = run(server_host, {"server", "10.3.0.2"});
///       server.expect_listening(1060);
///       likely_mistake("...");
///       TcpPeer client = connect(client_host, server_host.at(1060));
///       client.expect_echo(random.bytes(5000));
///     }
class Check : public testing::Test {
 public:
  /// Becomes `current`, with an empty network and a generator of its own. Throws as Network does.
  Check();
  /// Ends the programs, then takes the network down.
  ~Check() override;

  /// The check that is running in this process, for the runner; null before and after.
  static Check* current();

  /// Stops the programs, collects frames and outputs into the verdict, and writes the evidence that is
  /// wanted. Once, when the test body has ended one way or the other: TearDown does it after a body that ran
  /// to its end, the runner after an exception.
  Verdict conclude();

  /// The verdict that TearDown has come to; empty until then.
  static std::optional<Verdict>& concluded();

  /// What has happened so far: for the runner, and for peers that tell it.
  [[nodiscard]] Story& story() { return story_; }

 protected:
  /// The clock of the cables' and the programs' times, too.
  using Clock = std::chrono::steady_clock;

  /// Comes to the verdict after a body that ran to its end: see `conclude`.
  void TearDown() override;

  /// Starts the program under test on a host, with these arguments after its own.
  Program& run(const Host& host, std::vector<std::string> arguments, Circumstances how = {});

  /// Connects from a host. Fails the check when the program refuses or does not answer.
  TcpPeer connect(const Host& from, const Address& to);

  /// The same, many times over, as one step of the story.
  std::vector<TcpPeer> connect_many(const Host& from, const Address& to, std::size_t count);

  /// Sends, and waits until the programs on `host` have taken it all from their kernel: whoever takes one
  /// part for the whole has then ended, or closed. If that does not happen, it is not this step's affair.
  void send_and_let_it_be_taken(TcpPeer& peer, const Host& host, const std::string& bytes);

  /// Nobody takes a connection there any more (waits for that, as a program needs its time to close).
  void expect_refusal(const Host& from, const Address& to);

  /// Records what the check does by itself, as a sentence without a full stop: see Story::step.
  void step(std::string text) { story_.step(std::move(text)); }
  /// What is most likely wrong if an expectation after this one is not met: see Story::likely_mistake.
  void likely_mistake(std::string text) { story_.likely_mistake(std::move(text)); }

  /// Fails the check unless `holds`. Both texts complete the lines "expected: " and "but: ".
  void expect(bool holds, const std::string& expected, const std::string& actual);

  /// Exactly this many frames that match have entered the cable so far; `what` names them: "request".
  void expect_frames(const Segment& segment, const Match& match, std::size_t count, const std::string& what);

  /// Waits until that many frames that match have entered the cable; `what` names them: "request".
  std::vector<CapturedFrame> await_frames(const Segment& segment, const Match& match, std::size_t count,
                                          const std::string& what,
                                          std::chrono::nanoseconds within = patience);

  /// Nothing that matches enters the cable for this long.
  void expect_no_frame(const Segment& segment, const Match& match, std::chrono::nanoseconds time,
                       const std::string& what);

  /// The gaps between these frames, by the cable's clock, are the ones wanted. No gap may be shorter (by more
  /// than a twentieth and 2 ms, for clocks that count whole milliseconds); none may be longer than half as
  /// much again and 40 ms. Where the machine was busy enough to explain what is wrong, the check cannot
  /// judge.
  void expect_gaps(const std::vector<CapturedFrame>& frames,
                   const std::vector<std::chrono::milliseconds>& wanted, const Program& sender);

  /// A time lies between these. Where it would but for `delay`, which was not the program's doing, the check
  /// cannot judge.
  void expect_time(std::chrono::nanoseconds time, std::chrono::nanoseconds least,
                   std::chrono::nanoseconds most, std::chrono::nanoseconds delay, const std::string& expected,
                   const std::string& actual);

  /// How much of what happened since then may be late because the machine had other things to do.
  [[nodiscard]] std::chrono::nanoseconds machine_delay(Clock::time_point since, const Program& program) const;

  Network net;    ///< empty at first: the check makes hosts and cables
  Random random;  ///< for what the program must not know; the same for the same seed

 private:
  [[nodiscard]] std::string conditions() const;
  [[nodiscard]] bool all_ended() const;
  [[nodiscard]] std::chrono::nanoseconds starved() const;
  void forbid_overflow();
  Descriptor open_connection(const Address& to);

  /// The outcome is known: how the programs are now is how they are remembered.
  void fall_curtain();

  Story story_;
  Lateness lateness_;
  bool curtain_fallen_ = false;
  bool raw_sockets_ = false;                  // a program may make its packets itself
  std::deque<Program> programs_;              // references to them are handed out
  std::map<std::string, std::string> given_;  // files that programs could read, by name, for the evidence
};

}  // namespace wirelab
