#pragma once

#include <string>

#include "grader/checks/verdict.hh"
#include "grader/report/style.hh"

namespace wirelab {

/// What a reader needs beside the verdict: how the course presents this check.
struct Caption {
  std::string title;          ///< a sentence that says what holds
  int points = 0;             ///< core checks: what it is worth
  std::string badge;          ///< stretch checks: what one earns
  std::string concept_name;   ///< what it is about: "exponential backoff"
  std::string slide;          ///< where the slides explain it: `slides/05-unreliable-udp.md#backoff`
  std::string slide_address;  ///< where a click on that leads; empty for nowhere
  std::string rerun;          ///< the command that runs just this check; empty where there is none
};

/// The hole of the skeleton where a failed check ended, "05.2"; empty when it was no hole (see
/// common/todo.hh).
std::string unwritten_part(const Verdict& verdict);

/// One line: `✓ The client prints the answer and exits 0            10 points`, without a newline.
std::string verdict_line(const Verdict& verdict, const Caption& caption, const Style& style);

/// A failed or inconclusive verdict at length: expected and actual, the numbered steps, the ladder, what the
/// programs said, the likely mistake, where to read on. Ends with a newline.
std::string explain(const Verdict& verdict, const Caption& caption, const Style& style);

}  // namespace wirelab
