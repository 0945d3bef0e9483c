#pragma once

#include <stdexcept>
#include <string>

namespace wirelab {

/// A part of the lab that nobody has written yet. `lab_main` reports it and exits with status 3.
class Unfinished : public std::logic_error {
  using std::logic_error::logic_error;
};

/// Marks a hole in a skeleton: throws Unfinished, `TODO 05.2 is not written yet`. Replace the call by your
/// code. What follows the number is what that code will use; naming it here keeps the compiler from calling
/// it unused.
template <typename... Used>
[[noreturn]] void todo(const std::string& number, const Used&...) {
  throw Unfinished("TODO " + number + " is not written yet");
}

}  // namespace wirelab
