#include "grader/classroom/output_folder.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/error.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker = ".wirelab-grades";
constexpr std::uint64_t least_free_bytes = 16u << 20;  // a build of one lab takes about 2 MiB

/// Throws unless this run may write there.
void demand_free(const fs::path& root, bool resume) {
  std::error_code error;
  const bool exists = fs::exists(root, error);
  if (!exists && !error) return;
  const bool empty = !error && fs::is_empty(root, error);
  if (error) throw_errno("grade into", root.string(), error.value());
  if (empty) return;
  const std::string out = "grade into " + root.string() + ": ";
  if (!is_output_folder(root))
    throw std::runtime_error(out + "the folder holds something else; choose another with --out");
  if (resume) return;
  throw std::runtime_error(
      out + "it holds the grades of an earlier run; go on with --resume or choose another folder with --out");
}

}  // namespace

bool is_output_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / marker, ignored);
}

OutputFolder::OutputFolder(fs::path root, bool resume) : root_(std::move(root)) {
  demand_free(root_, resume);
  made_ = make_folder(root_);
  if (made_) fs::permissions(root_, fs::perms::owner_all);  // grades are nobody else's business
  const fs::path path = root_ / marker;
  lock_.reset(must(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666), "create", path.string()));
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    lock_
        .reset();  // so that the destructor, if there were one to run, could not touch the other run's folder
    throw std::runtime_error("grade into " + root_.string() + ": another run is writing there");
  }
  fs::remove_all(root_ / ".work");
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  fs::remove_all(root_ / ".work", ignored);
  for (const char* folder : {"students", "evidence"})
    fs::remove(root_ / folder, ignored);  // where they are empty
  if (fs::exists(root_ / "students", ignored) || fs::exists(root_ / "gradebook.csv", ignored)) return;
  fs::remove(root_ / marker, ignored);
  if (made_) fs::remove(root_, ignored);
}

fs::path OutputFolder::make_work(const std::string& name) {
  const fs::path path = root_ / ".work" / "students" / name;
  fs::remove_all(path);
  fs::create_directories(path);
  return fs::absolute(path);
}

void OutputFolder::remove_work(const std::string& name) {
  std::error_code ignored;
  fs::remove_all(root_ / ".work" / "students" / name, ignored);
}

fs::path OutputFolder::cache() const { return fs::absolute(root_ / ".work" / "cache"); }

void OutputFolder::keep(const StudentResult& result, const Feedback& feedback, const fs::path& evidence) {
  const fs::path student = fs::path("students") / result.student;
  const fs::path shown = root_ / "evidence" / result.student;
  fs::remove(root_ / student / "result.json");  // from here to the end the student has no result
  fs::remove_all(shown);
  if (fs::exists(evidence)) {
    fs::create_directories(shown.parent_path());
    fs::rename(evidence, shown);
  }
  write(student / "feedback.txt", feedback.text);
  write(student / "feedback.html", feedback.page);
  write(student / "result.json",
        nlohmann::json(result).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<StudentResult> OutputFolder::result_of(const std::string& student) const {
  std::ifstream file(root_ / "students" / student / "result.json");
  try {
    return nlohmann::json::parse(file).get<StudentResult>();
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void OutputFolder::keep_gradebook(std::string_view csv) { write("gradebook.csv", csv); }

void OutputFolder::demand_space() const {
  struct statvfs status {};
  must(statvfs(root_.c_str(), &status), "look at", root_.string());
  if (status.f_bavail * status.f_frsize < least_free_bytes) throw_errno("grade into", root_.string(), ENOSPC);
}

void OutputFolder::write(const fs::path& relative, std::string_view text) {
  const fs::path path = root_ / relative;
  const fs::path fresh = root_ / ".work" / ("new-" + std::to_string(written_++));
  fs::create_directories(path.parent_path());
  fs::create_directories(fresh.parent_path());
  try {
    write_file(fresh, text);
    fs::rename(fresh, path);
  } catch (...) {
    const std::exception_ptr trouble = std::current_exception();
    std::error_code ignored;
    fs::remove(fresh, ignored);
    fs::remove(path.parent_path(), ignored);  // an empty folder would look like a result that was lost
    std::rethrow_exception(trouble);
  }
}

}  // namespace wirelab
