#include "grader/program/binds.hh"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

bool contains(const fs::path& folder, const fs::path& path) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// What every sandbox shows anyway: see Sandbox.
bool in_system_folder(const fs::path& path) {
  return std::ranges::any_of(
      std::initializer_list<const char*>{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
                                         "/nix", "/etc/alternatives", "/dev", "/proc"},
      [&](const fs::path folder) { return contains(folder, path); });
}

std::vector<fs::path> homes() {
  std::vector<fs::path> found = {"/root"};
  if (const char* home = std::getenv("HOME"); home != nullptr) found.emplace_back(home);
  if (const passwd* user = getpwuid(getuid()); user != nullptr) found.emplace_back(user->pw_dir);
  return found;
}

/// A folder that holds things of many kinds, or of many people, or ourselves with all that the course has
/// built: not to be shown for the sake of one of them.
bool is_too_wide(const fs::path& folder) {
  if (std::ranges::distance(folder) <= 2 || folder.parent_path() == "/home" || folder == "/var/tmp")
    return true;
  std::vector<fs::path> never = homes();
  never.push_back(fs::read_symlink("/proc/self/exe").parent_path());
  return std::ranges::any_of(never, [&](const fs::path& inner) { return contains(folder, inner); });
}

/// Throws when nobody, as whom the program will run, cannot read what is bound.
void check_readable(const fs::path& path) {
  if (geteuid() != 0 || !has_sandbox_user()) return;
  struct stat status {};
  must(stat(path.c_str(), &status), "find", path.string());
  const mode_t needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
  if ((status.st_mode & needed) != needed) throw_errno("read", path.string() + " as another user", EACCES);
}

/// The places to show, each once and none inside another.
class Binds {
 public:
  void add(const fs::path& path) {
    if (in_system_folder(path) || is_shown(path)) return;
    check_readable(path);
    std::erase_if(binds_, [&](const Bind& bind) { return contains(path, bind.inside); });
    binds_.push_back({path, path, false});
  }

  /// The first of these folders that is not too wide, or else the file alone.
  void add_widest(const fs::path& file, std::initializer_list<fs::path> folders) {
    const auto folder = std::ranges::find_if_not(folders, is_too_wide);
    add(folder == folders.end() ? file : *folder);
    if (!in_system_folder(file)) check_readable(file);
  }

  std::vector<Bind> take() { return std::move(binds_); }

 private:
  [[nodiscard]] bool is_shown(const fs::path& path) const {
    return std::ranges::any_of(binds_, [&](const Bind& bind) { return contains(bind.inside, path); });
  }
  std::vector<Bind> binds_;
};

fs::path normal(const fs::path& path) { return fs::absolute(path).lexically_normal(); }

fs::path find_program(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    if (const auto found = find_along_path(name)) return normal(*found);
    throw_errno("find", name, ENOENT);
  }
  const fs::path path = normal(name);
  must(access(path.c_str(), X_OK), "find", name);
  return path;
}

/// The path, and every path that it leads to as a symbolic link.
std::vector<fs::path> chain_of_links(fs::path path) {
  std::vector<fs::path> chain = {path};
  while (fs::is_symlink(path) && chain.size() < 40) {  // the kernel's own bound: path_resolution(7)
    path = (path.parent_path() / fs::read_symlink(path)).lexically_normal();
    chain.push_back(path);
  }
  // Links among the folders on the way lead elsewhere as well.
  if (const fs::path real = fs::canonical(path); real != path) chain.push_back(real);
  return chain;
}

/// Java keeps its settings in /etc/java-17-openjdk (Debian) or /etc/java (Fedora), and links to them.
void add_java_settings(Binds& binds) {
  for (const auto& entry : fs::directory_iterator("/etc")) {
    if (entry.path().filename().string().starts_with("java")) binds.add(entry.path());
  }
}

/// A program that was installed: /opt/python/bin/python3 needs /opt/python/lib.
void add_installed(Binds& binds, const fs::path& program) {
  for (const fs::path& path : chain_of_links(program)) {
    binds.add_widest(path, {path.parent_path().parent_path(), path.parent_path()});
    if (contains("/usr/lib/jvm", path)) add_java_settings(binds);
  }
}

/// A file together with its neighbours, such as the modules that a script imports.
void add_with_neighbours(Binds& binds, const fs::path& file) {
  for (const fs::path& path : chain_of_links(file)) binds.add_widest(path, {path.parent_path()});
}

/// The words of a script's first line after `#!`; empty for any other file.
std::vector<std::string> interpreter_of(const fs::path& program) {
  std::ifstream file(program, std::ios::binary);
  char mark[2] = {};
  std::string line;
  if (!file.read(mark, sizeof mark) || mark[0] != '#' || mark[1] != '!' || !std::getline(file, line))
    return {};
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

/// Shows a script's interpreter. `#!/usr/bin/env python3` finds python3 along PATH, which is another one
/// inside: where that leads out of the system's folders, the program to start instead, with the script as its
/// argument.
std::optional<fs::path> add_interpreter(Binds& binds, const std::vector<std::string>& line) {
  if (line.empty()) return std::nullopt;
  add_installed(binds, find_program(line[0]));
  if (fs::path(line[0]).filename() != "env") return std::nullopt;
  const auto name =
      std::find_if(line.begin() + 1, line.end(), [](const std::string& word) { return word[0] != '-'; });
  if (name == line.end()) return std::nullopt;
  const fs::path program = find_program(*name);
  add_installed(binds, program);
  return in_system_folder(program) ? std::nullopt : std::optional(program);
}

bool names_file(const std::string& argument) {
  std::error_code error;
  return !argument.empty() && fs::is_regular_file(argument, error);
}

/// The first word after an interpreter, where it can only be a script: `python3 my_echo.py`, not `python3 -m
/// echo`.
bool must_be_file(const std::string& word) {
  if (word.empty() || word[0] == '-' || word.find_first_of(" =:,") != std::string::npos) return false;
  const std::string ending = fs::path(word).extension();
  return word.find('/') != std::string::npos ||
         (ending.size() > 1 && std::isalpha(static_cast<unsigned char>(ending[1])));
}

}  // namespace

std::vector<Bind> binds_for_command(std::vector<std::string>& command) {
  Binds binds;
  const fs::path program = find_program(command.at(0));
  const bool from_path = command[0].find('/') == std::string::npos;
  const std::vector<std::string> interpreter = interpreter_of(program);
  if (from_path && command.size() > 1 && must_be_file(command[1]))
    must(access(command[1].c_str(), F_OK), "find", command[1]);
  const bool runs_a_file = std::any_of(command.begin() + 1, command.end(), names_file);

  // A program that stands alone is shown alone: beside it may lie what its author must not see, such as a
  // solution.
  if (from_path || (interpreter.empty() && runs_a_file)) {
    add_installed(binds, program);
  } else if (!interpreter.empty()) {
    add_with_neighbours(binds, program);
  } else {
    for (const fs::path& path : chain_of_links(program)) binds.add_widest(path, {});
  }
  command[0] = program;
  for (auto argument = command.begin() + 1; argument != command.end(); ++argument) {
    if (!names_file(*argument)) continue;
    *argument = normal(*argument);
    add_with_neighbours(binds, *argument);
  }
  if (const auto instead = add_interpreter(binds, interpreter)) command.insert(command.begin(), *instead);
  return binds.take();
}

}  // namespace wirelab
