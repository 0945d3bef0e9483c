#pragma once

#include <filesystem>
#include <string>

#include "grader/course/manifest.hh"
#include "grader/course/toolchain.hh"

namespace wirelab {

/// Where the parts of an installed build lie: the launcher, the common library, the precompiled header, the
/// check executables. Found beside the running executable, or from WIRELAB_BUILD.
struct Toolbox {
  std::filesystem::path root;   ///< the course: labs/, common/
  std::filesystem::path build;  ///< build/release: bin/, lib/

  /// Throws std::runtime_error when the build is not complete.
  static Toolbox locate();
  /// The lab's checks as a program.
  [[nodiscard]] std::filesystem::path check_executable(
      const Lab& lab) const;  ///< bin/check-05-unreliable-udp
};

/// What came of compiling a student's files.
struct Build {
  bool ok = false;                ///< it compiled and was linked, with warnings or without
  std::filesystem::path program;  ///< the executable, when ok
  std::string diagnostics;        ///< what the compiler said (also warnings), made safe to print
  std::string missing;            ///< the first file that was not there; then nothing was compiled
  double cpu_seconds = 0;         ///< user and system time of compiler and linker, and of the sandbox
};

/// The largest file that is taken from a student, in bytes.
inline constexpr std::size_t most_source_bytes = 1 << 20;

/// Compiles a lab's program from the student's files in `sources` and the lab's given files, in a sandbox
/// that sees the compiler, common/ and these files and nothing else, with limits on time, memory and output.
/// No CMake: the compiler is called directly, once per file and all at once, with the precompiled header, and
/// then the linker. An object or a program whose inputs have not changed is taken from `cache`. The
/// executable is `output`. A submission that does not compile is a
/// result, not an error; throws std::system_error or std::runtime_error when the sandbox or the compiler
/// itself cannot be started. May be called by several threads at once.
Build build_program(const Toolbox& toolbox, const Lab& lab, const std::filesystem::path& sources,
                    const std::filesystem::path& output, const std::filesystem::path& cache,
                    const Toolchain& tools);

/// The same with the build folder's own toolchain: see Toolchain::load.
Build build_program(const Toolbox& toolbox, const Lab& lab, const std::filesystem::path& sources,
                    const std::filesystem::path& output, const std::filesystem::path& cache);

}  // namespace wirelab
