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
#include "grader/report/explanation.hh"

namespace wirelab {

/// How to run the checks of a lab.
struct CheckOptions {
  std::vector<std::string> command;  ///< the program to judge, with leading arguments: {"python3", "echo.py"}
  std::vector<std::string> only;     ///< globs over check names; empty for all
  std::optional<std::uint64_t> seed;  ///< drawn when not given
  std::filesystem::path evidence;     ///< folder for pcaps and transcripts; empty for none
  bool evidence_of_passed = true;     ///< false keeps the evidence of checks that did not pass only
  unsigned jobs = 0;                  ///< checks at once; 0 for the executable's own choice
};

/// The lab's checks that `only` chooses, in the manifest's order. Throws std::invalid_argument when one of
/// its globs chooses none: `check nosuch*: no such check in lab 05-unreliable-udp (there are ...)`.
std::vector<const CheckInfo*> chosen_checks(const Lab& lab, const std::vector<std::string>& only);

/// Runs a lab's check executable and hands each verdict on as it comes, in the order in which checks finish;
/// `on_started` hears the name of a check that begins. Every check chosen has exactly one verdict in the end:
/// if the executable dies, those left are inconclusive. When this process, or the calling thread, is killed
/// the executable goes too, with everything under it. Throws std::system_error when the executable cannot be
/// started.
std::vector<Verdict> run_checks(const Toolbox& toolbox, const Lab& lab, const CheckOptions& options,
                                const std::function<void(const Verdict&)>& on_verdict = {},
                                const std::function<void(const std::string&)>& on_started = {});

/// An inconclusive verdict for every check chosen: nothing can be judged, for this reason.
std::vector<Verdict> not_judged(const Lab& lab, const std::vector<std::string>& only,
                                const std::string& reason);

/// The score of a lab.
struct Score {
  int points = 0;                   ///< of the core checks that passed
  int most = 0;                     ///< of all core checks that were chosen
  int inconclusive = 0;             ///< how many checks could not be judged
  int failed = 0;                   ///< how many checks failed, stretch checks included
  std::vector<std::string> badges;  ///< of the stretch checks that passed
};
/// Adds up the verdicts. One on a check that the lab does not have is passed over.
Score score(const Lab& lab, const std::vector<Verdict>& verdicts);

/// How the course presents a check, for the report. `rerun` is the command that checks this lab in the same
/// way
/// ("./wirelab check 05 --solution"); the check and its seed are added. Empty for none.
Caption caption_of(const Lab& lab, const Verdict& verdict, const std::string& rerun = {});

}  // namespace wirelab
