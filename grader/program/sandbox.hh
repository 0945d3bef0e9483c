#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace wirelab {

/// A file or folder of the machine that can be seen inside a sandbox.
struct Bind {
  std::filesystem::path outside;
  std::filesystem::path inside;
  bool writable = false;
};

/// What a sandboxed process can see of the machine: the system's programs and libraries, read-only; what is bound
/// here; an empty /tmp; its own /proc and a minimal /dev. Private mount, PID, IPC and UTS namespaces. Nothing of the
/// environment but `environment`. The network is the one of the calling thread.
struct Sandbox {
  std::string hostname = "sandbox";
  std::vector<Bind> binds;
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"HOME", "/tmp"}};
  std::filesystem::path directory = "/tmp";      ///< the working directory, inside
  std::uint64_t tmp_bytes = 64ull << 20;         ///< how much /tmp may hold
  bool user_namespace = false;  ///< make one: needed when the caller is not root of a private world already
  bool network_namespace = false;  ///< make an empty one: no network at all
  bool raw_sockets = false;        ///< keep CAP_NET_RAW over the caller's private network

  /// The command line, bubblewrap first, that runs `command` (paths as seen inside) in this sandbox. See bwrap(1).
  [[nodiscard]] std::vector<std::string> command_line(const std::vector<std::string>& command) const;
};

/// What a command needs to be readable so that it can start: the program itself (found along PATH), an interpreter
/// outside the system's folders with the folder tree it belongs to, and the script or other files named among the
/// arguments. `command` is changed to name them as they are seen inside.
/// Throws std::system_error, `find nosuch: No such file or directory`, when the program is not there.
std::vector<Bind> binds_for_command(std::vector<std::string>& command);

}  // namespace wirelab
