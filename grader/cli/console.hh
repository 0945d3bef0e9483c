#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "grader/report/style.hh"

namespace wirelab {

/// What the user sees while something runs: lines on standard output, and on a terminal one more line below
/// them that says how far it is. May be used by several threads.
class Console {
 public:
  /// `colour` is "auto", "always" or "never".
  explicit Console(std::string_view colour);
  /// Takes the line below away.
  ~Console() { status({}); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// How text is dressed for standard output.
  [[nodiscard]] const Style& style() const { return style_; }

  /// Prints text, which should end a line.
  void print(std::string_view text);

  /// Replaces the line below; empty takes it away. Nothing at all where standard output is no terminal.
  void status(std::string_view text);

 private:
  void clear_status();

  Style style_;
  bool live_;
  std::size_t shown_ = 0;
  std::mutex mutex_;
};

}  // namespace wirelab
