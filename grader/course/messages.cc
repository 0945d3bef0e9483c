#include "grader/course/messages.hh"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "grader/program/files.hh"

namespace wirelab {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t width = 110;  // of the file, in columns
constexpr std::string_view margin = "    ";

fs::path file_of(const fs::path& root, const Lab& lab) {
  return root / "grader" / "mistakes" / lab.id() / "messages.txt";
}

std::string wrapped(const std::string& text) {
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && margin.size() + line.size() + 1 + word.size() > width) {
      result.append(margin).append(line).append("\n");
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return result.append(margin).append(line).append("\n");
}

}  // namespace

std::string kept_text(std::string_view cause) {
  std::string text;
  for (const char c : cause) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      if (!text.ends_with(' ')) text += ' ';
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      if (!text.ends_with('#')) text += '#';
    } else {
      text += c;
    }
  }
  return text;
}

std::vector<Message> load_messages(const fs::path& root, const Lab& lab) {
  std::vector<Message> messages;
  if (!fs::exists(file_of(root, lab))) return messages;
  std::istringstream file(read_file(file_of(root, lab)));
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with(margin) && !messages.empty()) {
      std::string& text = messages.back().text;
      text += (text.empty() ? "" : " ") + line.substr(margin.size());
    } else if (colon != line.npos) {
      messages.push_back({line.substr(0, colon), line.substr(colon + 2), ""});
    }
  }
  return messages;
}

void save_messages(const fs::path& root, const Lab& lab, std::vector<Message> messages) {
  std::ranges::sort(messages);
  const auto repeated = std::ranges::unique(messages);
  messages.erase(repeated.begin(), repeated.end());
  std::string text;
  for (const Message& message : messages) {
    text +=
        (text.empty() ? "" : "\n") + message.mistake + ": " + message.check + "\n" + wrapped(message.text);
  }
  replace_file(file_of(root, lab), text);
}

}  // namespace wirelab
