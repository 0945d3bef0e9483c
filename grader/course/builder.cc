#include "grader/course/builder.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "common/error.hh"
#include "grader/checks/verdict.hh"
#include "grader/course/build_cache.hh"
#include "grader/program/files.hh"
#include "grader/program/sandboxed_run.hh"

// How a program is built. Everything that goes in is read first, and copied into a working folder: what is
// compiled is then exactly what the cache is asked for, even if an editor saves a file meanwhile, and a link
// among the sources leads nowhere. One sandbox runs one shell script: every file that is not in the cache,
// all at once, then the linker.

namespace wirelab {
namespace fs = std::filesystem;
namespace {

constexpr auto patience =
    std::chrono::seconds(60);  // for the whole build; processor time runs out first, unless ...
constexpr auto most_cpu = std::chrono::seconds(20);  // of one compiler
constexpr std::uint64_t most_memory = 1ull << 30;    // bytes, of one compiler
constexpr std::uint64_t most_file = 64ull << 20;     // bytes, of one object, one program, one log
constexpr std::size_t most_diagnostics = 256 << 10;  // bytes kept of what the compiler says

struct Source {
  std::string name;
  std::string text;
  [[nodiscard]] bool is_unit() const { return name.ends_with(".cc"); }
};

/// One file to compile: what its object depends on, and the object where the cache has it.
struct Unit {
  std::string name;
  std::string inputs;
  std::optional<BuildCache::Entry> cached;
};

struct Sources {
  std::vector<Source> files;
  std::string missing;
  std::string refused;
};

Sources read_sources(const Lab& lab, const fs::path& student_folder) {
  Sources result;
  const auto take = [&](const fs::path& folder, const std::string& name) {
    std::error_code error;
    if (!fs::exists(folder / name, error)) {
      if (result.missing.empty()) result.missing = name;
    } else if (!fs::is_regular_file(folder / name)) {
      result.refused = name + ": not a file";
    } else if (fs::file_size(folder / name) > most_source_bytes) {
      result.refused = fmt::format("{}: larger than {} KiB", name, most_source_bytes >> 10);
    } else {
      result.files.push_back({name, read_file(folder / name)});
    }
  };
  for (const std::string& name : lab.files) take(student_folder, name);
  for (const std::string& name : lab.given) take(lab.folder, name);
  return result;
}

/// An object depends on its own file, on every header of the lab, and on other units only when it includes
/// one.
std::string inputs_of(const Source& unit, const std::vector<Source>& all, const std::string& tools) {
  const bool includes_units = unit.text.find(".cc\"") != std::string::npos;
  std::string inputs = fmt::format("{}{}\n{}", tools, unit.name, unit.text);
  for (const Source& other : all) {
    if (&other == &unit || (other.is_unit() && !includes_units)) continue;
    inputs += fmt::format("\n{} {}\n{}", other.name, other.text.size(), other.text);
  }
  return inputs;
}

std::string shell_quote(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

std::string shell_command(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += shell_quote(word) + " ";
  return line;
}

// What the sandbox calls the folders of a submission. They lie over whatever the machine has of that name, so
// the name is one under which nobody keeps the course itself.
constexpr const char* inside_sources = "/wirelab-submission/src";
constexpr const char* inside_out = "/wirelab-submission/out";

std::vector<std::string> compile_command(const Toolchain& tools, const std::string& name,
                                         std::size_t number) {
  std::vector<std::string> command = {tools.compiler};
  command.insert(command.end(), tools.compile.begin(), tools.compile.end());
  command.insert(command.end(), {"-c", name, "-o", fmt::format("{}/{}.o", inside_out, number)});
  return command;
}

std::vector<std::string> link_command(const Toolchain& tools, std::size_t objects) {
  std::vector<std::string> command = tools.linker;
  for (std::size_t i = 0; i < objects; ++i) command.push_back(fmt::format("{}/{}.o", inside_out, i));
  command.push_back(tools.library.string());
  command.insert(command.end(), tools.link.begin(), tools.link.end());
  command.insert(command.end(), {"-o", std::string(inside_out) + "/program"});
  return command;
}

/// The script leaves N.log, N.status and N.o for each file it compiles, and link.log, link.status, program.
std::string build_script(const Toolchain& tools, const std::vector<Unit>& units) {
  std::string script = fmt::format("ulimit -S -v {}\nsum=0\n", most_memory >> 10);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].cached) continue;
    script += fmt::format("{} >{}/{}.log 2>&1 & p{}=$!\n",
                          shell_command(compile_command(tools, units[i].name, i)), inside_out, i, i);
  }
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!units[i].cached)
      script += fmt::format("wait $p{0}; s=$?; echo $s >{1}/{0}.status; sum=$((sum + s))\n", i, inside_out);
  }
  // The linker starts a thread for each processor, and address space for every one: only Limits::memory holds
  // for it.
  script += fmt::format(
      "[ $sum = 0 ] || exit 0\nulimit -S -v unlimited\n{0} >{1}/link.log 2>&1; echo $? >{1}/link.status\n",
      shell_command(link_command(tools, units.size())), inside_out);
  return script;
}

