#include "grader/course/proof.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "grader/course/build_cache.hh"
#include "grader/course/check_run.hh"
#include "grader/course/command.hh"
#include "grader/course/holes.hh"
#include "grader/course/mistake.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace fs = std::filesystem;
namespace {

/// Everything that proving one lab needs. Claims share it: they are tried in any order, by any thread.
struct Bench {
  Toolbox toolbox;
  Lab lab;
  ProofOptions options;

  [[nodiscard]] fs::path solution() const { return toolbox.root / "solutions" / lab.id(); }
};

Proof refuted(std::string why) { return {Outcome::failed, std::move(why), {}}; }

/// Why a build is of no use; empty when it is good.
std::string trouble_with(const Build& build) {
  if (!build.missing.empty()) return build.missing + " is missing";
  return build.ok ? std::string() : "it does not compile:\n" + build.diagnostics;
}

std::vector<std::string> names_with(const std::vector<Verdict>& verdicts, Outcome outcome) {
  std::vector<std::string> names;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == outcome) names.push_back(verdict.check);
  }
  return names;
}

std::vector<std::string> core_checks(const Lab& lab) {
  std::vector<std::string> names;
  for (const CheckInfo& check : lab.checks) {
    if (!check.stretch) names.push_back(check.name);
  }
  return names;
}

std::vector<Verdict> check(const Bench& bench, std::vector<std::string> command,
                           const std::vector<std::string>& only) {
  CheckOptions options;
  options.command = std::move(command);
  options.only = only;
  options.jobs = bench.options.jobs;
  return run_checks(bench.toolbox, bench.lab, options);
}

/// What is left to say when some checks could not be judged.
Proof undecided(const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::inconclusive) {
      return {Outcome::inconclusive,
              fmt::format("{} could not be judged: {}", verdict.check, verdict.reason),
              {}};
    }
  }
  return {};
}

Proof compiles_without_warnings(const Bench& bench, const fs::path& sources) {
  const TemporaryFolder work(bench.options.work);
  const Toolchain tools = Toolchain::load(bench.toolbox.build);
  const std::string trouble =
      trouble_with(build_program(bench.toolbox, bench.lab, sources, work.path() / bench.lab.program,
                                 bench.options.cache, tools.with(tools.strict)));
  return trouble.empty() ? Proof{} : refuted(trouble);
}

/// Builds what is in `sources` and runs these checks on it; `judge` says what the verdicts prove.
template <typename Judge>
Proof build_and_check(const Bench& bench, const fs::path& sources, const std::vector<std::string>& only,
                      Judge judge) {
  const TemporaryFolder work(bench.options.work);
  const Build build =
      build_program(bench.toolbox, bench.lab, sources, work.path() / bench.lab.program, bench.options.cache);
  if (const std::string trouble = trouble_with(build); !trouble.empty()) return refuted(trouble);
  return judge(check(bench, {build.program.string()}, only));
}

Proof fails_every_core_check(const Bench& bench) {
  return build_and_check(
      bench, bench.lab.folder, core_checks(bench.lab), [](const std::vector<Verdict>& verdicts) {
        const auto passed = names_with(verdicts, Outcome::passed);
        return passed.empty() ? undecided(verdicts)
                              : refuted(fmt::format("it passes {}", fmt::join(passed, ", ")));
      });
}

/// That none of these checks failed.
Proof all_pass(const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome != Outcome::failed) continue;
    return refuted(fmt::format("it fails {} (seed {}): expected {}; {}", verdict.check, verdict.seed,
                               verdict.expected, verdict.actual));
  }
  return undecided(verdicts);
}

Proof passes_everything(const Bench& bench) { return build_and_check(bench, bench.solution(), {}, all_pass); }

/// The sanitizers' reports in what the programs of these verdicts printed.
std::string sanitizer_report(const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    for (const ProgramRecord& program : verdict.programs) {
      for (const char* sign : {"ERROR: AddressSanitizer", "runtime error:"}) {
        const auto at = program.errors.find(sign);
        if (at != std::string::npos)
          return fmt::format("in {}: {}", verdict.check, program.errors.substr(at, 600));
      }
    }
  }
  return {};
}

/// Checks that look at speed or size may fail a program that the sanitizers slow down; what counts is their
/// reports.
Proof is_clean_under_sanitizers(const Bench& bench) {
  const TemporaryFolder work(bench.options.work);
  const Build build =
      build_program(bench.toolbox, bench.lab, bench.solution(), work.path() / bench.lab.program,
                    bench.options.cache, Toolchain::load(bench.toolbox.build).sanitized());
  if (const std::string trouble = trouble_with(build); !trouble.empty()) return refuted(trouble);
  const auto verdicts = check(bench, {build.program.string()}, {});
  if (const std::string report = sanitizer_report(verdicts); !report.empty()) return refuted(report);
  if (2 * names_with(verdicts, Outcome::passed).size() > verdicts.size()) return {};
  const Proof busy = undecided(verdicts);
  return busy.outcome == Outcome::passed ? refuted("most checks fail: so little of it was run") : busy;
}

