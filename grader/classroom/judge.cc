#include "grader/classroom/judge.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <regex>

#include "grader/course/slide_link.hh"
#include "grader/program/files.hh"
#include "grader/report/explanation.hh"
#include "grader/report/explanation_html.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

/// Checks of one submission at once. Most of a check is waiting; but several submissions run at the same
/// time, and a machine that is too busy makes checks inconclusive.
constexpr unsigned checks_at_once = 16;

/// Puts the files where the builder looks for them.
void lay_out(const Lab& lab, const HandedIn& handed, const fs::path& sources, LabResult& result) {
  fs::create_directories(sources);
  for (const std::string& name : lab.files) {
    const auto found = handed.files.find(name);
    if (found != handed.files.end()) {
      write_file(sources / name, found->second);
    } else {
      write_file(sources / name, read_file(lab.folder / name));
      result.notes.push_back(name + " is missing; the unfinished one of the lab was taken in its place");
    }
  }
}

long core_checks(const Lab& lab) { return std::ranges::count(lab.checks, false, &CheckInfo::stretch); }

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

bool crashed(const ProgramRecord& program) {
  // Segmentation fault, abort, and so on; checks themselves end programs with other signals.
  constexpr std::array signals = {"signal 4 ", "signal 6 ",  "signal 7 ",
                                  "signal 8 ", "signal 11 ", "signal 13 "};
  return std::ranges::any_of(signals, [&](const char* signal) { return says(program.end, signal); }) ||
         says(program.errors, "ERROR: AddressSanitizer") || says(program.errors, "ERROR: LeakSanitizer");
}

bool flooded(const ProgramRecord& program) { return says(program.end, "printed too much"); }
bool greedy(const ProgramRecord& program) { return says(program.end, "memory"); }
bool busy(const ProgramRecord& program) { return says(program.end, "processor time"); }
bool unfinished(const ProgramRecord& program) {
  return program.end == "exit status 3" && says(program.errors, "TODO");
}

/// Something was awaited that did not come, and the program had not ended.
bool timed_out(const Verdict* verdict) {
  static const std::regex waited("(within|after) [0-9.]+ m?s");
  return std::regex_search(verdict->actual, waited) && says(verdict->actual, "still running");
}

using Failures = std::vector<const Verdict*>;

/// The core checks that failed: points are lost there, so the word is about them.
Failures core_failures(const Lab& lab, const std::vector<Verdict>& verdicts) {
  Failures failures;
  for (const Verdict& verdict : verdicts) {
    const CheckInfo* info = lab.find_check(verdict.check);
    if (verdict.outcome == Outcome::failed && info != nullptr && !info->stretch) failures.push_back(&verdict);
  }
  return failures;
}

/// In how many of them a program of the student's did this.
template <typename Deed>
long count(const Failures& failures, Deed did) {
  return std::ranges::count_if(
      failures, [&](const Verdict* verdict) { return std::ranges::any_of(verdict->programs, did); });
}

/// What went wrong beyond a wrong answer: of the ways to end too soon the most frequent, or else that it did
/// not end.
std::string symptom_of(const Failures& failures) {
  using Symptom = std::pair<long, std::string_view>;
  const std::array symptoms = {Symptom{count(failures, flooded), ", floods output"},
                               Symptom{count(failures, greedy), ", eats all memory"},
                               Symptom{count(failures, crashed), ", crashes"}};
  const Symptom& most = *std::ranges::max_element(symptoms, {}, &Symptom::first);
  if (most.first > 0) return std::string(most.second);
  return count(failures, busy) > 0 || std::ranges::any_of(failures, timed_out) ? ", times out" : "";
}

std::string said_by(const Verdict& verdict) {
  if (verdict.outcome == Outcome::inconclusive) return verdict.reason;
  if (verdict.outcome == Outcome::passed || verdict.expected.empty()) return verdict.actual;
  return "expected " + verdict.expected + "; " + verdict.actual;
}

CheckLine line_of(const Lab& lab, const Verdict& verdict) {
  CheckLine line;
  line.check = verdict.check;
  line.title = verdict.check;
  line.outcome = verdict.outcome;
  line.seed = verdict.seed;
  line.said = said_by(verdict);
  if (const CheckInfo* info = lab.find_check(verdict.check)) {
    line.title = info->title;
    line.points = info->points;
    line.badge = info->stretch ? info->badge : "";
  }
  return line;
}

/// In the order of the manifest, whichever finished first.
void sort_by_manifest(const Lab& lab, std::vector<Verdict>& verdicts) {
  std::ranges::sort(verdicts, std::less<>(),
                    [&](const Verdict& verdict) { return lab.find_check(verdict.check); });
}

void run_lab(const Toolbox& toolbox, const Lab& lab, const fs::path& program, const Workplace& place,
             const JudgeOptions& chosen, LabResult& result) {
  CheckOptions options;
  options.command = {program.string()};
  options.seed = chosen.seed;
  options.evidence = place.evidence;
  options.evidence_of_passed = false;
  options.jobs = checks_at_once;
  std::vector<Verdict> verdicts = run_checks(toolbox, lab, options);
  sort_by_manifest(lab, verdicts);

  const Score reached = score(lab, verdicts);
  result.standing = reached.inconclusive == 0 ? Standing::graded : Standing::again;
  result.points = reached.points;
  result.most = reached.most;
  result.badges = reached.badges;
  result.word = word_for(lab, reached, verdicts);
  const std::string rerun = fmt::format("./wirelab check {:02}", lab.number);  // students have the lab, too
  for (Verdict& verdict : verdicts) {
    result.checks.push_back(line_of(lab, verdict));
    if (verdict.outcome == Outcome::passed) continue;
    if (!verdict.evidence.empty()) verdict.evidence = place.evidence_shown / verdict.check;
    Caption caption = caption_of(lab, verdict, rerun);
    result.explanations += explain(verdict, caption, Style::plain()) + "\n";
    if (!chosen.site.empty()) caption.slide_address = slide_address(caption.slide, chosen.site);
    result.articles += explain_html(verdict, caption);
  }
}

}  // namespace

std::string word_for(const Lab& lab, const Score& score, const std::vector<Verdict>& verdicts) {
  if (score.inconclusive > 0) return "needs another run";
  if (score.points == score.most) return "complete";
  const Failures failures = core_failures(lab, verdicts);
  if (count(failures, unfinished) == std::ssize(failures)) return "unfinished";
  return fmt::format("fails {} of {}{}", failures.size(), core_checks(lab), symptom_of(failures));
}

LabResult judge_lab(const Toolbox& toolbox, const Lab& lab, const HandedIn& handed, const Workplace& place,
                    const JudgeOptions& options) {
  LabResult result = lab_result(lab, Standing::graded, "does not compile");
  result.notes = handed.notes;
  const fs::path sources = place.folder / "sources";
  lay_out(lab, handed, sources, result);
  const Build build = build_program(toolbox, lab, sources, place.folder / lab.program, place.cache);
  result.diagnostics = build.diagnostics;
  if (build.ok) run_lab(toolbox, lab, build.program, place, options, result);
  return result;
}

}  // namespace wirelab
