#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace wirelab {

/// How students' files are compiled: chosen once by common/toolchain.cmake, so that the precompiled header and every
/// file that uses it see the same flags.
struct Toolchain {
  std::string compiler;
  std::vector<std::string> compile;   ///< flags for every file, the precompiled header included
  std::vector<std::string> link;
  std::vector<std::string> strict;    ///< the project's own warnings, as errors
  std::filesystem::path root;         ///< the course
  std::filesystem::path prelude;      ///< the precompiled header
  std::filesystem::path library;      ///< common/, compiled
  std::string stamp;                  ///< changes when the compiler, a flag, the header or the library does

  /// Reads `toolchain.json` of a build folder. Throws std::runtime_error when the build is not complete.
  static Toolchain load(const std::filesystem::path& build);
};

}  // namespace wirelab
