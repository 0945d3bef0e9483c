#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "grader/cli/session.hh"

namespace wirelab {

/// The best result so far of a lab.
struct BestResult {
  int points = 0;                   ///< the most of any run
  std::vector<std::string> badges;  ///< of all runs together
  bool checked = false;             ///< there was a run
};

/// What is remembered between runs: `progress.json`. A file that holds something else counts as empty: it is
/// no record of anything that a run of the checks would not bring back.
class Memory {
 public:
  /// Reads the file in Session::state, if it is there. Throws std::system_error when it cannot be opened.
  explicit Memory(const Session& session);

  /// The best result of a lab; nothing reached when it was never checked.
  [[nodiscard]] BestResult best(const Lab& lab) const;
  /// Takes note of a run's score. On disk only after `save`.
  void remember(const Lab& lab, const Score& score);

  /// How many hints have been given.
  [[nodiscard]] std::size_t hints(const Lab& lab) const;
  /// Takes note of how many hints have been given. On disk only after `save`.
  void remember_hints(const Lab& lab, std::size_t given);

  /// Writes the file, all at once. Throws std::system_error.
  void save() const;

 private:
  [[nodiscard]] nlohmann::json entry(const Lab& lab) const;
  std::filesystem::path file_;
  nlohmann::json data_;
};

}  // namespace wirelab
