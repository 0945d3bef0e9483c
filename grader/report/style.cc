#include "grader/report/style.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace wirelab {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The first of these that is set decides: locale(7).
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = variable(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.ends_with("utf-8") || value.ends_with("utf8");
  }
  return false;
}

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// The words of one line, broken anew.
std::string wrap_line(std::string_view line, std::size_t width, const std::string& indent) {
  std::string result;
  std::size_t used = 0;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    if (used > 0 && used + 1 + columns(word) > width) {
      result += "\n" + indent;
      used = 0;
    }
    if (used > 0) result += ' ';
    result += word;
    used += columns(word) + (used > 0 ? 1 : 0);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return result;
}

}  // namespace

Style Style::for_stream(int fd, std::string_view colour) {
  Style style;
  const bool can = isatty(fd) && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  style.colour = colour == "always" || (colour == "auto" && can);
  const std::string terminal = variable("TERM");
  style.hyperlinks =
      style.colour && isatty(fd) && terminal != "dumb" && terminal != "linux" && !terminal.empty();
  style.utf8 = locale_is_utf8();
  return style;
}

std::string Style::paint(std::string_view code, std::string_view text) const {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string Style::link(std::string_view text, std::string_view address) const {
  if (!hyperlinks || address.empty()) return std::string(text);
  return fmt::format("\x1b]8;;{}\x1b\\{}\x1b]8;;\x1b\\", address, text);
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

std::string shorten_to(std::string_view text, std::size_t most, const Style& style) {
  if (columns(text) <= most) return std::string(text);
  const std::string_view ellipsis = style.glyph("…", "...");
  const std::size_t keep = most - std::min(most, columns(ellipsis));
  std::size_t end = 0;
  for (std::size_t kept = 0; kept < keep; ++kept) {
    do ++end;
    while (end < text.size() && continues(text[end]));
  }
  return fmt::format("{}{}", text.substr(0, end), ellipsis);
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  const std::string margin(indent, ' ');
  const std::size_t room = width > indent + 20 ? width - indent : 20;
  std::string result;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    result += wrap_line(text.substr(0, end), room, margin);
    if (end == text.size()) return result;
    result += "\n" + margin;
    text.remove_prefix(end + 1);
  }
}

}  // namespace wirelab
