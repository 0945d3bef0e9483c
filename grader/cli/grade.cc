#include "grader/cli/grade.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "grader/classroom/archive_reader.hh"
#include "grader/classroom/class_run.hh"
#include "grader/classroom/digest.hh"
#include "grader/classroom/judge.hh"
#include "grader/course/check_run.hh"
#include "grader/course/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

std::atomic<int> stop_signal = 0;

/// Handlers, not a blocked mask: a mask would be inherited by the programs under test.
void listen_for_stop() {
  struct sigaction action {};
  action.sa_handler = [](int number) { stop_signal = number; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
}

std::string in_words(std::chrono::seconds time) {
  const auto minutes = time.count() / 60;
  return minutes == 0 ? fmt::format("{} s", time.count()) : fmt::format("{} m {} s", minutes, time.count() % 60);
}

/// What is seen while the class is graded: one line that changes on a terminal, a line for each student elsewhere.
class Watch {
 public:
  void operator()(const Progress& progress, const std::vector<GradebookRow>& rows) const {
    if (terminal_) return show(progress);
    std::size_t count = progress.finished - rows.size();
    for (const GradebookRow& row : rows) fmt::print(stderr, "{} of {}: {}\n", ++count, progress.all, in_a_line(row));
  }

  void clear() const {
    if (terminal_) fmt::print(stderr, "\r\033[K");
  }

  [[nodiscard]] std::chrono::duration<double> elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  void show(const Progress& progress) const {
    fmt::print(stderr, "\r\033[K{} of {} submissions, {} running{}", progress.finished, progress.all, progress.running, left(progress));
    std::fflush(stderr);
  }

  /// Nothing before there is something to judge by.
  [[nodiscard]] std::string left(const Progress& progress) const {
    const std::size_t graded = progress.finished - progress.stood;
    if (graded == 0) return {};
    const auto seconds = elapsed().count() / static_cast<double>(graded) * static_cast<double>(progress.all - progress.finished);
    return ", " + in_words(std::chrono::seconds(static_cast<long>(seconds))) + " left";
  }

  static std::string in_a_line(const GradebookRow& row) {
    std::string line = row.student;
    for (const auto& cell : row.labs) {
      const std::string points = cell.standing == Standing::graded ? std::to_string(cell.points) : "?";
      line += fmt::format("{} {} ({})", &cell == &row.labs.front() ? ":" : ",", points, cell.word);
    }
    return line;
  }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool terminal_ = isatty(STDERR_FILENO) != 0;
};

std::vector<Lab> chosen_labs(const Course& course, const std::vector<std::string>& names) {
  if (names.empty()) return course.labs;
  std::vector<Lab> labs;
  for (const std::string& name : names) labs.push_back(course.find(name));
  std::ranges::sort(labs, {}, &Lab::number);
  const auto twice = std::ranges::unique(labs, {}, &Lab::number);
  labs.erase(twice.begin(), twice.end());
  return labs;
}

/// Everything besides the students' files that a result depends on.
std::string digest_of(const Toolbox& toolbox, const std::vector<Lab>& labs, const GradeOptions& options) {
  Digest digest;
  digest.add("1");  // of this layout: another number makes every old result obsolete
  digest.add(Toolchain::load(toolbox.build).stamp);
  digest.add(options.seed ? std::to_string(*options.seed) : "");
  for (const Lab& lab : labs) {
    digest.add(read_file(toolbox.check_executable(lab)));
    digest.add(read_file(lab.folder / "lab.toml"));
    for (const auto* files : {&lab.files, &lab.given}) {
      for (const std::string& file : *files) digest.add(read_file(lab.folder / file));
    }
  }
  return digest.hex();
}

/// An archive that the user named and that cannot be read ends the command before anything is graded. In a class it is
/// that student's trouble; but something that is no archive at all is a slip of the user's hand even then.
void try_named_archives(const std::vector<Submission>& submissions, const Craft& craft) {
  for (const Submission& one : submissions) {
    if (!one.named || one.kind != Submission::Kind::archive) continue;
    try {
      craft.read(one);
    } catch (const NotAnArchive& error) {
      throw std::runtime_error("read " + one.path.string() + ": " + error.what());
    } catch (const Unreadable& error) {
      if (submissions.size() == 1) throw std::runtime_error("read " + one.path.string() + ": " + error.what());
    }
  }
}

ClassPlan plan_for(const GradeOptions& options, const Course& course, const Toolbox& toolbox) {
  ClassList list = find_submissions(options.paths, course.labs);
  for (const std::string& line : list.passed_over) fmt::print(stderr, "{}\n", line);
  ClassPlan plan;
  plan.submissions = std::move(list.submissions);
  plan.labs = chosen_labs(course, options.labs);
  plan.course = course.labs;
  plan.digest = digest_of(toolbox, plan.labs, options);
  plan.jobs = options.jobs > 0 ? options.jobs : 2 * std::max(1u, std::thread::hardware_concurrency());
  plan.resume = options.resume;
  return plan;
}

void print_end(const ClassRun& run, const OutputFolder& out, const Watch& watch) {
  const double seconds = watch.elapsed().count();
  const Progress progress = run.progress();
  const auto graded = static_cast<double>(progress.finished - progress.stood);
  fmt::print("{}\n", gradebook_table(run.lab_ids(), run.rows()));
  fmt::print("Gradebook:  {}\n", (out.root() / "gradebook.csv").string());
  fmt::print("Feedback:   {}\n", (out.root() / "students" / "NAME" / "feedback.txt").string());
  fmt::print("Graded {} submissions in {:.1f} s, {:.0f} per minute", graded, seconds, graded * 60 / seconds);
  if (progress.stood > 0) fmt::print("; {} stood from before", progress.stood);
  fmt::print(".\n");
}

/// 0, or 2 with a line that says what to do.
int status_of(const ClassRun& run, const OutputFolder& out) {
  const auto rows = run.rows();
  const auto open = std::ranges::count_if(rows, [](const GradebookRow& row) {
    return std::ranges::any_of(row.labs, [](const auto& cell) { return cell.standing != Standing::graded; });
  });
  if (open == 0) return 0;
  if (!run.trouble().empty()) fmt::print(stderr, "wirelab: {}\n", run.trouble());
  fmt::print(stderr, "{} submissions could not be judged (? above). Grade them: wirelab grade ... --out {} --resume\n", open, out.root().string());
  return 2;
}

/// Checks that still run end with this process; nobody need wait for them.
[[noreturn]] void leave_now(OutputFolder& out, int status) {
  out.close();
  std::fflush(nullptr);
  std::_Exit(status);
}

int grade_class(const ClassPlan& plan, OutputFolder& out, const Craft& craft) {
  ClassRun run(plan, out, craft);
  const Watch watch;
  listen_for_stop();
  try {
    run.run([] { return stop_signal != 0; }, watch);
  } catch (const std::exception& error) {
    watch.clear();
    fmt::print(stderr, "wirelab: {}\n", error.what());
    leave_now(out, 2);
  }
  watch.clear();
  print_end(run, out, watch);
  if (stop_signal != 0) {
    fmt::print(stderr, "Stopped. What is finished is kept; go on with --resume.\n");
    leave_now(out, 128 + stop_signal);
  }
  return status_of(run, out);
}

}  // namespace

