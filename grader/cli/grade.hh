#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace wirelab {

struct GradeOptions {
  std::vector<std::filesystem::path> paths;
  std::vector<std::string> labs;            ///< empty for all
  std::filesystem::path out = "grades";
  unsigned jobs = 0;                        ///< submissions at once; 0: twice as many as there are cores
  bool resume = false;
  std::optional<std::uint64_t> seed;
};

/// Adds `grade PATH... [--labs 03,05] [--out DIR] [--jobs N] [--resume] [--seed N]`.
CLI::App* add_grade(CLI::App& app, GradeOptions& options);

/// Grades a class and prints the gradebook. 0: all were graded, however well; 2: some could not be judged, or there was
/// trouble, said in one line. Ended by SIGINT or SIGTERM (130, 143) it leaves the gradebook of what was finished.
int grade(const GradeOptions& options);

}  // namespace wirelab
