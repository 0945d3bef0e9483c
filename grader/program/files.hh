#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wirelab {

/// A new folder inside `parent`, removed with all that is in it when the object ends.
class TemporaryFolder {
 public:
  /// `parent` is made if it is not there. Throws std::system_error. See mkdtemp(3).
  explicit TemporaryFolder(const std::filesystem::path& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// The folder itself; it stays the same for the object's life.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Makes the folder, and those it lies in, unless it is there. True when it was not. Throws
/// std::system_error, `create PATH: Permission denied`.
bool make_folder(const std::filesystem::path& path);

/// The program of this name that a shell would start, along PATH.
std::optional<std::filesystem::path> find_along_path(const std::string& name);

/// The whole of a file. Throws std::system_error.
std::string read_file(const std::filesystem::path& path);

/// Writes a new file. Throws std::system_error, `write PATH: No space left on device`; a part may then be
/// there.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Writes a file all at once: after any failure the old one is still there, whole. Throws std::system_error.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// Puts a file at `to` all at once, or leaves what was there: `from` is linked, or copied where it cannot be,
/// and renamed. Throws std::system_error.
void place_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace wirelab
