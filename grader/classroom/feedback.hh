#pragma once

#include <string>

#include "grader/classroom/result.hh"

namespace wirelab {

/// The text a student gets: the score of each lab in a word, then lab by lab each check, what the compiler
/// said, and every failure explained. Plain text, safe to print.
std::string feedback_of(const StudentResult& result);

}  // namespace wirelab
