#include "grader/course/build_cache.hh"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "grader/program/files.hh"

namespace wirelab {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_entries = 512;  // about 100 MB of objects and programs

}  // namespace

fs::path BuildCache::entry_folder(std::string_view inputs) const {
  return folder_ / fmt::format("{:016x}", std::hash<std::string_view>()(inputs));
}

std::optional<BuildCache::Entry> BuildCache::find(std::string_view inputs) const {
  const fs::path folder = entry_folder(inputs);
  try {
    if (!fs::exists(folder) || read_file(folder / "inputs") != inputs) return {};
    return Entry{folder / "product", read_file(folder / "log")};
  } catch (const std::system_error&) {
    return {};  // somebody forgot the entry in this very moment
  }
}

void BuildCache::store(std::string_view inputs, const fs::path& product, std::string_view log) const {
  const TemporaryFolder made(folder_);
  fs::create_directory(made.path() / "entry");
  place_file(product, made.path() / "entry" / "product");
  write_file(made.path() / "entry" / "inputs", inputs);
  write_file(made.path() / "entry" / "log", log);
  std::error_code somebody_was_first;
  fs::rename(made.path() / "entry", entry_folder(inputs), somebody_was_first);
  forget_oldest();
}

void BuildCache::forget_oldest() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> entries;
  std::error_code gone;  // by another process that forgets, too
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto time = fs::last_write_time(entry.path(), gone);
    if (!gone) entries.emplace_back(time, entry.path());
  }
  if (entries.size() <= most_entries) return;
  std::ranges::sort(entries);
  entries.resize(entries.size() - most_entries);
  for (const auto& [time, path] : entries) fs::remove_all(path, gone);
}

}  // namespace wirelab
