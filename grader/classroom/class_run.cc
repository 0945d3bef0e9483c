#include "grader/classroom/class_run.hh"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "grader/classroom/digest.hh"
#include "grader/classroom/feedback.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

/// Trouble that no later submission could escape.
bool is_of_the_disk(const std::system_error& error) {
  const std::error_condition condition = error.code().default_error_condition();
  return condition == std::errc::no_space_on_device || condition == std::errc::read_only_file_system ||
         condition == std::errc::io_error ||
         condition == std::error_condition(EDQUOT, std::generic_category());
}

int most_points(const Lab& lab) {
  int sum = 0;
  for (const CheckInfo& check : lab.checks) sum += check.stretch ? 0 : check.points;
  return sum;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

}  // namespace

LabResult lab_result(const Lab& lab, Standing standing, std::string word) {
  LabResult result;
  result.lab = lab.id();
  result.standing = standing;
  result.most = most_points(lab);
  result.word = std::move(word);
  return result;
}

ClassRun::ClassRun(ClassPlan plan, OutputFolder& out, Craft craft)
    : plan_(std::move(plan)), out_(out), craft_(std::move(craft)) {
  progress_.all = plan_.submissions.size();
}

ClassRun::~ClassRun() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  finish(lock);
}

void ClassRun::run(const Stop& stop, const Watch& watch) {
  out_.demand_space();
  for (const Submission& submission : plan_.submissions) queue_.push_back(&submission);
  grade_queue(std::max(plan_.jobs, 1u), stop, watch);
  // What a busy machine kept from being judged gets a second try, one by one.
  queue_unsettled();
  grade_queue(1, stop, watch);
  if (failure_) std::rethrow_exception(failure_);
  out_.keep_gradebook(gradebook_csv(lab_ids(), rows()));
}

void ClassRun::grade_queue(std::size_t threads, const Stop& stop, const Watch& watch) {
  std::unique_lock lock(mutex_);
  if (stopped_) return;
  at_work_ = std::min(threads, queue_.size());
  for (std::size_t i = 0; i < at_work_; ++i) threads_.emplace_back(&ClassRun::work, this);
  while (at_work_ > 0 && !stopped_) {
    changed_.wait_for(lock, std::chrono::milliseconds(200));
    stopped_ = stopped_ || (at_work_ > 0 && stop());
    if (watch) watch(progress_, std::exchange(fresh_, {}));
  }
  finish(lock);
}

void ClassRun::queue_unsettled() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
  if (stopped_) return;
  trouble_.clear();
  for (const Submission& submission : plan_.submissions) {
    const auto& labs = rows_.at(submission.name).labs;
    if (std::ranges::count(labs, Standing::again, &GradebookRow::Cell::standing) > 0)
      queue_.push_back(&submission);
  }
  progress_.finished -= queue_.size();
}

/// Waits until no thread is at work; after a stop nobody waits for what they wait for.
void ClassRun::finish(std::unique_lock<std::mutex>& lock) {
  while (at_work_ > 0) {
    if (stopped_) craft_.abandon();
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ClassRun::work() {
  try {
    while (const Submission* submission = next_submission()) grade(*submission);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    stopped_ = true;
  }
  const std::lock_guard lock(mutex_);
  --at_work_;
  changed_.notify_all();
}

/// Null when there is none left.
const Submission* ClassRun::next_submission() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || queue_.empty()) return nullptr;
  ++progress_.running;
  const Submission* next = queue_.front();
  queue_.pop_front();
  return next;
}

void ClassRun::grade(const Submission& submission) {
  out_.demand_space();
  StudentResult result{submission.name, printable(submission.path.string()), {}, {}, {}};
  const std::vector<HandedIn> handed = take(submission, result);
  result.digest = digest_of(result, handed);
  if (plan_.resume) {
    const std::optional<StudentResult> earlier = out_.result_of(submission.name);
    if (earlier && earlier->digest == result.digest && settled(*earlier)) return take_over(*earlier);
  }
  const std::filesystem::path work = out_.make_work(submission.name);
  for (std::size_t i = 0; i < handed.size() && !stopped(); ++i) {
    result.labs.push_back(judge(plan_.labs[i], handed[i], work));
  }
  keep(result, work / "evidence");
  out_.remove_work(submission.name);
}

