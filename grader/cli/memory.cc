#include "grader/cli/memory.hh"

#include <algorithm>

#include "grader/program/files.hh"

namespace wirelab {

Memory::Memory(const Session& session)
    : file_(session.state() / "progress.json"), data_(nlohmann::json::object()) {
  if (!std::filesystem::exists(file_)) return;
  const auto read = nlohmann::json::parse(read_file(file_), nullptr, false);
  if (read.is_object()) data_ = read;
}

nlohmann::json Memory::entry(const Lab& lab) const {
  const auto found = data_.find(lab.id());
  return found != data_.end() && found->is_object() ? *found : nlohmann::json::object();
}

BestResult Memory::best(const Lab& lab) const {
  const nlohmann::json known = entry(lab);
  return {known.value("points", 0), known.value("badges", std::vector<std::string>()),
          known.contains("points")};
}

void Memory::remember(const Lab& lab, const Score& score) {
  BestResult best = this->best(lab);
  for (const std::string& badge : score.badges) {
    if (std::ranges::find(best.badges, badge) == best.badges.end()) best.badges.push_back(badge);
  }
  nlohmann::json known = entry(lab);
  known["points"] = std::max(best.points, score.points);
  known["badges"] = best.badges;
  data_[lab.id()] = known;
}

std::size_t Memory::hints(const Lab& lab) const { return entry(lab).value("hints", std::size_t{0}); }

void Memory::remember_hints(const Lab& lab, std::size_t given) {
  nlohmann::json known = entry(lab);
  known["hints"] = given;
  data_[lab.id()] = known;
}

void Memory::save() const { replace_file(file_, data_.dump(2) + "\n"); }

}  // namespace wirelab
