#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace wirelab {

/// How students' files are compiled: chosen once by common/toolchain.cmake, so that the precompiled header
/// and every file that uses it see the same flags.
struct Toolchain {
  std::string compiler;
  std::vector<std::string> compile;  ///< flags for every file, the precompiled header included
  std::vector<std::string> link;
  std::vector<std::string> strict;  ///< the project's own warnings, as errors
  std::filesystem::path root;       ///< the course
  std::filesystem::path prelude;    ///< the precompiled header
  std::filesystem::path library;    ///< common/, compiled
  std::string description;          ///< the whole of toolchain.json

  /// Reads `toolchain.json` of a build folder. Throws std::system_error or std::runtime_error naming the
  /// file.
  static Toolchain load(const std::filesystem::path& build);

  /// Changes when the compiler, a flag, the precompiled header or the library does. Throws std::system_error
  /// when one of them is not built.
  [[nodiscard]] std::string stamp() const;
};

}  // namespace wirelab
