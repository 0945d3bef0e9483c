#include "grader/checks/subject.hh"

#include <filesystem>

namespace wirelab {

std::string Subject::shown() const {
  std::string text;
  for (const std::string& word : command) {
    const std::string name = std::filesystem::path(word).filename().string();
    text += (text.empty() ? "" : " ") + (name.empty() ? word : name);
  }
  return text;
}

}  // namespace wirelab
