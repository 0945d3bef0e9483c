#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "grader/checks/verdict.hh"

namespace wirelab {

/// How far a lab of a student has come.
enum class Standing {
  pending,  ///< not graded yet: the run was stopped
  graded,   ///< points and word stand
  again,    ///< a check could not be judged: neither points nor none, another run must tell
};

/// One check's line in the feedback.
struct CheckLine {
  std::string check;                        ///< its name
  std::string title;                        ///< a sentence that says what holds
  Outcome outcome = Outcome::inconclusive;  ///< what it came to
  int points = 0;                           ///< what it is worth; 0 for stretch
  std::string badge;                        ///< stretch: what it earns
  std::uint64_t seed = 0;                   ///< runs the check again exactly so
  std::string said;  ///< failed: expected and actual in one line; inconclusive: the reason
};

/// What came of one lab of one student.
struct LabResult {
  std::string lab;                        ///< `05-unreliable-udp`
  Standing standing = Standing::pending;  ///< whether points and word stand
  int points = 0;                         ///< reached, by the core checks that passed
  int most = 0;                           ///< that can be reached
  std::string word;                       ///< "complete", "does not compile", "fails 3 of 14, crashes", ...
  std::vector<std::string> badges;        ///< of the stretch checks that passed
  std::vector<std::string> notes;         ///< on what was taken and what was not
  std::string diagnostics;                ///< what the compiler said
  std::vector<CheckLine> checks;          ///< in the manifest's order; empty when nothing was run
  std::string explanations;               ///< for the feedback alone: each failure at length, ladder included
  std::string articles;                   ///< the same for the feedback's page: HTML
};

/// What came of one student.
struct StudentResult {
  std::string student;             ///< Submission::name
  std::string submission;          ///< where it was found
  std::string digest;              ///< of all that the result depends on
  std::vector<std::string> notes;  ///< on the submission as a whole, for the student
  std::vector<LabResult> labs;     ///< in the order of the gradebook
};

/// The content of a student's result.json. `explanations` are left out: feedback.txt has them.
void to_json(nlohmann::json& json, const StudentResult& result);
/// Reads it back. Throws nlohmann::json::exception when a key is missing or of another type.
void from_json(const nlohmann::json& json, StudentResult& result);

/// Whether every lab's points stand.
bool settled(const StudentResult& result);

}  // namespace wirelab
