#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "grader/course/manifest.hh"

namespace wirelab {

/// A mistake that students make, as a patch to the reference solution: grader/mistakes/NN-slug/NAME.patch.
///
///     Title: The wait is never doubled
///     Misunderstanding: Any wait will do, as long as one asks again.
///     Caught-by: silence_doubles_the_wait
///
///     --- a/unreliable_client.cc
///     +++ b/unreliable_client.cc
///     ...
///
/// A line that begins with a blank goes on with the one before. `Caught-by` names one check or several, with
/// commas.
struct Mistake {
  std::string name;                    ///< of the file, without `.patch`
  std::string title;                   ///< a sentence without a full stop that says what is wrong
  std::string misunderstanding;        ///< what one must believe to make it
  std::vector<std::string> caught_by;  ///< every one of these fails
  std::filesystem::path patch;         ///< the file
};

/// The mistakes of a lab, by name. Throws std::runtime_error naming file and reason: a header that is
/// missing, a check that the lab does not have.
std::vector<Mistake> load_mistakes(const std::filesystem::path& root, const Lab& lab);

/// The mistake of this name. Throws std::invalid_argument, `mistake X: no such mistake in lab 05-...`.
Mistake find_mistake(const std::filesystem::path& root, const Lab& lab, const std::string& name);

/// Puts the solution with the mistake into `folder`, which must be empty. Throws std::runtime_error when the
/// patch does not fit.
void make_mistake(const std::filesystem::path& root, const Lab& lab, const Mistake& mistake,
                  const std::filesystem::path& folder);

}  // namespace wirelab
