#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "grader/checks/verdict.hh"
#include "grader/classroom/archive_reader.hh"
#include "grader/classroom/class_run.hh"
#include "grader/classroom/digest.hh"
#include "grader/classroom/judge.hh"
#include "grader/cli/commands.hh"
#include "grader/course/check_run.hh"
#include "grader/course/machine.hh"
#include "grader/program/files.hh"

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
  return minutes == 0 ? fmt::format("{} s", time.count())
                      : fmt::format("{} m {} s", minutes, time.count() % 60);
}

std::string submissions(std::size_t count) {
  return fmt::format("{} submission{}", count, count == 1 ? "" : "s");
}

std::string in_a_line(const GradebookRow& row) {
  std::string line = row.student;
  for (const auto& cell : row.labs) {
    const std::string points = cell.standing == Standing::graded ? std::to_string(cell.points) : "?";
    line += fmt::format("{} {} ({})", &cell == &row.labs.front() ? ":" : ",", points, cell.word);
  }
  return line;
}

/// What is seen while the class is graded: a line for each student, and on a terminal one that says how far
/// it is.
class Watch {
 public:
  explicit Watch(Console& console) : console_(console) {}

  void operator()(const Progress& progress, const std::vector<GradebookRow>& rows) const {
    std::size_t count = progress.finished - rows.size();
    for (const GradebookRow& row : rows)
      console_.print(fmt::format("{} of {}: {}\n", ++count, progress.all, in_a_line(row)));
    console_.status(fmt::format("{} of {} submissions, {} running{}", progress.finished, progress.all,
                                progress.running, left(progress)));
  }

  [[nodiscard]] std::chrono::duration<double> elapsed() const {
    return std::chrono::steady_clock::now() - start_;
  }

 private:
  /// Nothing before there is something to judge by.
  [[nodiscard]] std::string left(const Progress& progress) const {
    const std::size_t graded = progress.finished - progress.stood;
    if (graded == 0) return {};
    const auto seconds = elapsed().count() / static_cast<double>(graded) *
                         static_cast<double>(progress.all - progress.finished);
    return ", " + in_words(std::chrono::seconds(static_cast<long>(seconds))) + " left";
  }

