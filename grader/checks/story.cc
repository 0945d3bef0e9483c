#include "grader/checks/story.hh"

#include <algorithm>
#include <thread>

namespace wirelab {

void Story::step(std::string text) {
  verdict_.steps.push_back({seconds_since_start(Clock::now()), printable(text, 2000)});
}

void Story::fail(std::string expected, std::string actual) {
  verdict_.outcome = Outcome::failed;
  verdict_.step = verdict_.steps.empty() ? "" : verdict_.steps.back().text;
  verdict_.expected = printable(expected, 4000);
  // A program that crashes breaks its connections first, and is known to have ended a moment later.
  if (!cast_.all_ended()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::string condition = cast_.condition();
  verdict_.actual = printable(condition.empty() ? actual : actual + "; " + condition, 4000);
  verdict_.cause = mistake_;
  throw Failed{};
}

void Story::cannot_judge(std::string reason, bool worth_retrying) {
  verdict_.outcome = Outcome::inconclusive;
  verdict_.step = verdict_.steps.empty() ? "" : verdict_.steps.back().text;
  verdict_.reason = printable(reason, 4000);
  verdict_.worth_retrying = worth_retrying;
  throw CannotJudge{};
}

bool Story::wait(Clock::time_point deadline, const std::function<bool(Clock::time_point)>& look) const {
  constexpr std::chrono::milliseconds slice{50};
  // What the programs sent last may still be on its way, through the kernel and over the cable, when they
  // have ended: on a busy machine for hundreds of milliseconds.
  constexpr std::chrono::seconds last_look{2};
  for (;;) {
    const bool last = cast_.all_ended();  // asked before looking: what they did until then is seen
    const auto until = std::min(deadline, Clock::now() + (last ? last_look : slice));
    if (look(until)) return true;
    if (last || until == deadline) return false;
  }
}

double Story::seconds_since_start(Clock::time_point time) const {
  return std::chrono::duration<double>(time - start_).count();
}

}  // namespace wirelab
