#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// Splits a command line as a shell would, without running one: words between blanks; '...' and "..." hold
/// blanks; a backslash takes the next character as it is (inside "..." only before `"` and `\`). Nothing is
/// expanded. Throws std::invalid_argument when a quote is not closed, or when there is no word.
std::vector<std::string> split_words(std::string_view text);

}  // namespace wirelab