  Console& console_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::vector<Lab> chosen_labs(const Session& session, const std::vector<std::string>& names) {
  std::vector<Lab> labs;
  for (const Lab* lab : session.labs(names)) labs.push_back(*lab);
  std::ranges::sort(labs, {}, &Lab::number);
  return labs;
}

/// Everything besides the students' files that a result depends on.
std::string digest_of(const Toolbox& toolbox, const std::vector<Lab>& labs, const GradeRequest& request) {
  Digest digest;
  digest.add("2");  // of this layout: another number makes every old result obsolete
  digest.add(Toolchain::load(toolbox.build).stamp());
  digest.add(request.seed ? std::to_string(*request.seed) : "");
  for (const Lab& lab : labs) {
    digest.add(read_file(toolbox.check_executable(lab)));
    digest.add(read_file(lab.folder / "lab.toml"));
    for (const auto* files : {&lab.files, &lab.given}) {
      for (const std::string& file : *files) digest.add(read_file(lab.folder / file));
    }
  }
  return digest.hex();
}

/// An archive that the user named and that cannot be read ends the command before anything is graded. In a
/// class it is that student's trouble; but something that is no archive at all is a slip of the user's hand
/// even then.
void try_named_archives(const std::vector<Submission>& submissions, const Craft& craft) {
  for (const Submission& one : submissions) {
    if (!one.named || one.kind != Submission::Kind::archive) continue;
    try {
      craft.read(one);
    } catch (const NotAnArchive& error) {
      throw std::runtime_error("read " + one.path.string() + ": " + error.what());
    } catch (const Unreadable& error) {
      if (submissions.size() == 1)
        throw std::runtime_error("read " + one.path.string() + ": " + error.what());
    }
  }
}

/// Without them nothing can be compiled, read or checked: better said once than of every student.
void demand_namespaces() {
  const Finding finding = examine_namespaces();
  if (!finding.ok) throw std::runtime_error("grade: " + finding.trouble + "; " + finding.remedy);
}

/// The labs that anybody has handed something in for: whoever teaches lab 03 need not look at eleven empty
/// columns. All of them when nobody has.
std::vector<Lab> labs_handed_in(const std::vector<Submission>& submissions, const std::vector<Lab>& labs,
                                const Craft& craft) {
  std::vector<bool> seen(labs.size());
  for (const Submission& one : submissions) {
    if (std::ranges::count(seen, false) == 0) break;
    try {
      const Contents contents = craft.read(one);
      for (std::size_t i = 0; i < labs.size(); ++i) {
        if (!seen[i]) seen[i] = !choose_files(contents, labs[i], labs).files.empty();
      }
    } catch (const Unreadable&) {
      continue;  // the student is told when it is graded
    }
  }
  std::vector<Lab> chosen;
  for (std::size_t i = 0; i < labs.size(); ++i) {
    if (seen[i]) chosen.push_back(labs[i]);
  }
  return chosen.empty() ? labs : chosen;
}

ClassPlan plan_for(Session& session, const GradeRequest& request, const Craft& craft) {
  ClassList list = find_submissions(request.paths, session.course.labs);
  for (const std::string& line : list.passed_over) session.console.print(line + "\n");
  ClassPlan plan;
  plan.submissions = std::move(list.submissions);
  plan.labs = chosen_labs(session, request.labs);
  if (request.labs.empty()) plan.labs = labs_handed_in(plan.submissions, plan.labs, craft);
  plan.course = session.course.labs;
  plan.digest = digest_of(session.toolbox, plan.labs, request);
  plan.jobs = request.jobs > 0 ? request.jobs : 3 * std::max(1u, std::thread::hardware_concurrency());
  plan.resume = request.resume;
  return plan;
}

void print_end(Console& console, const ClassRun& run, const OutputFolder& out, const Watch& watch) {
  const double seconds = watch.elapsed().count();
  const Progress progress = run.progress();
  const std::size_t graded = progress.finished - progress.stood;
  console.print("\n" + gradebook_table(run.lab_ids(), run.rows()) + "\n");
  console.print(fmt::format("Gradebook:  {}\n", (out.root() / "gradebook.csv").string()));
  console.print(fmt::format("Feedback:   {}\n",
                            (out.root() / "students" / "NAME" / "feedback.html, feedback.txt").string()));
  const std::string stood = progress.stood > 0 ? fmt::format("; {} stood from before", progress.stood) : "";
  console.print(fmt::format("Graded {} in {:.1f} s, {:.0f} per minute{}.\n", submissions(graded), seconds,
                            static_cast<double>(graded) * 60 / std::max(seconds, 0.1), stood));
}

/// 0, or 2 after saying what to do.
int status_of(Console& console, const ClassRun& run, const OutputFolder& out) {
  const auto rows = run.rows();
  const auto open = static_cast<std::size_t>(std::ranges::count_if(rows, [](const GradebookRow& row) {
    return std::ranges::any_of(row.labs, [](const auto& cell) { return cell.standing != Standing::graded; });
  }));
  if (open == 0) return exit_passed;
  if (!run.trouble().empty())
    console.print(fmt::format("The grader was in trouble: {}\n", printable(run.trouble())));
  console.print(fmt::format(
      "Marked ?: {} that could not be judged. To try again: the same command with --out {} --resume\n",
      submissions(open), out.root().string()));
  return exit_trouble;
}

/// Kills every child of this process, all of which are compilers, unpackers and checks; each takes along
/// whatever it has started.
void kill_children() {
  const std::string self = std::to_string(getpid());
  std::error_code error;
  for (fs::directory_iterator next("/proc", error), end; !error && next != end; next.increment(error)) {
    std::ifstream file(next->path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    // "123 (name) S 99 ...", and the name may hold anything: see proc(5).
    std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
    std::string state, parent;
    if (fields >> state >> parent && parent == self) kill(std::stoi(next->path().filename()), SIGKILL);
  }
}

int grade_class(Console& console, const ClassPlan& plan, OutputFolder& out, const Craft& craft) {
  ClassRun run(plan, out, craft);
  const Watch watch(console);
  listen_for_stop();
  run.run([] { return stop_signal != 0; }, watch);
  console.status({});
  print_end(console, run, out, watch);
  if (stop_signal == 0) return status_of(console, run, out);
  console.print("Stopped. What is finished is kept; go on with --resume.\n");
  return 128 + stop_signal;
}

}  // namespace

int grade(Session& session, const GradeRequest& request) {
  demand_namespaces();
  const fs::path unpacker = session.toolbox.build / "bin" / "wirelab-unpack";
  Craft craft;
  craft.read = [&](const Submission& one) { return read_submission(one, session.course.labs, unpacker); };
  craft.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    return judge_lab(session.toolbox, lab, handed, place, {request.seed, request.site});
  };
  craft.abandon = kill_children;
  const ClassPlan plan = plan_for(session, request, craft);
  try_named_archives(plan.submissions, craft);
  OutputFolder out(request.out, request.resume);
  return grade_class(session.console, plan, out, craft);
}

}  // namespace wirelab
