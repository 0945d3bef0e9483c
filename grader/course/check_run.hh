#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "grader/checks/verdict.hh"
#include "grader/course/builder.hh"
#include "grader/course/manifest.hh"

namespace wirelab {

/// How to run the checks of a lab.
struct CheckOptions {
  std::vector<std::string> command;      ///< the program to judge, with leading arguments: {"python3", "echo.py"}
  std::vector<std::string> only;         ///< globs over check names; empty for all
  std::optional<std::uint64_t> seed;     ///< drawn when not given
  std::filesystem::path evidence;        ///< folder for pcaps and transcripts; empty for none
  bool evidence_of_passed = true;        ///< false keeps the evidence of checks that did not pass only
  unsigned jobs = 0;                     ///< checks at once; 0 for the executable's own choice
};

/// Runs a lab's check executable and hands each verdict on as it comes, in the order in which checks finish.
/// Every check chosen has exactly one verdict in the end: if the executable dies, those left are inconclusive.
/// Killing this process kills the executable and everything under it.
std::vector<Verdict> run_checks(const Toolbox& toolbox, const Lab& lab, const CheckOptions& options,
                                const std::function<void(const Verdict&)>& on_verdict = {});

/// The score of a lab.
struct Score {
  int points = 0;         ///< of the core checks that passed
  int most = 0;           ///< of all core checks that were chosen
  int inconclusive = 0;   ///< how many checks could not be judged
  int failed = 0;
  std::vector<std::string> badges;
};
Score score(const Lab& lab, const std::vector<Verdict>& verdicts);

}  // namespace wirelab
