#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wirelab {

/// A file that the user asked for, written all at once at the end of a long run. Whether it can be written is
/// found out at the beginning.
class OutputFile {
 public:
  /// Empty for none. Throws std::system_error, `write out/x.json: No such file or directory`.
  explicit OutputFile(std::filesystem::path path);

  /// Throws std::system_error; then what was there before still is. Does nothing when no file was asked for.
  void write(std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace wirelab
