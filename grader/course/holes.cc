#include "grader/course/holes.hh"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace wirelab {
namespace {

using Lines = std::vector<std::string_view>;

Lines split_lines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
}

bool is_comment(std::string_view line) { return trimmed(line).starts_with("//"); }

bool begins_hole(std::string_view line) {
  const std::string_view text = trimmed(line);
  return text.starts_with("// TODO(") || text.starts_with("// STRETCH(");
}

/// The line after the hole that begins at `line`.
std::size_t end_of_hole(const Lines& lines, std::size_t line) {
  while (line < lines.size() && is_comment(lines[line])) ++line;
  while (line < lines.size() && !trimmed(lines[line]).ends_with(';')) ++line;
  return std::min(line + 1, lines.size());
}

/// Lines between two holes: they stand in the solution as they are, one after the other.
struct Fixed {
  std::size_t first;  ///< number of the first line, from 0
  Lines lines;
};

std::vector<Fixed> fixed_parts(const Lines& skeleton) {
  std::vector<Fixed> parts = {{0, {}}};
  for (std::size_t line = 0; line < skeleton.size();) {
    if (begins_hole(skeleton[line])) {
      line = end_of_hole(skeleton, line);
      parts.push_back({line, {}});
    } else {
      parts.back().lines.push_back(skeleton[line++]);
    }
  }
  return parts;
}

/// How many lines from `at` on are the same.
std::size_t same_lines(const Lines& part, const Lines& solution, std::size_t at) {
  std::size_t same = 0;
  while (same < part.size() && at + same < solution.size() && part[same] == solution[at + same]) ++same;
  return same;
}

std::string complaint(const Fixed& part, std::size_t same) {
  return fmt::format("line {} of the skeleton is not in the solution, or not in its place: {}",
                     part.first + same + 1, part.lines[same]);
}

}  // namespace

std::string difference_outside_holes(std::string_view skeleton_text, std::string_view solution_text) {
  const Lines skeleton = split_lines(skeleton_text);
  const Lines solution = split_lines(solution_text);
  const std::vector<Fixed> parts = fixed_parts(skeleton);
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Lines& lines = parts[i].lines;
    // What stands before the first hole is at the beginning, what stands after the last at the end.
    if (i + 1 == parts.size() && i > 0 && solution.size() >= at + lines.size())
      at = solution.size() - lines.size();
    std::size_t best = same_lines(lines, solution, at);
    while (i > 0 && i + 1 < parts.size() && best < lines.size() && at + lines.size() < solution.size()) {
      best = std::max(best, same_lines(lines, solution, ++at));
      if (same_lines(lines, solution, at) == lines.size()) break;
    }
    if (best < lines.size()) return complaint(parts[i], best);
    at += lines.size();
  }
  if (at < solution.size())
    return fmt::format("line {} of the solution is not in the skeleton: {}", at + 1, solution[at]);
  return {};
}

}  // namespace wirelab
