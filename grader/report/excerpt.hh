#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "grader/checks/verdict.hh"

namespace wirelab {

/// How much of a run every report shows: its end, where the trouble is.
inline constexpr std::size_t most_steps = 14;
inline constexpr std::size_t most_lines = 8;  ///< of what a program printed

/// The last lines of a text.
struct Excerpt {
  std::vector<std::string_view> lines;  ///< views of the text, without their newlines
  std::size_t left_out = 0;             ///< lines before them
};
/// At most so many lines of the end of a text, which must live as long as the excerpt does.
Excerpt last_lines(std::string_view text, std::size_t most = most_lines);

/// The file to open in Wireshark; the folder, when a check with several cables has left a capture of each.
std::string captures_of(const Verdict& verdict);

}  // namespace wirelab