/// What clang-tidy's word on the solution depends on.
std::string tidy_inputs(const Bench& bench) {
  std::string inputs = "clang-tidy\n" + read_file(bench.toolbox.root / ".clang-tidy");
  std::vector<fs::path> files;
  for (const std::string& name : bench.lab.files) files.push_back(bench.solution() / name);
  for (const fs::path& folder : {bench.lab.folder, bench.toolbox.root / "common"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".hh") files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) inputs += file.string() + "\n" + read_file(file);
  return inputs;
}

/// What clang-tidy says of the solution, by the project's own .clang-tidy. It takes its time, so that it has
/// nothing to say is kept in the cache of compiled files.
Proof clang_tidy_is_content(const Bench& bench) {
  const BuildCache cache(bench.options.cache);
  const std::string inputs = tidy_inputs(bench);
  if (cache.find(inputs)) return {};
  std::vector<std::string> words = {"clang-tidy", "--quiet", "--warnings-as-errors=*",
                                    "--config-file=" + (bench.toolbox.root / ".clang-tidy").string()};
  for (const std::string& name : bench.lab.files) {
    if (name.ends_with(".cc")) words.push_back((bench.solution() / name).string());
  }
  words.insert(words.end(),
               {"--", "-std=c++20", "-I" + bench.toolbox.root.string(), "-I" + bench.lab.folder.string()});
  const CommandResult said = run_command(words);
  if (said.status != 0) return refuted(said.output);
  cache.store(inputs, bench.toolbox.root / ".clang-tidy", "");
  return {};
}

/// The tasks that a text names: 05.1, 05.2. An address such as 10.5.0.2 names none.
std::set<std::string> tasks_in(const std::string& text, const Lab& lab) {
  const std::regex task(fmt::format(R"((^|[^\d.])({:02}\.\d+)(?!\.?\d))", lab.number));
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), task), end; at != end; ++at) found.insert((*at)[2]);
  return found;
}

Proof handout_and_hints_name_the_tasks(const Bench& bench) {
  std::set<std::string> holes, hinted;
  for (const std::string& name : bench.lab.files) {
    std::istringstream file(read_file(bench.lab.folder / name));
    for (std::string line; std::getline(file, line);) {
      if (line.find("// TODO(") != line.npos || line.find("// STRETCH(") != line.npos)
        holes.merge(tasks_in(line, bench.lab));
    }
  }
  const std::set<std::string> told = tasks_in(read_file(bench.lab.folder / "README.md"), bench.lab);
  for (const std::string& hint : bench.lab.hints) hinted.merge(tasks_in(hint, bench.lab));
  if (told != holes) {
    return refuted(fmt::format("the skeleton has {}; the handout names {}", fmt::join(holes, " "),
                               fmt::join(told, " ")));
  }
  if (!std::ranges::includes(holes, hinted)) {
    return refuted(
        fmt::format("the skeleton has {}; the hints name {}", fmt::join(holes, " "), fmt::join(hinted, " ")));
  }
  return {};
}

/// How a program in another language is started, by the ending of its name.
std::string interpreter_of(const fs::path& program) {
  if (program.extension() == ".py") return "python3";
  if (program.extension() == ".pl") return "perl";
  throw std::runtime_error("run " + program.string() + ": no interpreter is known for this ending");
}

/// Correct programs written differently: a folder with the student's files, or a script. Badges are not asked
/// of them.
Proof variant_passes_the_core(const Bench& bench, const fs::path& variant) {
  if (fs::is_directory(variant)) return build_and_check(bench, variant, core_checks(bench.lab), all_pass);
  return all_pass(check(bench, {interpreter_of(variant), variant.string()}, core_checks(bench.lab)));
}

