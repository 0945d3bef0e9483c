#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace wirelab {

/// How students' files are compiled: chosen once by common/toolchain.cmake, so that the precompiled header
/// and every file that uses it see the same flags.
struct Toolchain {
  std::string compiler;              ///< the program, as CMake found it
  std::vector<std::string> compile;  ///< flags for every file, the precompiled header included
  std::vector<std::string> linker;   ///< how the linker is called, as far as the objects
  std::vector<std::string> link;     ///< its flags behind objects and library
  std::vector<std::string> strict;   ///< the project's own warnings, as errors
  std::filesystem::path root;        ///< the course
  std::filesystem::path prelude;     ///< the precompiled header
  std::filesystem::path library;     ///< common/, compiled
  std::string description;           ///< the whole of toolchain.json, and what was changed since

  /// Reads `toolchain.json` of a build folder. Throws std::system_error or std::runtime_error naming the
  /// file.
  static Toolchain load(const std::filesystem::path& build);

  /// The same with further flags for the compiler.
  [[nodiscard]] Toolchain with(const std::vector<std::string>& flags) const;

  /// The one that compiles with AddressSanitizer and UndefinedBehaviorSanitizer: the project's own compiler,
  /// no precompiled header, linked dynamically.
  [[nodiscard]] Toolchain sanitized() const;

  /// Changes when the compiler, a flag, the precompiled header or the library does. Throws std::system_error
  /// when one of them is not built.
  [[nodiscard]] std::string stamp() const;

 private:
  std::string sanitized_compiler_;
  std::vector<std::string> sanitized_compile_, sanitized_link_;
};

}  // namespace wirelab