Sandbox build_sandbox(const Toolbox& toolbox, const Toolchain& tools, const fs::path& work) {
  Sandbox sandbox;
  sandbox.hostname = "compiler";
  sandbox.directory = inside_sources;
  // The precompiled header names the headers by the paths that they had outside.
  for (const fs::path& path :
       {toolbox.root / "common", tools.prelude, fs::path(tools.prelude).replace_extension(), tools.library}) {
    sandbox.binds.push_back({path, path, false});
  }
  sandbox.binds.push_back({work / "src", inside_sources, false});
  sandbox.binds.push_back({work / "out", inside_out, true});
  return sandbox;
}

std::string read_if_there(const fs::path& path) { return fs::exists(path) ? read_file(path) : std::string(); }

bool says_any(const std::string& log, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* word) { return log.find(word) != std::string::npos; });
}

/// What a compiler's exit status means beyond "there are errors in the file"; empty when there is nothing to
/// add. Clang is one process and is ended itself; of g++ a child is, and g++ says in words what ended it.
std::string explain_status(int status, const std::string& log) {
  const int signal = status > 128 ? status - 128 : 0;
  if (signal == SIGXCPU || signal == SIGKILL || says_any(log, {"CPU time limit exceeded", "Killed signal"})) {
    return fmt::format("the compiler was stopped after {} s: does a template or an #include never end?",
                       most_cpu.count());
  }
  if (says_any(log, {"out of memory", "bad_alloc", "std::length_error", "virtual memory exhausted"})) {
    return fmt::format("the compiler was stopped: it needed more than {} GiB of memory", most_memory >> 30);
  }
  if (signal == SIGXFSZ || says_any(log, {"File size limit exceeded"})) {
    return fmt::format("the compiler was stopped: it wrote more than {} MiB", most_file >> 20);
  }
  if (signal != 0) return fmt::format("the compiler crashed with signal {}", signal);
  return {};
}

struct StepResult {
  bool ok = false;
  std::string log;  ///< safe to print
};

/// A system header that was upgraded since the build, or a precompiled header that is not there, is the
/// grader's own trouble. Clang says so of no line of the student's: his own #error begins with the name of
/// his file.
void must_fit_prelude(const std::string& log) {
  if (log.starts_with("fatal error: file '") && says_any(log, {"since the precompiled header"}))
    throw std::runtime_error(
        "compile: the system's headers have changed since wirelab was built; run ./wirelab again");
  if (log.starts_with("error: unable to read PCH file '"))
    throw std::runtime_error("compile: " + log.substr(0, log.find('\n')));
}

/// What came of compiling one file or of linking; `stem` names the log and the status in the output folder.
StepResult step_result(const fs::path& out, const std::string& stem, const std::string& what) {
  const std::string status_text = read_if_there(out / (stem + ".status"));
  const std::string raw = read_if_there(out / (stem + ".log"));
  const int status = status_text.empty() ? -1 : std::atoi(status_text.c_str());
  must_fit_prelude(raw);
  StepResult result{status == 0, printable(raw, most_diagnostics)};
  const std::string explanation = status > 0 ? explain_status(status, raw) : std::string();
  // A crashed compiler fills a screen with its own stack, which helps nobody who is learning.
  if (!explanation.empty()) result.log = fmt::format("{}: {}\n", what, explanation);
  return result;
}

void stage(const fs::path& work, const std::vector<Source>& sources, const std::vector<Unit>& units) {
  fs::create_directory(work / "src");
  fs::create_directory(work / "out");
  for (const Source& source : sources) write_file(work / "src" / source.name, source.text);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].cached) place_file(units[i].cached->product, work / "out" / fmt::format("{}.o", i));
  }
}

