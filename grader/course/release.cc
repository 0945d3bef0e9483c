#include "grader/course/release.hh"

#include <fmt/format.h>

#include <stdexcept>

#include "grader/program/files.hh"

namespace wirelab {
namespace fs = std::filesystem;
namespace {

/// All that is handed out, by name: what is not named here stays at home.
constexpr const char* handed_out[] = {".clang-format", ".gitignore", "CMakeLists.txt", "CMakePresets.json",
                                      "LICENSE",       "common",     "grader",         "labs",
                                      "slides",        "wirelab"};

/// Below these: what is not.
constexpr const char* kept_back[] = {"grader/mistakes", "labs/README.md"};

void forbid_solved_labs(const Course& course) {
  for (const Lab& lab : course.labs) {
    for (const std::string& name : lab.files) {
      if (name.ends_with(".cc") && read_file(lab.folder / name).find("todo(\"") == std::string::npos) {
        throw std::runtime_error(
            fmt::format("release labs/{}/{}: it has no TODO left, so it is no skeleton", lab.id(), name));
      }
    }
  }
}

void copy_tree(const fs::path& from, const fs::path& to) {
  for (const char* name : handed_out) {
    if (fs::exists(from / name)) fs::copy(from / name, to / name, fs::copy_options::recursive);
  }
  for (const char* name : kept_back) fs::remove_all(to / name);
  if (fs::exists(from / "labs/README.md")) fs::copy_file(from / "labs/README.md", to / "README.md");
}

}  // namespace

void write_release(const Course& course, const fs::path& folder) {
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder))) {
    throw std::runtime_error(fmt::format("release {}: the folder is not empty", folder.string()));
  }
  forbid_solved_labs(course);
  const fs::path parent = fs::absolute(folder).lexically_normal().parent_path();
  const TemporaryFolder work(parent);
  const fs::path made = work.path() / "release";
  fs::create_directory(made);
  copy_tree(course.root, made);
  fs::rename(made, folder);  // takes the place of an empty folder
}

}  // namespace wirelab
