#include "grader/cli/output_file.hh"

#include <fcntl.h>
#include <unistd.h>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

/// A device or a pipe (`/dev/stdout`): it is written to, not replaced.
bool is_special(const std::filesystem::path& path) {
  return std::filesystem::exists(path) && !std::filesystem::is_regular_file(path) &&
         !std::filesystem::is_directory(path);
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.empty() || is_special(path_)) return;
  if (std::filesystem::is_directory(path_)) throw_errno("write", path_.string(), EISDIR);
  // To ask for permission would not do: root has it even on a file system that takes no files.
  const std::string probe = path_.string() + ".probe";
  const Descriptor made(open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!made) throw_errno("write", path_.string());
  unlink(probe.c_str());
}

void OutputFile::write(std::string_view bytes) const {
  if (path_.empty()) return;
  is_special(path_) ? write_file(path_, bytes) : replace_file(path_, bytes);
}

}  // namespace wirelab
