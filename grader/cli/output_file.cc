#include "grader/cli/output_file.hh"

#include <unistd.h>

#include "common/error.hh"
#include "grader/course/files.hh"

namespace wirelab {
namespace {

/// A device or a pipe (`/dev/stdout`): it is written to, not replaced.
bool is_special(const std::filesystem::path& path) {
  return std::filesystem::exists(path) && !std::filesystem::is_regular_file(path) && !std::filesystem::is_directory(path);
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.empty() || is_special(path_)) return;
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  if (access(folder.c_str(), W_OK | X_OK) != 0) throw_errno("write", path_.string());
  if (!std::filesystem::is_directory(folder)) throw_errno("write", path_.string(), ENOTDIR);
  if (std::filesystem::is_directory(path_)) throw_errno("write", path_.string(), EISDIR);
}

void OutputFile::write(std::string_view bytes) const {
  if (path_.empty()) return;
  is_special(path_) ? write_file(path_, bytes) : replace_file(path_, bytes);
}

}  // namespace wirelab
