#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "grader/cli/console.hh"
#include "grader/course/builder.hh"
#include "grader/course/check_run.hh"
#include "grader/course/manifest.hh"

namespace wirelab {

/// What every command starts from: the course, the build, the console, and where results are remembered.
struct Session {
  /// Finds build and course; `colour` as Console takes it. Throws std::runtime_error when the build is not
  /// complete or a manifest is wrong.
  explicit Session(const std::string& colour);

  Console console;  ///< what the user sees
  Toolbox toolbox;  ///< where the parts of the build lie
  Course course;    ///< all labs

  /// `build/`: beside the build itself, for it is as private to the user and as easily thrown away.
  [[nodiscard]] std::filesystem::path state() const { return toolbox.build.parent_path(); }
  /// Where the evidence of a lab's last run lies, when the user named no other folder.
  [[nodiscard]] std::filesystem::path evidence(const Lab& lab) const {
    return state() / "evidence" / lab.id();
  }
  /// Where compiled files are kept: see BuildCache.
  [[nodiscard]] std::filesystem::path cache() const { return state() / "cache"; }

  /// The labs of these names, in the order given; all for no name or "all".
  /// Throws std::invalid_argument for a name that no lab has.
  [[nodiscard]] std::vector<const Lab*> labs(const std::vector<std::string>& names) const;

  /// `caption_of`, with what a click on the slide's name opens.
  [[nodiscard]] Caption caption(const Lab& lab, const Verdict& verdict, const std::string& rerun) const;
};

/// `./wirelab check 05`: how a user types a lab.
std::string number_of(const Lab& lab);

/// The verdict as it is shown: paths as they look from where the user is.
Verdict seen_from_here(Verdict verdict);

/// The exit status of a command that did what it was asked, and of checks that all passed.
inline constexpr int exit_passed = 0;
inline constexpr int exit_failed = 1;   ///< something was judged and found wrong
inline constexpr int exit_trouble = 2;  ///< something could not be judged, or the command line was wrong

}  // namespace wirelab
