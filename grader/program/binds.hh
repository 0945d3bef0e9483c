#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace wirelab {

/// A file or folder of the machine that can be seen inside a sandbox.
struct Bind {
  std::filesystem::path outside;  ///< where it is on the machine; must be there
  std::filesystem::path inside;   ///< where the sandbox shows it, absolute
  bool writable = false;          ///< what the sandbox writes there stays
};

/// What a command needs to be readable so that it can start: the program itself (found along PATH), an
/// interpreter outside the system's folders with the folder tree it belongs to, and the script or other files
/// named among the arguments, with their neighbours. Folders that hold everything a person owns are never
/// shown whole. `command` is changed to name things as they are seen inside: everything keeps its place,
/// absolute. Throws std::system_error, `find nosuch: No such file or directory`, when the program or
/// the script it is to run is not there, and `read FILE as another user: Permission denied` when the program
/// could not read it (see sandbox_user).
std::vector<Bind> binds_for_command(std::vector<std::string>& command);

}  // namespace wirelab
