#include "grader/checks/story.hh"

namespace wirelab {

void Story::step(std::string text) {
  verdict_.steps.push_back({seconds_since_start(Clock::now()), printable(text, 2000)});
}

void Story::fail(std::string expected, std::string actual) {
  verdict_.outcome = Outcome::failed;
  verdict_.step = verdict_.steps.empty() ? "" : verdict_.steps.back().text;
  verdict_.expected = printable(expected, 4000);
  verdict_.actual = printable(actual, 4000);
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

double Story::seconds_since_start(Clock::time_point time) const {
  return std::chrono::duration<double>(time - start_).count();
}

}  // namespace wirelab
