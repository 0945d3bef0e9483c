#include "grader/program/sandbox.hh"

#include <initializer_list>
#include <set>

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

void append(Words& words, std::initializer_list<std::string> more) { words.insert(words.end(), more); }

/// The folders where a system keeps its programs and libraries. On most machines of today /bin and its like
/// are symbolic links into /usr, and stay that.
void show_system_folders(Words& words) {
  for (const char* folder : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix"}) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(folder, error);
    if (fs::is_symlink(status)) append(words, {"--symlink", fs::read_symlink(folder), folder});
    if (fs::is_directory(status)) append(words, {"--ro-bind", folder, folder});
  }
}

/// The part of /etc that every C library and runtime reads. Nothing there names a user or a secret of the
/// machine.
void show_settings(Words& words) {
  append(words, {"--dir", "/etc"});
  for (const char* name :
       {"ld.so.cache", "alternatives", "hosts", "nsswitch.conf", "services", "protocols", "localtime"}) {
    const fs::path path = fs::path("/etc") / name;
    std::error_code error;
    // A link is much cheaper than a bind, which takes 40 us. The time zone is a link into /usr.
    if (fs::is_symlink(path, error))
      append(words, {"--symlink", fs::read_symlink(path), path});
    else if (fs::exists(path, error))
      append(words, {"--ro-bind", path, path});
  }
}

/// bubblewrap makes missing parent folders readable for its own user only.
void make_parents(Words& words, const fs::path& path, std::set<fs::path>& made) {
  fs::path folder;
  for (const fs::path& part : path.parent_path()) {
    folder /= part;
    if (folder != "/" && made.insert(folder).second) append(words, {"--dir", folder});
  }
}

/// Memory-backed and bounded folders for everybody, whatever user the program is.
void give_scratch_space(Words& words, std::uint64_t bytes) {
  for (const char* folder : {"/tmp", "/dev/shm"}) {
    append(words, {"--size", std::to_string(bytes), "--perms", "1777", "--tmpfs", folder});
  }
}

}  // namespace

std::vector<std::string> Sandbox::command_line(const std::vector<std::string>& command,
                                               const std::vector<std::string>& capabilities) const {
  Words words = {"bwrap",  "--unshare-pid", "--unshare-ipc",        "--unshare-uts", "--hostname",
                 hostname, "--as-pid-1",    "--unshare-cgroup-try", "--cap-drop",    "ALL"};
  // No --die-with-parent: it leaves a survivor when it strikes while bubblewrap still builds. The launcher
  // hears of its grader's end, and nothing else need die.
  for (const std::string& capability : capabilities) append(words, {"--cap-add", capability});
  if (!bare) {
    show_system_folders(words);
    show_settings(words);
  }
  // The host's own network settings belong to the user that owns the private world, and so to its programs.
  append(words, {"--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"});
  give_scratch_space(words, tmp_bytes);
  std::set<fs::path> made;
  for (const Bind& bind : binds) {
    make_parents(words, bind.inside, made);
    append(words, {bind.writable ? "--bind" : "--ro-bind", bind.outside, bind.inside});
  }
  // The folders that hold all this lie in memory, unbounded.
  append(words, {"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", directory, "--clearenv"});
  for (const auto& [name, value] : environment) append(words, {"--setenv", name, value});
  append(words, {"--"});
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

}  // namespace wirelab
