#include "grader/program/files.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <sstream>

#include "common/descriptor.hh"
#include "common/error.hh"

namespace wirelab {
namespace {

/// A name beside `path` that nobody else uses.
std::filesystem::path name_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> count = 0;
  return path.string() + fmt::format(".new-{}-{}", getpid(), count++);
}

void rename_over(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return;
  const int error = errno;
  unlink(from.c_str());
  throw_errno("write", to.string(), error);
}

}  // namespace

bool make_folder(const std::filesystem::path& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) throw_errno("create", path.string(), error.value());
  return made;
}

TemporaryFolder::TemporaryFolder(const std::filesystem::path& parent) {
  make_folder(parent);
  std::string name = (parent / "tmp-XXXXXX").string();
  if (!mkdtemp(name.data())) throw_errno("create folder", name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code nobody_to_tell;
  std::filesystem::remove_all(path_, nobody_to_tell);
}

std::optional<std::filesystem::path> find_along_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate = std::filesystem::path(folder) / name;
    if (access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate)) return candidate;
  }
  return std::nullopt;
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor fd(must(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path.string()));
  std::string bytes;
  std::array<char, 16384> part;
  while (const auto got = must(read(fd.get(), part.data(), part.size()), "read", path.string())) {
    bytes.append(part.data(), static_cast<std::size_t>(got));
  }
  return bytes;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  const Descriptor fd(
      must(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "write", path.string()));
  while (!bytes.empty()) {
    bytes.remove_prefix(
        static_cast<std::size_t>(must(write(fd.get(), bytes.data(), bytes.size()), "write", path.string())));
  }
}

void replace_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path made = name_beside(path);
  try {
    write_file(made, bytes);
  } catch (const std::system_error& error) {
    unlink(made.c_str());
    throw_errno("write", path.string(), error.code().value());
  }
  rename_over(made, path);
}

void place_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path made = name_beside(to);
  unlink(made.c_str());  // a process that was killed may have had our number
  // A link costs nothing; another file system, or one without links, takes a copy.
  if (link(from.c_str(), made.c_str()) != 0) std::filesystem::copy_file(from, made);
  rename_over(made, to);
  unlink(made.c_str());  // it is still there if `to` was this very file before: rename(2) does nothing then
}

}  // namespace wirelab
