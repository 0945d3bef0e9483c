#include "grader/course/check_run.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "common/descriptor.hh"
#include "common/error.hh"

namespace wirelab {
namespace {

constexpr std::size_t most_complaints = 4096;  // bytes kept of the executable's standard error

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Pipe make_pipe() {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

bool matches(const std::string& name, const std::string& glob) {
  return fnmatch(glob.c_str(), name.c_str(), 0) == 0;
}

std::vector<std::string> command_line(const std::filesystem::path& executable, const CheckOptions& options) {
  const std::uint64_t seed = options.seed ? *options.seed : std::random_device{}();
  std::vector<std::string> words = {executable.string(), "--seed", std::to_string(seed)};
  if (!options.evidence.empty()) words.insert(words.end(), {"--evidence", options.evidence.string()});
  if (!options.evidence.empty() && options.evidence_of_passed) words.emplace_back("--keep-passed");
  if (options.jobs > 0) words.insert(words.end(), {"--jobs", std::to_string(options.jobs)});
  for (const std::string& glob : options.only) words.insert(words.end(), {"--only", glob});
  words.emplace_back("--");
  words.insert(words.end(), options.command.begin(), options.command.end());
  return words;
}

/// The check executable while it runs. It is told to die with the thread that started it.
class Executable {
 public:
  explicit Executable(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (access(arguments[0], X_OK) != 0) throw_errno("start", words[0]);
    Pipe verdicts = make_pipe();
    Pipe complaints = make_pipe();
    const Descriptor nothing(must(open("/dev/null", O_RDONLY | O_CLOEXEC), "open", "/dev/null"));
    const pid_t parent = getpid();
    pid_ = must(fork(), "fork");
    if (pid_ == 0) {
      // Other threads may hold any lock now: system calls only.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(127);
      dup2(nothing.get(), STDIN_FILENO);
      dup2(verdicts.write_end.get(), STDOUT_FILENO);
      dup2(complaints.write_end.get(), STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    verdicts_ = std::move(verdicts.read_end);
    complaints_ = std::move(complaints.read_end);
  }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;
  ~Executable() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    wait();
  }

  /// Hands on each line of standard output until the executable closes it.
  void read_lines(const std::function<void(std::string_view)>& on_line) {
    std::string pending;
    while (verdicts_) {
      std::array<pollfd, 2> ready = {{{verdicts_.get(), POLLIN, 0}, {complaints_.get(), POLLIN, 0}}};
      if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) throw_errno("poll", "the checks");
      if (ready[1].revents != 0) take(complaints_, complained_);
      if (complained_.size() > most_complaints) complained_.erase(0, complained_.size() - most_complaints);
      if (ready[0].revents != 0) take(verdicts_, pending);
      for (auto end = pending.find('\n'); end != pending.npos; end = pending.find('\n')) {
        on_line(std::string_view(pending).substr(0, end));
        pending.erase(0, end + 1);
      }
    }
  }

  /// How it ended, with what it complained of last: "ended with status 1: ...".
  std::string ending() {
    const int status = wait();
    const std::string how = WIFSIGNALED(status) ? fmt::format("was killed by signal {}", WTERMSIG(status))
                                                : fmt::format("ended with status {}", WEXITSTATUS(status));
    return complained_.empty() ? how : how + ": " + printable(complained_, most_complaints);
  }

 private:
  static void take(Descriptor& from, std::string& into) {
    std::array<char, 65536> part;
    const ssize_t got = read(from.get(), part.data(), part.size());
    if (got > 0) into.append(part.data(), static_cast<std::size_t>(got));
    if (got == 0) from.reset();
  }

  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  Descriptor verdicts_;
  Descriptor complaints_;
  std::string complained_;
};

bool has_verdict(const std::vector<Verdict>& verdicts, const std::string& check) {
  return std::ranges::find(verdicts, check, &Verdict::check) != verdicts.end();
}

Verdict inconclusive(const CheckInfo& check, const std::string& reason) {
  Verdict verdict;
  verdict.check = check.name;
  verdict.reason = reason;
  return verdict;
}

}  // namespace

std::vector<const CheckInfo*> chosen_checks(const Lab& lab, const std::vector<std::string>& only) {
  for (const std::string& glob : only) {
    const bool some =
        std::ranges::any_of(lab.checks, [&](const CheckInfo& check) { return matches(check.name, glob); });
    if (some) continue;
    std::string names;
    for (const CheckInfo& check : lab.checks) names += (names.empty() ? "" : ", ") + check.name;
    throw std::invalid_argument(
        fmt::format("check {}: no such check in lab {} (there are {})", glob, lab.id(), names));
  }
  std::vector<const CheckInfo*> chosen;
  for (const CheckInfo& check : lab.checks) {
    const auto chooses = [&](const std::string& glob) { return matches(check.name, glob); };
    if (only.empty() || std::ranges::any_of(only, chooses)) chosen.push_back(&check);
  }
  return chosen;
}

std::vector<Verdict> run_checks(const Toolbox& toolbox, const Lab& lab, const CheckOptions& options,
                                const std::function<void(const Verdict&)>& on_verdict,
                                const std::function<void(const std::string&)>& on_started) {
  const auto chosen = chosen_checks(lab, options.only);
  Executable executable(command_line(toolbox.check_executable(lab), options));
  std::vector<Verdict> verdicts;
  const auto keep = [&](Verdict verdict) {
    if (on_verdict) on_verdict(verdict);
    verdicts.push_back(std::move(verdict));
  };
  executable.read_lines([&](std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return;  // stray output
    if (json.contains("started")) {
      if (on_started) on_started(json["started"].get<std::string>());
    } else if (Verdict verdict = json.get<Verdict>();
               lab.find_check(verdict.check) && !has_verdict(verdicts, verdict.check)) {
      keep(std::move(verdict));
    }
  });
  const std::string ending = executable.ending();
  for (const CheckInfo* check : chosen) {
    if (!has_verdict(verdicts, check->name)) keep(inconclusive(*check, "the check program " + ending));
  }
  return verdicts;
}

std::vector<Verdict> not_judged(const Lab& lab, const std::vector<std::string>& only,
                                const std::string& reason) {
  std::vector<Verdict> verdicts;
  for (const CheckInfo* check : chosen_checks(lab, only)) verdicts.push_back(inconclusive(*check, reason));
  return verdicts;
}

Score score(const Lab& lab, const std::vector<Verdict>& verdicts) {
  Score result;
  for (const Verdict& verdict : verdicts) {
    const CheckInfo* check = lab.find_check(verdict.check);
    if (!check) continue;
    result.most += check->points;
    result.failed += verdict.outcome == Outcome::failed;
    result.inconclusive += verdict.outcome == Outcome::inconclusive;
    if (verdict.outcome != Outcome::passed) continue;
    result.points += check->points;
    if (check->stretch) result.badges.push_back(check->badge);
  }
  return result;
}

/// The slide that explains a check; the handout, as long as the lab has no deck.
static std::string explained_in(const Lab& lab, const CheckInfo& check) {
  const std::filesystem::path root = lab.folder.parent_path().parent_path();
  if (std::filesystem::exists(root / lab.slides)) return check.slide;
  return fmt::format("labs/{}/README.md", lab.id());
}

Caption caption_of(const Lab& lab, const Verdict& verdict, const std::string& rerun) {
  Caption caption;
  caption.title = verdict.check;
  if (!rerun.empty())
    caption.rerun = fmt::format("{} --only {} --seed {}", rerun, verdict.check, verdict.seed);
  const CheckInfo* check = lab.find_check(verdict.check);
  if (!check) return caption;
  caption.title = check->title;
  caption.points = check->points;
  caption.badge = check->badge;
  caption.concept_name = check->concept_name;
  caption.slide = explained_in(lab, *check);
  return caption;
}

}  // namespace wirelab
