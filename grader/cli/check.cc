#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/error.hh"
#include "grader/cli/commands.hh"
#include "grader/cli/memory.hh"
#include "grader/cli/output_file.hh"
#include "grader/cli/words.hh"
#include "grader/course/machine.hh"
#include "grader/course/mistake.hh"
#include "grader/program/binds.hh"
#include "grader/program/files.hh"

// `wirelab check`: build, check, explain. One lab after the other; the checks of a lab run several at a time.

namespace wirelab {
namespace {

constexpr std::size_t most_explanations = 5;  // more would bury the first, where to begin

/// What came of one lab.
struct LabOutcome {
  bool compiled = true;
  std::string diagnostics;
  std::vector<Verdict> verdicts;
  Score score;
};

/// `./wirelab check 05 --solution`: how this run is typed, for the line that tells how to repeat one check.
std::string rerun_command(const CheckRequest& request, const Lab& lab) {
  std::string command = "./wirelab check " + number_of(lab);
  if (request.solution) command += " --solution";
  if (!request.mistake.empty()) command += " --mistake " + request.mistake;
  if (request.program) command += fmt::format(" --program \"{}\"", *request.program);
  return command;
}

/// In the order of the manifest, whichever finished first.
void sort_by_manifest(const Lab& lab, std::vector<Verdict>& verdicts) {
  std::ranges::sort(verdicts, {}, [&](const Verdict& verdict) {
    return lab.find_check(verdict.check) - lab.checks.data();
  });
}

/// The checks of one lab while they run: a line for each that finishes, and how far it is.
class Watch {
 public:
  Watch(Console& console, const Lab& lab, std::size_t count) : console_(console), lab_(lab), count_(count) {
    show();
  }
  ~Watch() { console_.status({}); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void started(const std::string& check) {
    running_.push_back(check);
    show();
  }

  void finished(const Verdict& verdict) {
    std::erase(running_, verdict.check);
    ++finished_;
    console_.print(verdict_line(verdict, caption_of(lab_, verdict), console_.style()) + "\n");
    show();
  }

 private:
  void show() {
    console_.status(fmt::format("  {} of {}, running: {}", finished_, count_, fmt::join(running_, ", ")));
  }

  Console& console_;
  const Lab& lab_;
  std::size_t count_;
  std::size_t finished_ = 0;
  std::vector<std::string> running_;
};

void print_heading(Session& session, const Lab& lab) {
  session.console.print(
      session.console.style().bold(fmt::format("{} {}: {}", number_of(lab), lab.slug, lab.title)) + "\n");
}

void print_diagnostics(Session& session, const LabOutcome& outcome) {
  if (outcome.diagnostics.empty()) return;
  const Style& style = session.console.style();
  const std::string said =
      outcome.compiled ? style.yellow("  The compiler warns:") : style.red("  This does not compile:");
  session.console.print(fmt::format("{}\n\n{}\n", said, outcome.diagnostics));
}

/// Compiles what lies in `sources` into build/programs/05-unreliable-udp`ending`.
Build compile(Session& session, const Lab& lab, const std::filesystem::path& sources,
              const std::string& ending) {
  const auto output = session.state() / "programs" / (lab.id() + ending) / lab.program;
  make_folder(output.parent_path());
  return build_program(session.toolbox, lab, sources, output, session.cache());
}

Build compile_chosen(Session& session, const CheckRequest& request, const Lab& lab) {
  if (request.solution)
    return compile(session, lab, session.course.root / "solutions" / lab.id(), "-solution");
  if (request.mistake.empty()) return compile(session, lab, lab.folder, "");
  const Mistake mistake = find_mistake(session.course.root, lab, request.mistake);
  const TemporaryFolder sources(session.state());
  make_mistake(session.course.root, lab, mistake, sources.path());
  return compile(session, lab, sources.path(), "-" + mistake.name);
}

/// The command that starts the program to check; empty when it does not compile.
std::vector<std::string> program_of(Session& session, const CheckRequest& request, const Lab& lab,
                                    LabOutcome& outcome) {
  if (request.program) return split_words(*request.program);
  session.console.status("  compiling");
  const Build build = compile_chosen(session, request, lab);
  session.console.status({});
  if (!build.missing.empty()) throw_errno("open", (lab.folder / build.missing).string(), ENOENT);
  outcome.compiled = build.ok;
  outcome.diagnostics = build.diagnostics;
  print_diagnostics(session, outcome);
  if (!build.ok) return {};
  return {build.program.string()};
}

std::vector<Verdict> judge(Session& session, const CheckRequest& request, const Lab& lab,
                           std::vector<std::string> command, const std::filesystem::path& evidence) {
  CheckOptions options;
  options.command = std::move(command);
  options.only = request.only;
  options.seed = request.seed;
  options.evidence = evidence;
  options.jobs = request.jobs;
  Watch watch(session.console, lab, chosen_checks(lab, request.only).size());
  auto verdicts = run_checks(
      session.toolbox, lab, options, [&](const Verdict& verdict) { watch.finished(verdict); },
      [&](const std::string& check) { watch.started(check); });
  sort_by_manifest(lab, verdicts);
  return verdicts;
}

/// The score of a program that does not compile: every check chosen counts as failed.
Score nothing_works(const Lab& lab, const std::vector<std::string>& only) {
  Score score;
  for (const CheckInfo* check : chosen_checks(lab, only)) {
    score.most += check->points;
    ++score.failed;
  }
  return score;
}

/// The folder for this lab's evidence. Ours is emptied first, so that what lies there is of one run; in a
/// folder that the user named nothing is removed.
std::filesystem::path evidence_folder(const Session& session, const CheckRequest& request, const Lab& lab) {
  const bool ours = request.evidence.empty();
  const auto folder = ours ? session.evidence(lab) : std::filesystem::absolute(request.evidence) / lab.id();
  if (ours) std::filesystem::remove_all(folder);
  make_folder(folder);
  return folder;
}

std::string why_nothing_runs(const Finding& namespaces) {
  return fmt::format(
      "This machine does not let you make network namespaces, and without them there is no lab network.\n"
      "It said: {}\nWhat to do: {}\nMore: ./wirelab doctor",
      namespaces.trouble, namespaces.remedy);
}

LabOutcome check_lab(Session& session, const CheckRequest& request, const Lab& lab) {
  LabOutcome outcome;
  print_heading(session, lab);
  const Finding namespaces = examine_namespaces();
  if (!namespaces.ok) {
    outcome.verdicts = not_judged(lab, request.only, why_nothing_runs(namespaces));
    outcome.score = score(lab, outcome.verdicts);
    return outcome;
  }
  const auto command = program_of(session, request, lab, outcome);
  if (command.empty()) {
    outcome.score = nothing_works(lab, request.only);
    return outcome;
  }
  outcome.verdicts = judge(session, request, lab, command, evidence_folder(session, request, lab));
  outcome.score = score(lab, outcome.verdicts);
  return outcome;
}

std::string score_line(const Lab& lab, const Score& score, const Style& style) {
  std::string line =
      fmt::format("{} {}: {} of {} points", number_of(lab), lab.slug, score.points, score.most);
  if (score.inconclusive > 0) line += fmt::format(", {} not judged", score.inconclusive);
  if (!score.badges.empty()) line += fmt::format(", badges: {}", fmt::join(score.badges, ", "));
  return style.bold(score.failed > 0         ? style.red(line)
                    : score.inconclusive > 0 ? style.yellow(line)
                                             : style.green(line)) +
         "\n";
}

/// When nothing could be judged for one reason, it is said once.
bool all_for_one_reason(const std::vector<Verdict>& verdicts) {
  return verdicts.size() > 1 && std::ranges::all_of(verdicts, [&](const Verdict& verdict) {
           return verdict.outcome == Outcome::inconclusive && verdict.reason == verdicts.front().reason;
         });
}

/// Checks that ended at a hole of the skeleton need no explanation each: what to do is the same for all.
std::string list_unwritten(const Lab& lab, const std::vector<Verdict>& verdicts, const Style& style) {
  std::map<std::string, int> checks_by_part;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::failed) ++checks_by_part[unwritten_part(verdict)];
  }
  checks_by_part.erase("");
  if (checks_by_part.empty()) return {};
  std::string text = "\n" + style.bold("Not written yet:") + "\n";
  for (const auto& [part, checks] : checks_by_part) {
    text += fmt::format("    TODO {}, where {} end{}\n", part,
                        checks == 1 ? "a check" : fmt::format("{} checks", checks), checks == 1 ? "s" : "");
  }
  return text + fmt::format("    What it asks for: labs/{}/README.md; a hint: ./wirelab hint {}\n", lab.id(),
                            number_of(lab));
}

/// Not wrapped: there may be a command to copy.
std::string indented_lines(std::string text) {
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1))
    text.insert(at + 1, "    ");
  return text;
}

