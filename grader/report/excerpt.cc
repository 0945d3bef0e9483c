#include "grader/report/excerpt.hh"

#include <algorithm>
#include <filesystem>

namespace wirelab {

Excerpt last_lines(std::string_view text, std::size_t most) {
  if (text.empty()) return {};
  if (text.ends_with('\n')) text.remove_suffix(1);
  Excerpt excerpt;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    excerpt.lines.push_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  excerpt.left_out = excerpt.lines.size() > most ? excerpt.lines.size() - most : 0;
  excerpt.lines.erase(excerpt.lines.begin(),
                      excerpt.lines.begin() + static_cast<std::ptrdiff_t>(excerpt.left_out));
  return excerpt;
}

std::string captures_of(const Verdict& verdict) {
  return verdict.evidence + (std::filesystem::exists(verdict.evidence + "/wire.pcap") ? "/wire.pcap" : "/");
}

}  // namespace wirelab
