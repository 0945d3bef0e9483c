#include "grader/classroom/submission.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <system_error>

#include "common/error.hh"
#include "grader/checks/verdict.hh"
#include "grader/classroom/contents.hh"
#include "grader/classroom/output_folder.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

constexpr std::array archive_suffixes = {".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"};

/// The suffix that makes an archive of a file, as long as it is; empty when none does.
std::string_view archive_suffix(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view suffix : archive_suffixes) {
    if (lower.size() > suffix.size() && lower.ends_with(suffix)) return suffix;
  }
  return {};
}

std::string without_suffix(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.size() - archive_suffix(name).size());
}

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator next(folder, error), end; !error && next != end; next.increment(error)) {
    if (worth_a_look(next->path().filename().string())) entries.push_back(*next);
  }
  if (error) throw_errno("grade", folder.string(), error.value());
  std::ranges::sort(entries);
  return entries;
}

bool is_lab_file(const std::string& name, const std::vector<Lab>& labs) {
  return std::ranges::any_of(labs, [&](const Lab& lab) { return std::ranges::count(lab.files, name) > 0; });
}

bool is_lab_folder(const std::string& name, const std::vector<Lab>& labs) {
  return std::ranges::any_of(labs, [&](const Lab& lab) { return names_lab(name, lab); });
}

/// What an entry of a class folder is: a submission, or nothing that concerns us.
bool is_submission_of_class(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (entry.is_symlink(ignored))
    return entry.is_directory(ignored) || looks_like_archive(entry.path().string());
  if (entry.is_directory(ignored)) return !is_output_folder(entry.path());
  return entry.is_regular_file(ignored) && looks_like_archive(entry.path().string());
}

bool is_submission(const std::vector<fs::directory_entry>& entries, const std::vector<Lab>& labs) {
  return std::ranges::any_of(entries, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return is_lab_file(name, labs) ||
           (entry.symlink_status().type() == fs::file_type::directory && is_lab_folder(name, labs));
  });
}

/// The archive in a folder that holds nothing else; empty when it does not.
fs::path lone_archive(const fs::path& folder) {
  std::error_code error;
  fs::path found;
  for (fs::directory_iterator next(folder, error), end; !error && next != end; next.increment(error)) {
    const std::string name = next->path().filename().string();
    if (!worth_a_look(name)) continue;
    if (!found.empty() || !looks_like_archive(name) || !fs::is_regular_file(next->symlink_status()))
      return {};
    found = next->path();
  }
  return found;
}

Submission member_of_class(const fs::directory_entry& entry) {
  Submission member{without_suffix(entry.path()), entry.path(), Submission::Kind::folder, false};
  if (entry.is_symlink()) {
    member.kind = Submission::Kind::link;
  } else if (!entry.is_directory()) {
    member.kind = Submission::Kind::archive;
  } else {
    member.name = entry.path().filename().string();
    if (const fs::path archive = lone_archive(entry.path()); !archive.empty()) {
      member.path = archive;
      member.kind = Submission::Kind::archive;
    }
  }
  return member;
}

/// `grade .` and `grade ana/` are named after the folder all the same.
std::string folder_name(const fs::path& folder) {
  std::error_code error;
  const fs::path full = fs::canonical(folder, error);
  return (error ? folder : full).filename().string();
}

void add_folder(const fs::path& folder, const std::vector<Lab>& labs, ClassList& list) {
  const std::vector<fs::directory_entry> entries = entries_of(folder);
  if (is_submission(entries, labs) || std::ranges::none_of(entries, is_submission_of_class)) {
    list.submissions.push_back({folder_name(folder), folder, Submission::Kind::folder, true});
    return;
  }
  for (const fs::directory_entry& entry : entries) {
    if (is_submission_of_class(entry)) {
      list.submissions.push_back(member_of_class(entry));
    } else if (!is_output_folder(entry.path())) {
      list.passed_over.push_back(printable(entry.path().string()) +
                                 ": passed over, neither a folder nor an archive");
    }
  }
}

void add_path(const fs::path& path, const std::vector<Lab>& labs, ClassList& list) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::directory) return add_folder(path, labs, list);
  if (status.type() == fs::file_type::not_found) throw_errno("grade", path.string(), ENOENT);
  if (error) throw_errno("grade", path.string(), error.value());
  if (status.type() != fs::file_type::regular) {
    throw std::runtime_error("grade " + path.string() + ": neither a folder nor an archive");
  }
  // Whether it is an archive indeed is for the archive reader to say, which looks inside.
  list.submissions.push_back({without_suffix(path), path, Submission::Kind::archive, true});
}

/// How file systems that ignore case compare names: those of ASCII will do, others stay as they are.
std::string folded(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(c < 128 ? std::tolower(c) : c); });
  return name;
}

void make_names_unique(std::vector<Submission>& submissions) {
  std::set<std::string> taken;
  for (Submission& one : submissions) {
    const std::string name = safe_name(one.name);
    one.name = name;
    for (int count = 2; !taken.insert(folded(one.name)).second; ++count)
      one.name = name + "-" + std::to_string(count);
  }
}

/// How many bytes at the start of `text` are one whole UTF-8 character; 0 when it is broken there.
std::size_t utf8_length(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  const std::size_t length = byte < 0x80                   ? 1
                             : byte >= 0xc2 && byte < 0xe0 ? 2
                             : byte >= 0xe0 && byte < 0xf0 ? 3
                             : byte >= 0xf0 && byte < 0xf5 ? 4
                                                           : 0;
  if (length > text.size()) return 0;
  const std::string_view rest = text.substr(1, length == 0 ? 0 : length - 1);
  return std::ranges::all_of(rest, [](unsigned char c) { return (c & 0xc0) == 0x80; }) ? length : 0;
}

std::string trimmed(const std::string& name, std::string_view unwanted) {
  const std::size_t first = name.find_first_not_of(unwanted);
  if (first == std::string::npos) return {};
  return name.substr(first, name.find_last_not_of(unwanted) - first + 1);
}

}  // namespace

bool looks_like_archive(std::string_view name) { return !archive_suffix(name).empty(); }

bool names_lab(std::string_view folder, const Lab& lab) {
  const std::string id = lab.id();
  return folder == id || folder == lab.slug || folder == std::string_view(id).substr(0, 2);
}

std::string safe_name(std::string_view name) {
  constexpr std::size_t most = 80;
  constexpr std::string_view unwanted = "/\\:*?\"<>|";
  std::string safe;
  while (!name.empty()) {
    const std::size_t length = utf8_length(name);
    const auto byte = static_cast<unsigned char>(name[0]);
    // U+0080 to U+009F are control characters as well, spelt with two bytes.
    const bool control = byte < 0x20 || byte == 0x7f ||
                         (byte == 0xc2 && length == 2 && static_cast<unsigned char>(name[1]) < 0xa0);
    const bool good = length > 0 && !control && unwanted.find(name[0]) == std::string_view::npos;
    if (safe.size() + length > most) break;
    safe += good ? name.substr(0, length) : std::string_view("_");
    name.remove_prefix(std::max<std::size_t>(length, 1));
  }
  safe = trimmed(safe, " .-=+@");
  return safe.empty() ? "submission" : safe;
}

ClassList find_submissions(const std::vector<std::filesystem::path>& paths, const std::vector<Lab>& labs) {
  ClassList list;
  for (const fs::path& path : paths) add_path(path, labs, list);
  make_names_unique(list.submissions);
  return list;
}

}  // namespace wirelab