/// tests/variants/03/*, by name; a course that was handed out has none.
std::vector<fs::path> variants_of(const Bench& bench) {
  const fs::path folder = bench.toolbox.root / "tests" / "variants" / fmt::format("{:02}", bench.lab.number);
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

Proof differs_in_holes_only(const Bench& bench) {
  for (const std::string& name : bench.lab.files) {
    const std::string difference =
        difference_outside_holes(read_file(bench.lab.folder / name), read_file(bench.solution() / name));
    if (!difference.empty()) return refuted(name + ": " + difference);
  }
  return {};
}

/// Whether every check that is meant to catch the mistake did, and said something that has been read.
Proof caught(const Lab& lab, const Mistake& mistake, const std::vector<Verdict>& verdicts,
             const std::vector<Message>& on_record, bool record) {
  Proof proof = undecided(verdicts);
  proof.mistake = mistake.name;
  proof.caught_by = names_with(verdicts, Outcome::failed);
  const auto refute = [&](std::string why) {
    if (proof.outcome != Outcome::failed) proof.detail = std::move(why);
    proof.outcome = Outcome::failed;
  };
  for (const Verdict& verdict : verdicts) {
    if (std::ranges::count(mistake.caught_by, verdict.check) == 0) continue;
    if (verdict.outcome == Outcome::passed)
      refute(fmt::format("{} passes (seed {})", verdict.check, verdict.seed));
    if (verdict.outcome != Outcome::failed) continue;
    const Message message{mistake.name, verdict.check, kept_text(verdict.cause)};
    if (message.text.empty()) {
      refute(fmt::format("{} fails, but tells no likely mistake (seed {})", verdict.check, verdict.seed));
    } else if (!record && std::ranges::count(on_record, message) == 0) {
      refute(
          fmt::format("what {} says is not on record (seed {}); read it, and if it helps the student: "
                      "./wirelab prove {:02} --record: {}",
                      verdict.check, verdict.seed, lab.number, verdict.cause));
    }
    proof.messages.push_back(message);
  }
  return proof;
}

Proof mistake_is_caught(const Bench& bench, const Mistake& mistake, const std::vector<Message>& on_record) {
  const TemporaryFolder work(bench.options.work);
  make_mistake(bench.toolbox.root, bench.lab, mistake, work.path());
  const auto only = bench.options.all_checks ? std::vector<std::string>() : mistake.caught_by;
  return build_and_check(bench, work.path(), only, [&](const std::vector<Verdict>& verdicts) {
    return caught(bench.lab, mistake, verdicts, on_record, bench.options.record);
  });
}

Proof every_check_catches(const Lab& lab, const std::vector<Mistake>& mistakes) {
  std::vector<std::string> idle;
  for (const CheckInfo& check : lab.checks) {
    const auto catches = [&](const Mistake& mistake) {
      return std::ranges::count(mistake.caught_by, check.name) > 0;
    };
    if (std::ranges::none_of(mistakes, catches)) idle.push_back(check.name);
  }
  return idle.empty() ? Proof{} : refuted(fmt::format("no mistake names {}", fmt::join(idle, ", ")));
}

/// A claim that cannot even be tried does not hold.
std::function<Proof()> guarded(std::function<Proof()> prove) {
  return [prove = std::move(prove)] {
    try {
      return prove();
    } catch (const std::exception& trouble) {
      return refuted(trouble.what());
    }
  };
}

}  // namespace

std::vector<Claim> claims_of(const Toolbox& toolbox, const Lab& lab, const ProofOptions& options) {
  const auto bench = std::make_shared<Bench>(Bench{toolbox, lab, options});
  const auto mistakes = load_mistakes(toolbox.root, lab);
  const auto on_record = load_messages(toolbox.root, lab);
  std::vector<Claim> claims;
  const auto claim = [&](std::string text, std::function<Proof()> prove) {
    claims.push_back({lab.id(), std::move(text), guarded(std::move(prove))});
  };
  for (const fs::path& variant : variants_of(*bench)) {
    claim(fmt::format("the variant \"{}\" passes every core check", variant.filename().string()),
          [=] { return variant_passes_the_core(*bench, variant); });
  }
  claim("the skeleton compiles without warnings",
        [=] { return compiles_without_warnings(*bench, bench->lab.folder); });
  claim("the solution compiles without warnings",
        [=] { return compiles_without_warnings(*bench, bench->solution()); });
  claim("the solution differs from the skeleton only in its holes",
        [=] { return differs_in_holes_only(*bench); });
  claim("the skeleton fails every core check", [=] { return fails_every_core_check(*bench); });
  claim("the solution passes every check", [=] { return passes_everything(*bench); });
  claim("every check is named by a mistake", [=] { return every_check_catches(bench->lab, mistakes); });
  claim("the solution is clean under AddressSanitizer and UndefinedBehaviorSanitizer",
        [=] { return is_clean_under_sanitizers(*bench); });
  if (find_along_path("clang-tidy")) {
    claim("clang-tidy has nothing to say of the solution", [=] { return clang_tidy_is_content(*bench); });
  }
  claim("handout and hints name the skeleton's tasks",
        [=] { return handout_and_hints_name_the_tasks(*bench); });
  for (const Mistake& mistake : mistakes) {
    claim(fmt::format("{} is caught by {}", mistake.name, fmt::join(mistake.caught_by, ", ")),
          [=] { return mistake_is_caught(*bench, mistake, on_record); });
  }
  return claims;
}

}  // namespace wirelab
