#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "grader/checks/verdict.hh"
#include "grader/course/builder.hh"
#include "grader/course/manifest.hh"
#include "grader/course/messages.hh"

namespace wirelab {

/// What came of trying a claim: it holds (passed), it does not (failed), or it could not be judged.
struct Proof {
  Outcome outcome = Outcome::passed;   ///< of the claim, not of a program
  std::string detail;                  ///< why it does not hold
  std::string mistake;                 ///< of a mistake: its name
  std::vector<std::string> caught_by;  ///< of a mistake: the checks that failed, of those that were run
  std::vector<Message> messages;       ///< of a mistake: what the student is told
};

/// Something that must hold of the course.
struct Claim {
  std::string lab;               ///< 05-unreliable-udp
  std::string text;              ///< "the skeleton fails every core check"
  std::function<Proof()> prove;  ///< may be called by any thread
};

/// How claims are to be tried.
struct ProofOptions {
  std::filesystem::path work;   ///< folder for programs
  std::filesystem::path cache;  ///< of compiled files
  bool all_checks = false;      ///< run every check on every mistake, not only those that must catch it
  bool record = false;          ///< messages are taken as they come: the caller records them
  unsigned jobs = 0;            ///< checks at once, of each claim
};

/// All that must hold of a lab: the skeleton compiles without a warning and fails every core check; the
/// solution compiles without one, passes everything, differs from the skeleton only in its holes, and neither
/// the sanitizers nor clang-tidy (where it is installed) have anything to say of it; handout and hints name
/// the skeleton's tasks, the handout all of them and no other; every catalogued mistake is caught by the
/// checks that it names, with a message that has been read (messages.hh); every check has a mistake that it
/// catches; every correct program in tests/variants/NN passes the core checks. Throws std::runtime_error when
/// the catalogue of mistakes cannot be read.
std::vector<Claim> claims_of(const Toolbox& toolbox, const Lab& lab, const ProofOptions& options);

}  // namespace wirelab
