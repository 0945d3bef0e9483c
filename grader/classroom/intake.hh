#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "grader/classroom/contents.hh"
#include "grader/classroom/submission.hh"
#include "grader/course/manifest.hh"

namespace wirelab {

/// What a student handed in for one lab.
struct HandedIn {
  std::map<std::string, std::string> files;  ///< content by name; only names of the lab's manifest
  std::vector<std::string> notes;  ///< for the student: what was left where several would have served
};

/// Everything of the submission that bears the name of a file of one of these labs. `unpacker` is the
/// executable that reads archives in a sandbox. Throws Unreadable, and std::system_error when the grader
/// itself is in trouble.
Contents read_submission(const Submission& submission, const std::vector<Lab>& labs,
                         const std::filesystem::path& unpacker);

/// Chooses the lab's files. A file in a folder of this lab is preferred, then the one nearest to the root;
/// one that lies in a folder of another lab (of `all`) is not this lab's.
HandedIn choose_files(const Contents& contents, const Lab& lab, const std::vector<Lab>& all);

}  // namespace wirelab
