#include "grader/classroom/contents.hh"

#include <algorithm>

namespace wirelab {

FoundPath take_apart(std::string_view path) {
  FoundPath result;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (!part.empty() && part != ".") result.folders.emplace_back(part);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (result.folders.empty()) return result;
  result.name = std::move(result.folders.back());
  result.folders.pop_back();
  return result;
}

bool worth_a_look(std::string_view name) { return !name.starts_with('.') && name != "__MACOSX"; }

}  // namespace wirelab
