#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/descriptor.hh"
#include "grader/classroom/feedback.hh"
#include "grader/classroom/result.hh"

namespace wirelab {

/// The folder that a run fills:
///
///     gradebook.csv
///     students/NAME/feedback.txt, feedback.html, result.json
///     evidence/NAME/05-unreliable-udp/CHECK/        of checks that did not pass
///     .wirelab-grades    says whose folder this is, and is locked while a run writes
///     .work/             what is not finished; nothing here is ever read again
///
/// The files are the journal. Each is written beside its place and then renamed into it (rename(2) is
/// atomic), and a student's result.json comes last: where it is, all is there, and a run that is killed at
/// any moment leaves whole results and rubbish in .work. No database is needed for that: one writer, one
/// record per student, never a query, and an instructor can read, mend or delete a record with the tools at
/// hand. A power failure may lose the last few files, since none is synced; a record that cannot be read is
/// taken as not there, and graded again.
class OutputFolder {
 public:
  /// Claims the folder, making it if need be. With `resume` it may hold an earlier run's results.
  /// Throws std::runtime_error, one line: it holds results or something else, another run is writing there;
  /// and std::system_error.
  OutputFolder(std::filesystem::path root, bool resume);

  /// Removes .work, and all of the folder when nothing has come to stand in it.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// The folder as it was given.
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  /// An empty folder of this name to work in, absolute. What was there is removed. Throws
  /// std::filesystem::filesystem_error.
  std::filesystem::path make_work(const std::string& name);
  /// Removes such a folder again, as far as that is possible.
  void remove_work(const std::string& name);

  /// Where compiled files are shared between students while the run lasts.
  [[nodiscard]] std::filesystem::path cache() const;

  /// Lets a student's result stand: evidence (a folder in .work, which may be missing) is moved in, then the
  /// feedback, then the result. Throws std::system_error; then the student has no result.
  void keep(const StudentResult& result, const Feedback& feedback, const std::filesystem::path& evidence);

  /// The result that an earlier run left; empty when there is none or it cannot be read.
  [[nodiscard]] std::optional<StudentResult> result_of(const std::string& student) const;

  /// Writes `gradebook.csv`.
  void keep_gradebook(std::string_view csv);

  /// Throws std::system_error (No space left on device) when the disk is all but full: a compiler that cannot
  /// write must not be taken for a submission that does not compile.
  void demand_space() const;

 private:
  void write(const std::filesystem::path& relative, std::string_view text);

  std::filesystem::path root_;
  Descriptor lock_;
  bool made_ = false;
  std::atomic<unsigned> written_ = 0;
};

/// Whether an earlier run, of whatever class, has filled this folder.
bool is_output_folder(const std::filesystem::path& folder);

}  // namespace wirelab
