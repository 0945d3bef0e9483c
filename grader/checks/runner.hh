#pragma once

#include <cstdint>
#include <filesystem>

#include "grader/checks/subject.hh"

namespace wirelab {

/// What a check process needs to know of the command line.
struct CheckSettings {
  Subject subject;                 ///< the program to judge
  std::uint64_t seed = 0;          ///< of every Random; printed with each verdict
  std::filesystem::path evidence;  ///< each check keeps its own in a folder of its name below; empty for none
  bool keep_passed = false;        ///< also the evidence of checks that passed
};
/// The settings of this process, as run_checks_main read them before the first check began.
const CheckSettings& check_settings();

/// The `main` of every check executable:
///
///     check-05-unreliable-udp [--evidence DIR [--keep-passed]] [--seed N] [--jobs N] [--only GLOB]... --
///     COMMAND...
///
/// Runs each GoogleTest test of the executable in a process of its own, several at once; tests of a suite
/// whose name ends in `Alone` run last and one at a time. Prints `{"started": NAME}` and each verdict as one
/// line of JSON. A check that is inconclusive because the machine was busy is run again, by itself, up to
/// twice. Exit status: 0 all passed, 1 some failed, 2 some inconclusive and none failed, or wrong usage.
int run_checks_main(int argc, char** argv);

}  // namespace wirelab
