#pragma once

#include <string>

#include "grader/classroom/result.hh"

namespace wirelab {

/// What a student gets: the score of each lab in a word, then lab by lab each check, what the compiler said,
/// and every failure explained.
struct Feedback {
  std::string text;  ///< plain, safe to print
  std::string page;  ///< HTML with the ladders as pictures: one file that loads nothing and runs nothing
};
/// Writes a student's results out in both forms.
Feedback feedback_of(const StudentResult& result);

}  // namespace wirelab
