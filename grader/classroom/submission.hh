#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "grader/course/manifest.hh"

namespace wirelab {

/// What one student handed in.
struct Submission {
  /// What lies at `path`.
  enum class Kind { folder, archive, link };
  std::string name;  ///< of the student: the name of folder or archive, unique in the class (`safe_name`)
  std::filesystem::path path;  ///< as the user gave it, or below a folder that the user gave
  Kind kind = Kind::folder;    ///< `link`: a symbolic link inside a class folder, which is not followed
  bool named = false;          ///< the user gave this very path; false: it was found in a class folder
};

/// The submissions that the user's paths stand for, and what lay beside them.
struct ClassList {
  std::vector<Submission> submissions;   ///< by name
  std::vector<std::string> passed_over;  ///< one line each: files in a class folder that are no submissions
};

/// Tells submissions and class folders apart. A folder is a submission if it directly holds a file that a
/// manifest names, or a folder of a lab (`05-unreliable-udp`, `unreliable-udp`, `05`). Otherwise, if there
/// are folders or archives in it, it is a class and these are the submissions (a folder with nothing but one
/// archive in it, as learning platforms make them, stands for the archive). Any other folder is a submission,
/// if a poor one. `labs` are all labs of the course, whichever are to be graded. Throws std::system_error,
/// `grade nosuch: No such file or directory`.
ClassList find_submissions(const std::vector<std::filesystem::path>& paths, const std::vector<Lab>& labs);

/// Whether the name ends as one of the archives that can be read: .zip, .tar, .tar.gz, .tgz, .tar.xz,
/// .tar.bz2.
bool looks_like_archive(std::string_view name);

/// Whether a folder of this name holds the files of this lab.
bool names_lab(std::string_view folder, const Lab& lab);

/// A name that can be a file's on every system, and a cell's in every spreadsheet: no separators, control
/// characters, broken UTF-8, leading or trailing dots and dashes; at most 80 bytes; never empty.
std::string safe_name(std::string_view name);

}  // namespace wirelab