/// Runs the script in the sandbox. What it says if it had to be stopped as a whole.
std::string run_script(const Sandbox& sandbox, const std::string& script, Build& build) {
  Limits limits;
  limits.cpu = most_cpu;
  limits.memory = 3 * most_memory;  // of all compilers together
  limits.processes = 256;
  limits.file_size = most_file;
  const RunResult run = run_sandboxed(sandbox, {"/bin/sh", "-c", script}, limits, patience);
  build.cpu_seconds = run.cpu_seconds;
  if (run.ok()) return {};
  // ... the compiler waits for something that never comes, or the machine has no time for it. Which of them
  // is not known, so it is not held against the student.
  if (run.exit.reason == Exit::Reason::time_limit) {
    throw std::runtime_error(fmt::format("run the compiler: no end after {} s, of which it computed {:.1f} s",
                                         patience.count(), run.cpu_seconds));
  }
  if (run.exit.reason == Exit::Reason::memory_limit)
    return fmt::format("it needed more than {} GiB of memory", limits.memory >> 30);
  throw std::runtime_error(
      fmt::format("run the compiler: {}: {}", run.exit.to_string(), printable(run.errors, 1000)));
}

/// Takes the results of the script: diagnostics, objects for the cache. True when all files compiled.
bool collect_objects(const fs::path& out, const std::vector<Unit>& units, const BuildCache& cache,
                     Build& build) {
  bool all = true;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].cached) {
      build.diagnostics += units[i].cached->log;
      continue;
    }
    const StepResult compiled = step_result(out, std::to_string(i), units[i].name);
    build.diagnostics += compiled.log;
    if (compiled.ok) cache.store(units[i].inputs, out / fmt::format("{}.o", i), compiled.log);
    all = all && compiled.ok;
  }
  return all;
}

std::vector<Unit> units_of(const std::vector<Source>& sources, const std::string& tools,
                           const BuildCache& cache) {
  std::vector<Unit> units;
  for (const Source& source : sources) {
    if (!source.is_unit()) continue;
    std::string inputs = inputs_of(source, sources, tools);
    auto cached = cache.find(inputs);
    units.push_back({source.name, std::move(inputs), std::move(cached)});
  }
  return units;
}

void finish(Build& build, const fs::path& product, const fs::path& output) {
  place_file(product, output);
  build.ok = true;
  build.program = output;
}

}  // namespace

Toolbox Toolbox::locate() {
  Toolbox toolbox;
  if (const char* build = std::getenv("WIRELAB_BUILD")) {
    toolbox.build = build;
  } else {
    toolbox.build = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  }
  toolbox.root = Toolchain::load(toolbox.build).root;
  return toolbox;
}

fs::path Toolbox::check_executable(const Lab& lab) const { return build / "bin" / ("check-" + lab.id()); }

Build build_program(const Toolbox& toolbox, const Lab& lab, const fs::path& sources, const fs::path& output,
                    const fs::path& cache_folder) {
  return build_program(toolbox, lab, sources, output, cache_folder, Toolchain::load(toolbox.build));
}

Build build_program(const Toolbox& toolbox, const Lab& lab, const fs::path& sources, const fs::path& output,
                    const fs::path& cache_folder, const Toolchain& tools) {
  Build build;
  const Sources read = read_sources(lab, sources);
  build.missing = read.missing;
  build.diagnostics = read.refused.empty() ? "" : printable(read.refused) + "\n";
  if (!read.missing.empty() || !read.refused.empty()) return build;

  const BuildCache cache(cache_folder);
  const std::vector<Unit> units = units_of(read.files, tools.stamp() + "\n", cache);
  std::string program_inputs = "program\n";
  for (const Unit& unit : units) program_inputs += unit.inputs;
  if (const auto whole = cache.find(program_inputs)) {
    build.diagnostics = whole->log;
    finish(build, whole->product, output);
    return build;
  }

  const TemporaryFolder work(cache_folder);
  const fs::path out = work.path() / "out";
  stage(work.path(), read.files, units);
  const std::string stopped =
      run_script(build_sandbox(toolbox, tools, work.path()), build_script(tools, units), build);
  if (!stopped.empty()) {
    build.diagnostics = fmt::format("the compiler was stopped: {}\n", stopped);
    return build;
  }
  if (!collect_objects(out, units, cache, build)) return build;
  const StepResult linked = step_result(out, "link", "linking");
  build.diagnostics += linked.log;
  if (!linked.ok) return build;
  cache.store(program_inputs, out / "program", build.diagnostics);
  finish(build, out / "program", output);
  return build;
}

}  // namespace wirelab