CLI::App* add_grade(CLI::App& app, GradeOptions& options) {
  CLI::App* command = app.add_subcommand("grade", "Grade submissions: folders or archives, one or a class of them");
  command->add_option("PATH", options.paths, "A submission, or a folder of submissions")->required();
  command->add_option("--labs", options.labs, "Labs to grade, as in 03,05 (default: all)")->delimiter(',');
  command->add_option("--out", options.out, "Folder for gradebook, feedback and evidence")->capture_default_str();
  command->add_option("--jobs", options.jobs, "Submissions at once (default: twice the cores)")->check(CLI::Range(1, 1024));
  command->add_flag("--resume", options.resume, "Go on with an earlier run: what is finished and unchanged stands");
  command->add_option("--seed", options.seed, "Seed of what checks draw at random (default: drawn anew)");
  return command;
}

int grade(const GradeOptions& options) {
  const Toolbox toolbox = Toolbox::locate();
  const Course course = load_course(toolbox.root);
  const ClassPlan plan = plan_for(options, course, toolbox);
  Craft craft;
  craft.read = [&](const Submission& one) { return read_submission(one, plan.labs, toolbox.build / "bin" / "wirelab-unpack"); };
  craft.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    return judge_lab(toolbox, lab, handed, place, options.seed);
  };
  try_named_archives(plan.submissions, craft);
  OutputFolder out(options.out, options.resume);
  return grade_class(plan, out, craft);
}

}  // namespace wirelab
