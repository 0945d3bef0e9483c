#include "grader/checks/story.hh"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace wirelab {

void Story::step(std::string text) {
  outlived_programs_ = false;
  verdict_.steps.push_back({seconds_since_start(Clock::now()), printable(text, 2000)});
}

void Story::fail(std::string expected, std::string actual) {
  const auto starved = cast_.starved();  // now: of one that ends meanwhile nobody could say any more
  // A program that crashes breaks its connections first, and is known to have ended a moment later.
  if (!cast_.all_ended()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  constexpr std::chrono::milliseconds excusable{200};
  if (const auto held_up = cast_.held_up(); held_up > excusable) {
    cannot_judge(
        fmt::format("the machine's kernel kept the program waiting for {:.1f} s, for its disk or for itself",
                    std::chrono::duration<double>(held_up).count()),
        true);
  }
  // A quarter of the patience that is had with a program. A busy machine alone takes a tenth of that.
  constexpr std::chrono::seconds excusable_wait{2};
  if (starved > excusable_wait) {
    cannot_judge(fmt::format("the machine kept the program waiting for a processor for {:.1f} s",
                             std::chrono::duration<double>(starved).count()),
                 true);
  }
  verdict_.outcome = Outcome::failed;
  verdict_.step = verdict_.steps.empty() ? "" : verdict_.steps.back().text;
  verdict_.expected = printable(expected, 4000);
  const std::string condition = cast_.condition();
  verdict_.actual = printable(condition.empty() ? actual : actual + "; " + condition, 4000);
  verdict_.cause = mistake_;
  cast_.curtain();
  throw Failed{};
}

void Story::cannot_judge(std::string reason, bool worth_retrying) {
  verdict_.outcome = Outcome::inconclusive;
  verdict_.step = verdict_.steps.empty() ? "" : verdict_.steps.back().text;
  verdict_.reason = printable(reason, 4000);
  verdict_.worth_retrying = worth_retrying;
  cast_.curtain();
  throw CannotJudge{};
}

bool Story::wait(Clock::time_point deadline, const std::function<bool(Clock::time_point)>& look) {
  constexpr std::chrono::milliseconds slice{50};
  while (!cast_.all_ended()) {
    if (look(std::min(deadline, Clock::now() + slice))) return true;
    if (Clock::now() >= deadline) return false;
  }
  outlived_programs_ = !last_look(std::min(deadline, Clock::now() + std::chrono::seconds(2)), look);
  return !outlived_programs_;
}

/// What the programs sent last may still be on its way, through the kernel and over the cable, when they have
/// ended: on a busy machine for hundreds of milliseconds. So this goes on until the machine has been in time
/// for a while.
bool Story::last_look(Clock::time_point deadline, const std::function<bool(Clock::time_point)>& look) {
  constexpr std::chrono::milliseconds slice{10}, late{5};
  constexpr int in_time_enough = 10;
  for (int in_time = 0; in_time < in_time_enough;) {
    const auto begin = Clock::now();
    if (look(std::min(deadline, begin + slice))) return true;
    const auto end = Clock::now();
    if (end >= deadline) return false;
    in_time = end - begin > slice + late ? 0 : in_time + 1;
  }
  return false;
}

double Story::seconds_since_start(Clock::time_point time) const {
  return std::chrono::duration<double>(time - start_).count();
}

}  // namespace wirelab
