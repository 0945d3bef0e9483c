#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "grader/cli/session.hh"

// What the commands do: one function and one file each. Which words and options the user types for them is
// the business of command_line.cc alone. The results are exit statuses; trouble is thrown.

namespace wirelab {

/// Without a command: where the user is, and what to do next.
int where_you_are(Session& session);

/// `wirelab list`: each lab with the best result so far. Always exit_passed.
int list_labs(Session& session);

/// What the user asked of `wirelab check`.
struct CheckRequest {
  std::vector<std::string> labs;       ///< names; empty for all
  std::optional<std::string> program;  ///< a command to check instead of the student's files
  bool solution = false;               ///< check the reference solution
  std::string mistake;                 ///< the name of a catalogued mistake to check instead; empty for none
  std::vector<std::string> only;       ///< globs over the names of checks
  std::string json;                    ///< file for the result; empty for none
  std::string evidence;                ///< folder; empty for ours
  std::optional<std::uint64_t> seed;   ///< drawn when not given
  unsigned jobs = 0;                   ///< checks at once; 0 for the default
};
/// Builds, checks and explains. exit_failed: some checks failed; exit_trouble: none, but some could not be
/// judged. Throws std::invalid_argument when a name or glob stands for nothing.
int check_labs(Session& session, const CheckRequest& request);

/// What the user asked of `wirelab hint`.
struct HintRequest {
  std::string lab;     ///< a name: see Course::find
  bool again = false;  ///< begin with the first
};
/// Prints the next hint that has not been given yet, and remembers that. Always exit_passed.
int give_hint(Session& session, const HintRequest& request);

/// What the user asked of `wirelab show`.
struct ShowRequest {
  std::string lab;       ///< a name: see Course::find
  std::string check;     ///< a name or a glob
  std::string evidence;  ///< the folder that `check --evidence` was given; empty for ours
  std::string svg;       ///< file for a picture instead of the text, "-" for standard output; empty for none
  std::string frames;    ///< `3-5` or `3`: of the frames that are drawn; empty for all
  std::size_t packet = 0;  ///< draw the headers of this frame instead of the ladder; from 1, 0 for none
  std::vector<std::string> layers;  ///< the headers to draw; empty for all
};
/// Explains the verdict that the last run left, ladder and all, or draws the ladder or a frame's headers.
/// Always exit_passed. Throws std::runtime_error when no run is kept, and std::invalid_argument when the
/// picture that was asked for cannot be made.
int show_check(Session& session, const ShowRequest& request);

/// `wirelab doctor`: what the labs need of this machine. exit_trouble when something is missing that a check
/// cannot do without.
int examine(Session& session);

/// What the user asked of `wirelab grade`.
struct GradeRequest {
  std::vector<std::filesystem::path> paths;  ///< submissions and class folders: see find_submissions
  std::vector<std::string> labs;             ///< empty for all
  std::filesystem::path out = "grades";      ///< see OutputFolder
  unsigned jobs = 0;                         ///< submissions at once; 0: twice as many as there are cores
  bool resume = false;                       ///< results of an earlier run stand where nothing has changed
  std::string site;  ///< address of the course's site, for the links of the feedback; empty for none
  std::optional<std::uint64_t> seed;  ///< drawn for each check when not given
};
/// Grades a class into a folder. 0: all were graded, however well; 2: some could not be judged, or there was
/// trouble. Ended by a signal (130, 143) it leaves the gradebook of what was finished.
int grade(Session& session, const GradeRequest& request);

/// What the user asked of `wirelab prove`.
struct ProveRequest {
  std::vector<std::string> labs;  ///< empty for all
  bool all_checks = false;        ///< run every check on every mistake
  bool verbose = false;           ///< print every claim, not only those that do not hold
  bool record = false;            ///< put what students are told on record
  std::string json;               ///< file for the result; empty for none
  unsigned jobs = 0;              ///< claims tried at once; 0 for the default
};
/// Tries all claims: see claims_of. exit_failed: some do not hold; exit_trouble: none, but some could not be
/// judged.
int prove(Session& session, const ProveRequest& request);

/// What the user asked of `wirelab release`.
struct ReleaseRequest {
  std::filesystem::path folder;  ///< must not exist, or be empty
};
/// Writes the students' tree. exit_passed; throws as write_release does.
int release(Session& session, const ReleaseRequest& request);

/// What the user asked of `wirelab site`.
struct SiteRequest {
  std::filesystem::path folder;  ///< must not exist, or be a site that was made before
  std::string deck;       ///< number of the one deck to build, for its author; empty for the whole site
  std::string lang;       ///< which translation of it; empty for the original
  bool pictures = false;  ///< with `deck`: a picture of each slide as well
};
/// Slides, handouts and reference as a static site. Does not return when the generator can be started.
int build_site(Session& session, const SiteRequest& request);

/// The project's own tests, all or those whose name matches. Does not return when it can start them.
int run_tests(Session& session, const std::string& filter);

}  // namespace wirelab