void ClassRun::take_over(const StudentResult& earlier) {
  const std::lock_guard lock(mutex_);
  ++progress_.stood;
  add_row(row_of(earlier, lab_ids()));
}

/// What the student handed in for each lab. If nothing can be read there is nothing for any lab, and the
/// result says of every lab why.
std::vector<HandedIn> ClassRun::take(const Submission& submission, StudentResult& result) {
  std::vector<HandedIn> handed;
  try {
    const Contents contents = craft_.read(submission);
    result.notes = contents.notes;
    for (const Lab& lab : plan_.labs) handed.push_back(choose_files(contents, lab, plan_.course));
  } catch (const Unreadable& error) {
    const std::string what =
        submission.kind == Submission::Kind::archive ? "archive unreadable: " : "unreadable: ";
    for (const Lab& lab : plan_.labs)
      result.labs.push_back(lab_result(lab, Standing::graded, what + error.what()));
  } catch (const std::system_error& error) {
    if (is_of_the_disk(error)) throw;
    for (const Lab& lab : plan_.labs) result.labs.push_back(trouble_with(lab, error.what()));
  } catch (const std::runtime_error& error) {
    for (const Lab& lab : plan_.labs) result.labs.push_back(trouble_with(lab, error.what()));
  }
  return handed;
}

std::string ClassRun::digest_of(const StudentResult& result, const std::vector<HandedIn>& handed) const {
  Digest digest;
  digest.add(plan_.digest);
  for (const LabResult& lab : result.labs) digest.add(lab.word);
  for (std::size_t i = 0; i < handed.size(); ++i) {
    digest.add(plan_.labs[i].id());
    for (const auto& [name, content] : handed[i].files) {
      digest.add(name);
      digest.add(content);
    }
  }
  return digest.hex();
}

LabResult ClassRun::judge(const Lab& lab, const HandedIn& handed, const std::filesystem::path& work) {
  if (handed.files.empty()) {
    LabResult result = lab_result(lab, Standing::graded, "no files");
    result.notes = {"none of the lab's files was found: " + listed(lab.files)};
    return result;
  }
  const Workplace place{work / lab.id(), work / "evidence" / lab.id(),
                        std::filesystem::path("evidence") / work.filename() / lab.id(), out_.cache()};
  make_folder(place.folder);
  try {
    LabResult result = craft_.judge(lab, handed, place);
    out_.demand_space();  // or a full disk would pass for a student's mistake
    return result;
  } catch (const std::system_error& error) {
    if (is_of_the_disk(error)) throw;
    return trouble_with(lab, error.what());
  } catch (const std::exception& error) {
    return trouble_with(lab, error.what());
  }
}

LabResult ClassRun::trouble_with(const Lab& lab, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (trouble_.empty()) trouble_ = reason;
  LabResult result = lab_result(lab, Standing::again, "needs another run");
  result.notes.push_back("the grader could not judge: " + reason);
  return result;
}

void ClassRun::keep(const StudentResult& result, const std::filesystem::path& evidence) {
  const Feedback feedback = feedback_of(result);
  // Nothing is kept once the run has been stopped: what is in hand then may have been hurt by whatever
  // stopped the run, as by Ctrl-C, which a terminal sends to our children as well.
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  out_.keep(result, feedback, evidence);
  add_row(row_of(result, lab_ids()));
}

void ClassRun::add_row(GradebookRow row) {
  --progress_.running;
  ++progress_.finished;
  fresh_.push_back(row);
  rows_[row.student] = std::move(row);
  changed_.notify_all();
}

std::vector<GradebookRow> ClassRun::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<GradebookRow> all;
  for (const Submission& submission : plan_.submissions) {
    const auto found = rows_.find(submission.name);
    all.push_back(found != rows_.end() ? found->second
                                       : row_of({submission.name, {}, {}, {}, {}}, lab_ids()));
  }
  return all;
}

std::vector<std::string> ClassRun::lab_ids() const {
  std::vector<std::string> ids;
  for (const Lab& lab : plan_.labs) ids.push_back(lab.id());
  return ids;
}

Progress ClassRun::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

bool ClassRun::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

std::string ClassRun::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace wirelab
