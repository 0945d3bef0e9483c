#include "grader/program/output.hh"

#include <algorithm>

namespace wirelab {

bool Output::append(std::string_view bytes, std::size_t most) {
  last_read_ = Clock::now();
  std::size_t newline = bytes_.size();
  const std::string_view taken = bytes.substr(0, most - std::min(most, bytes_.size()));
  bytes_.append(taken);
  while ((newline = bytes_.find('\n', newline)) != std::string::npos) {
    lines_.push_back({last_read_, bytes_.substr(line_start_, newline - line_start_)});
    line_start_ = ++newline;
  }
  return taken.size() == bytes.size();
}

void Output::close() {
  if (closed_) return;
  closed_ = true;
  if (line_start_ < bytes_.size()) lines_.push_back({last_read_, bytes_.substr(line_start_)});
}

}  // namespace wirelab
