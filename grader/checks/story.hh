#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "grader/checks/verdict.hh"

namespace wirelab {

/// What a check has done and awaited so far, and how it ends. One per check; everything that acts or expects
/// holds a reference and tells it.
class Story {
 public:
  /// Of the steps' times.
  using Clock = std::chrono::steady_clock;

  /// The program did not do what it must. Ends the check; caught by the runner alone.
  struct Failed {};

  /// The grader cannot say. Ends the check; caught by the runner alone.
  struct CannotJudge {};

  /// The programs that take part, as the story sees them. Set by the fixture.
  struct Cast {
    std::function<std::string()> condition = [] { return std::string(); };  ///< how each is, for messages
    std::function<bool()> all_ended = [] {
      return false;
    };  ///< there were some, and none of them runs any more
    std::function<std::chrono::nanoseconds()> held_up = [] {
      return std::chrono::nanoseconds(0);
    };  ///< how long the kernel has kept one of them, or the check, waiting
    std::function<std::chrono::nanoseconds()> starved = [] {
      return std::chrono::nanoseconds(0);
    };  ///< how long one of them that asked for little has waited for a processor
    std::function<void()> curtain = [] {};  ///< the outcome is known: what comes now is no part of the story
  };
  /// Names the programs; until then there are none.
  void set_cast(Cast cast) { cast_ = std::move(cast); }

  /// Records what happens now or is awaited now, as a sentence without a full stop: "the client starts".
  void step(std::string text);

  /// What most likely is wrong in the program if one of the next expectations is not met: for a student, in
  /// plain words, without giving the line of code away. Holds until it is replaced.
  void likely_mistake(std::string text) { mistake_ = std::move(text); }

  /// The expectation of the last step was not met. Both texts complete the lines "expected: " and "but: ";
  /// how the programs are is added. Where the kernel has kept one of them waiting, or the machine has
  /// given it no processor, nothing can be held against it: then the grader cannot judge.
  [[noreturn]] void fail(std::string expected, std::string actual);

  /// The grader has trouble of its own. `worth_retrying`: the machine was busy, another time it may work.
  [[noreturn]] void cannot_judge(std::string reason, bool worth_retrying);

  /// Calls `look` until it returns true, or the deadline has passed, or all programs have ended and what they
  /// sent has had time to arrive, so that nothing more can come of it. `look` waits itself, until the time it
  /// is given and no longer. Returns what it returned last.
  bool wait(Clock::time_point deadline, const std::function<bool(Clock::time_point)>& look);

  /// Whether the last step waited in vain because all programs had ended.
  [[nodiscard]] bool outlived_programs() const { return outlived_programs_; }

  /// A time as the verdict gives it, in seconds since the story began; negative before that.
  [[nodiscard]] double seconds_since_start(Clock::time_point time) const;

  /// All that was recorded; the outcome is `passed` until `fail` or `cannot_judge` was called.
  [[nodiscard]] Verdict& verdict() { return verdict_; }

 private:
  static bool last_look(Clock::time_point deadline, const std::function<bool(Clock::time_point)>& look);

  Clock::time_point start_ = Clock::now();
  Cast cast_;
  std::string mistake_;
  bool outlived_programs_ = false;
  Verdict verdict_{.outcome = Outcome::passed};
};

}  // namespace wirelab
