#include "grader/cli/words.hh"

namespace wirelab {
namespace {

/// Appends what stands up to the closing quote, and returns what follows it.
std::string_view take_quoted(std::string_view text, char quote, std::string& word) {
  while (!text.empty() && text.front() != quote) {
    const bool escapes =
        quote == '"' && text.front() == '\\' && text.size() > 1 && (text[1] == '"' || text[1] == '\\');
    if (escapes) text.remove_prefix(1);
    word += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) throw std::invalid_argument(std::string("a ") + quote + " is not closed");
  return text.substr(1);
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  while (!text.empty()) {
    const char next = text.front();
    text.remove_prefix(1);
    if (next == ' ' || next == '\t' || next == '\n') {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (next == '\'' || next == '"') {
      text = take_quoted(text, next, words.back());
    } else if (next == '\\' && !text.empty()) {
      words.back() += text.front();
      text.remove_prefix(1);
    } else {
      words.back() += next;
    }
  }
  if (words.empty()) throw std::invalid_argument("the command is empty");
  return words;
}

}  // namespace wirelab