void print_explanations(Session& session, const CheckRequest& request, const Lab& lab,
                        const std::vector<Verdict>& verdicts) {
  const Style& style = session.console.style();
  if (all_for_one_reason(verdicts)) {
    session.console.print(fmt::format("  {}\n    {}\n\n", style.yellow("No check could be judged:"),
                                      indented_lines(verdicts.front().reason)));
    return;
  }
  std::size_t explained = 0, left = 0;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::passed || !unwritten_part(verdict).empty()) continue;
    if (explained++ >= most_explanations) {
      ++left;
      continue;
    }
    session.console.print("\n" + explain(seen_from_here(verdict),
                                         session.caption(lab, verdict, rerun_command(request, lab)), style));
  }
  session.console.print(list_unwritten(lab, verdicts, style));
  if (left > 0) {
    session.console.print(
        fmt::format("\n{} more did not pass; to see one: ./wirelab show {} CHECK\n", left, number_of(lab)));
  }
  session.console.print("\n");
}

nlohmann::json to_json(const Lab& lab, const LabOutcome& outcome) {
  nlohmann::json json = {{"lab", lab.id()},
                         {"title", lab.title},
                         {"compiled", outcome.compiled},
                         {"diagnostics", outcome.diagnostics},
                         {"points", outcome.score.points},
                         {"most", outcome.score.most},
                         {"failed", outcome.score.failed},
                         {"inconclusive", outcome.score.inconclusive},
                         {"badges", outcome.score.badges},
                         {"checks", nlohmann::json::array()}};
  for (const Verdict& verdict : outcome.verdicts) {
    nlohmann::json one = verdict;
    const CheckInfo* check = lab.find_check(verdict.check);
    one.update({{"title", check->title},
                {"points", check->points},
                {"stretch", check->stretch},
                {"badge", check->badge},
                {"concept", check->concept_name},
                {"slide", check->slide}});
    json["checks"].push_back(std::move(one));
  }
  return json;
}

