#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "grader/classroom/contents.hh"
#include "grader/classroom/gradebook.hh"
#include "grader/classroom/intake.hh"
#include "grader/classroom/output_folder.hh"
#include "grader/classroom/submission.hh"

namespace wirelab {

/// Where one lab of one student is judged: in the output folder, absolute paths but for the one that is
/// shown.
struct Workplace {
  std::filesystem::path folder;          ///< empty at first, and removed afterwards
  std::filesystem::path evidence;        ///< kept afterwards; need not be made
  std::filesystem::path evidence_shown;  ///< `evidence/NAME/05-unreliable-udp`, where it will lie then
  std::filesystem::path cache;           ///< of compiled files, shared by the whole run
};

/// What a class run does with a submission. Both are called by several threads at once.
struct Craft {
  /// Throws Unreadable for the student's trouble, anything else for the grader's.
  std::function<Contents(const Submission&)> read;
  /// Throws for the grader's trouble only.
  std::function<LabResult(const Lab&, const HandedIn&, const Workplace&)> judge;
  /// Ends the processes that `read` and `judge` wait for, wherever they are; called again and again after a
  /// stop.
  std::function<void()> abandon = [] {};
};

/// A result of a lab without points, to be filled in.
LabResult lab_result(const Lab& lab, Standing standing, std::string word);

/// What a class run is to do.
struct ClassPlan {
  std::vector<Submission> submissions;  ///< in the order of the gradebook; no name twice
  std::vector<Lab> labs;                ///< to grade, in the order of the gradebook
  std::vector<Lab> course;              ///< all there are
  std::string digest;                   ///< of what every result depends on: checks, compiler, options
  unsigned jobs = 1;                    ///< submissions at once
  bool resume = false;                  ///< results with the same digest stand
};

/// How far a run has come.
struct Progress {
  std::size_t all = 0;       ///< submissions of the class
  std::size_t finished = 0;  ///< those that stood already included
  std::size_t stood = 0;     ///< taken over from an earlier run
  std::size_t running = 0;   ///< those that a thread is at work on
};

/// Grades a class. `jobs` threads take one submission after the other from the list and do all its labs; a
/// result is written as soon as it is there and of it only the row of the gradebook stays in memory. A thread
/// spends its time waiting for a compiler or for checks, which are processes of their own; so there may be
/// more threads than cores, and a submission that hangs costs one of them some time and the others nothing.
///
/// Three kinds of trouble: a student's gives a word and a score. The grader's with one submission has it
/// graded a second time, by itself, once all others are done; if that does not help it "needs another run".
/// That of the output folder ends the run, since nothing could be kept any more.
class ClassRun {
 public:
  /// Asked several times a second, with a lock held, so it must not wait.
  using Stop = std::function<bool()>;
  /// Hears how far the run has come, and the rows that have come since the last time. The same holds.
  using Watch = std::function<void(const Progress&, const std::vector<GradebookRow>&)>;

  /// Nothing begins yet. `out` must outlive the run.
  ClassRun(ClassPlan plan, OutputFolder& out, Craft craft);
  ~ClassRun();
  ClassRun(const ClassRun&) = delete;
  ClassRun& operator=(const ClassRun&) = delete;

  /// Grades until all is done or `stop` says true; calls `watch` several times a second, with the rows that
  /// have come since the last call. Writes the gradebook in either case: after a stop, what is not finished
  /// is abandoned and pending. Throws the trouble of the output folder. To be called once.
  void run(const Stop& stop, const Watch& watch);

  /// The gradebook as it stands, in the order of the list: pending what is not finished.
  [[nodiscard]] std::vector<GradebookRow> rows() const;
  /// The gradebook's labs, `05-unreliable-udp`, in its order.
  [[nodiscard]] std::vector<std::string> lab_ids() const;
  /// How far the run has come; may be asked by any thread.
  [[nodiscard]] Progress progress() const;

  /// The first trouble of the grader's own, for a line at the end; empty when there was none.
  [[nodiscard]] std::string trouble() const;

 private:
  void grade_queue(std::size_t threads, const Stop& stop, const Watch& watch);
  void queue_unsettled();
  void work();
  const Submission* next_submission();
  void finish(std::unique_lock<std::mutex>& lock);
  void grade(const Submission& submission);
  std::vector<HandedIn> take(const Submission& submission, StudentResult& result);
  [[nodiscard]] std::string digest_of(const StudentResult& result, const std::vector<HandedIn>& handed) const;
  LabResult judge(const Lab& lab, const HandedIn& handed, const std::filesystem::path& work);
  void keep(const StudentResult& result, const std::filesystem::path& evidence);
  [[nodiscard]] bool stopped() const;
  void take_over(const StudentResult& earlier);
  void add_row(GradebookRow row);  // with the lock held
  LabResult trouble_with(const Lab& lab, const std::string& reason);

  const ClassPlan plan_;
  OutputFolder& out_;
  const Craft craft_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, GradebookRow> rows_;  // by student
  std::vector<GradebookRow> fresh_;           // not yet shown
  Progress progress_;
  std::deque<const Submission*> queue_;  // not begun
  std::size_t at_work_ = 0;              // threads that have not ended
  bool stopped_ = false;                 // nothing is begun any more, and nothing kept
  std::exception_ptr failure_;           // the output folder's trouble
  std::string trouble_;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace wirelab
