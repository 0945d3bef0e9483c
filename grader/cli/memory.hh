#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "grader/cli/session.hh"

namespace wirelab {

/// The best result so far of a lab.
struct BestResult {
  int points = 0;
  std::vector<std::string> badges;
  bool checked = false;
};

/// What is remembered between runs: `progress.json`. A file that cannot be read counts as empty: it is no
/// record of anything that a run of the checks would not bring back.
class Memory {
 public:
  explicit Memory(const Session& session);

  [[nodiscard]] BestResult best(const Lab& lab) const;
  void remember(const Lab& lab, const Score& score);

  /// How many hints have been given.
  [[nodiscard]] std::size_t hints(const Lab& lab) const;
  void remember_hints(const Lab& lab, std::size_t given);

  /// Throws std::system_error.
  void save() const;

 private:
  [[nodiscard]] nlohmann::json entry(const Lab& lab) const;
  std::filesystem::path file_;
  nlohmann::json data_;
};

}  // namespace wirelab
