#include "grader/course/mistake.hh"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

#include "common/error.hh"
#include "grader/course/command.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace fs = std::filesystem;
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") + 1 - first));
}

/// The lines `Key: value` at the top of a patch.
std::map<std::string, std::string> read_headers(const fs::path& patch) {
  std::ifstream file(patch);
  if (!file) throw_errno("open", patch.string());
  std::map<std::string, std::string> headers;
  std::string last;
  for (std::string line;
       std::getline(file, line) && !line.starts_with("---") && !line.starts_with("diff ");) {
    const auto colon = line.find(':');
    if (line.starts_with(' ') && !last.empty()) {
      headers[last] += " " + trimmed(line);
    } else if (colon != line.npos) {
      last = line.substr(0, colon);
      headers[last] = trimmed(std::string_view(line).substr(colon + 1));
    }
  }
  return headers;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.push_back(trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

Mistake load_mistake(const fs::path& patch, const Lab& lab) {
  const auto headers = read_headers(patch);
  const auto header = [&](const std::string& key) {
    const auto found = headers.find(key);
    if (found == headers.end() || found->second.empty()) {
      throw std::runtime_error(fmt::format("{}: header '{}:' is missing", patch.string(), key));
    }
    return found->second;
  };
  Mistake mistake{patch.stem().string(), header("Title"), header("Misunderstanding"),
                  split_at_commas(header("Caught-by")), patch};
  for (const std::string& check : mistake.caught_by) {
    if (!lab.find_check(check))
      throw std::runtime_error(fmt::format("{}: lab {} has no check '{}'", patch.string(), lab.id(), check));
  }
  return mistake;
}

}  // namespace

std::vector<Mistake> load_mistakes(const fs::path& root, const Lab& lab) {
  std::vector<Mistake> mistakes;
  const fs::path folder = root / "grader" / "mistakes" / lab.id();
  if (!fs::exists(folder)) return mistakes;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".patch") mistakes.push_back(load_mistake(entry.path(), lab));
  }
  std::ranges::sort(mistakes, {}, &Mistake::name);
  return mistakes;
}

Mistake find_mistake(const fs::path& root, const Lab& lab, const std::string& name) {
  const auto all = load_mistakes(root, lab);
  const auto found = std::ranges::find(all, name, &Mistake::name);
  if (found == all.end())
    throw std::invalid_argument(fmt::format("mistake {}: no such mistake in lab {}", name, lab.id()));
  return *found;
}

void make_mistake(const fs::path& root, const Lab& lab, const Mistake& mistake, const fs::path& folder) {
  for (const std::string& name : lab.files)
    fs::copy_file(root / "solutions" / lab.id() / name, folder / name);
  const CommandResult patched =
      run_command({"patch", "-p1", "--batch", "--silent", "--no-backup-if-mismatch", "-d", folder.string(),
                   "-i", fs::absolute(mistake.patch).string()});
  if (patched.status != 0) {
    throw std::runtime_error(fmt::format("{}: does not fit the solution any more", mistake.patch.string()));
  }
}

}  // namespace wirelab