void remember(Session& session, const CheckRequest& request, const Lab& lab, const LabOutcome& outcome) {
  if (request.solution || request.program || !request.mistake.empty()) return;
  Memory memory(session);
  memory.remember(lab, outcome.score);
  memory.save();
}

int exit_status(const Score& all) {
  return all.failed > 0 ? exit_failed : all.inconclusive > 0 ? exit_trouble : exit_passed;
}

/// What is wrong with the request is said before anything begins.
void look_through(const Session& session, const CheckRequest& request, const std::vector<const Lab*>& labs) {
  for (const Lab* lab : labs) (void)chosen_checks(*lab, request.only);
  if (!request.mistake.empty()) {
    if (labs.size() != 1) throw std::invalid_argument("--mistake: name the one lab it is of");
    (void)find_mistake(session.course.root, *labs.front(), request.mistake);
  }
  if (!request.program) return;
  if (labs.size() != 1) throw std::invalid_argument("--program: name the one lab it is for");
  auto command = split_words(*request.program);
  (void)binds_for_command(command);
}

}  // namespace

int check_labs(Session& session, const CheckRequest& request) {
  const auto labs = session.labs(request.labs);
  look_through(session, request, labs);
  const OutputFile report(request.json);
  if (!request.evidence.empty()) make_folder(request.evidence);
  nlohmann::json json = {{"labs", nlohmann::json::array()}};
  Score all;
  for (const Lab* lab : labs) {
    const LabOutcome outcome = check_lab(session, request, *lab);
    print_explanations(session, request, *lab, outcome.verdicts);
    session.console.print(score_line(*lab, outcome.score, session.console.style()) +
                          (lab == labs.back() ? "" : "\n"));
    remember(session, request, *lab, outcome);
    json["labs"].push_back(to_json(*lab, outcome));
    all.failed += outcome.score.failed;
    all.inconclusive += outcome.score.inconclusive;
  }
  report.write(json.dump(2) + "\n");
  return exit_status(all);
}

}  // namespace wirelab
