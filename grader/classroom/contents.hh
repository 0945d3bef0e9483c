#pragma once

#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// A file found in a submission.
struct FoundFile {
  std::string path;     ///< from the submission's root, parts joined by '/'
  std::string content;  ///< all of its bytes
};

/// What was found in a submission under the names that were looked for.
struct Contents {
  std::vector<FoundFile> files;    ///< in no order that matters: see choose_files
  std::vector<std::string> notes;  ///< for the student: what was passed over, and why; safe to print
};

/// A submission that cannot be read at all. `what` is the reason in a few words for the student.
class Unreadable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where a path inside a submission leads.
struct FoundPath {
  std::vector<std::string> folders;  ///< from the submission's root on
  std::string name;                  ///< the last part
};

/// Takes a path apart at each `/`, empty parts and `.` left out.
FoundPath take_apart(std::string_view path);

/// Whether a file or folder is looked at: hidden ones and what macOS adds to every archive are not.
bool worth_a_look(std::string_view name);

/// Reads the files called `wanted` anywhere in a folder. No symbolic link is followed, nothing but regular
/// files is opened, and the limits of limits.hh hold. Throws Unreadable.
Contents read_folder(const std::filesystem::path& folder, const std::set<std::string>& wanted);

}  // namespace wirelab
