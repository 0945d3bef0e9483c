#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grader/program/limits.hh"

namespace wirelab {

/// One line of output, without its newline.
struct Line {
  Clock::time_point time;  ///< when its last byte was read
  std::string text;        ///< as printed: any bytes but a newline
};

/// What a program has printed so far on one of its outputs: the bytes, and the complete lines with their
/// times.
class Output {
 public:
  /// Takes what fits under `most` bytes altogether; false when that was not all.
  bool append(std::string_view bytes, std::size_t most);

  /// Nothing more can come: what stands after the last newline is a line.
  void close();

  /// Everything that was taken, newlines and all.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  /// The complete lines, in order.
  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }
  /// Whether `close` has been called.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  std::string bytes_;
  std::vector<Line> lines_;
  std::size_t line_start_ = 0;
  Clock::time_point last_read_;
  bool closed_ = false;
};

}  // namespace wirelab
