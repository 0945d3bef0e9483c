#include "grader/classroom/intake.hh"

#include <algorithm>
#include <set>
#include <tuple>

#include "grader/checks/verdict.hh"
#include "grader/classroom/archive_reader.hh"

namespace wirelab {
namespace {

std::set<std::string> names_of(const std::vector<Lab>& labs) {
  std::set<std::string> names;
  for (const Lab& lab : labs) names.insert(lab.files.begin(), lab.files.end());
  return names;
}

bool in_folder_of(const FoundPath& path, const Lab& lab) {
  return std::ranges::any_of(path.folders, [&](const std::string& folder) { return names_lab(folder, lab); });
}

struct Candidate {
  const FoundFile* file;
  bool at_home;  ///< in a folder of this lab
  std::size_t depth;

  /// The best comes first.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tuple(!a.at_home, a.depth, a.file->path) < std::tuple(!b.at_home, b.depth, b.file->path);
  }
};

std::vector<Candidate> candidates_for(const std::string& name, const Contents& contents, const Lab& lab,
                                      const std::vector<Lab>& all) {
  std::vector<Candidate> found;
  for (const FoundFile& file : contents.files) {
    const FoundPath path = take_apart(file.path);
    if (path.name != name) continue;
    const bool at_home = in_folder_of(path, lab);
    if (!at_home && std::ranges::any_of(all, [&](const Lab& other) { return in_folder_of(path, other); }))
      continue;
    found.push_back({&file, at_home, path.folders.size()});
  }
  std::ranges::sort(found, std::less<>());
  return found;
}

}  // namespace

Contents read_submission(const Submission& submission, const std::vector<Lab>& labs,
                         const std::filesystem::path& unpacker) {
  switch (submission.kind) {
    case Submission::Kind::folder:
      return read_folder(submission.path, names_of(labs));
    case Submission::Kind::archive:
      return read_archive(submission.path, names_of(labs), unpacker);
    case Submission::Kind::link:
      break;
  }
  throw Unreadable("a symbolic link, which is not followed");
}

HandedIn choose_files(const Contents& contents, const Lab& lab, const std::vector<Lab>& all) {
  HandedIn result;
  for (const std::string& name : lab.files) {
    const std::vector<Candidate> found = candidates_for(name, contents, lab, all);
    if (found.empty()) continue;
    const FoundFile& best = *found.front().file;
    result.files[name] = best.content;
    for (const Candidate& other : found) {
      if (other.file->content == best.content) continue;  // the same file twice leaves no doubt
      result.notes.push_back(name + " was there more than once: " + printable(best.path) + " was taken, " +
                             printable(other.file->path) + " was not");
    }
  }
  return result;
}

}  // namespace wirelab
