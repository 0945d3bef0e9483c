#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "grader/program/binds.hh"

namespace wirelab {

/// What a sandboxed process can see of the machine: the system's programs and libraries, read-only; what is
/// bound here; an empty /tmp; its own /proc and a minimal /dev. Private mount, PID, IPC and UTS namespaces.
/// Nothing of the environment but `environment`.
///
/// This is the view only. Who runs inside, with which rights and limits, is settled by the launcher
/// (launcher.cc), which is the first process in every sandbox: see Process and run_sandboxed, which start it.
struct Sandbox {
  std::string hostname = "sandbox";  ///< what uname(2) tells inside
  std::vector<Bind> binds;           ///< what of the machine is to be seen besides
  /// All of it: nothing is inherited. LeakSanitizer would trace the program, which the system call filter
  /// refuses, and fail it for that.
  std::map<std::string, std::string> environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                    {"LANG", "C.UTF-8"},
                                                    {"HOME", "/tmp"},
                                                    {"ASAN_OPTIONS", "detect_leaks=0"},
                                                    {"LSAN_OPTIONS", "detect_leaks=0"}};
  std::filesystem::path directory = "/tmp";  ///< the working directory, inside
  bool bare =
      false;  ///< without the system's programs, libraries and settings: /proc, /dev, /tmp and what is bound
  std::uint64_t tmp_bytes = 64ull << 20;  ///< how much /tmp may hold, and /dev/shm

  /// The command line, bubblewrap first, that runs `command` (paths as seen inside) in this sandbox, as its
  /// process 1 and with these capabilities alone ("CAP_KILL"). To be run as root of a private world: see
  /// enter_private_world and bwrap(1).
  [[nodiscard]] std::vector<std::string> command_line(
      const std::vector<std::string>& command, const std::vector<std::string>& capabilities = {}) const;
};

}  // namespace wirelab
