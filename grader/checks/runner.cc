#include "grader/checks/runner.hh"

#include <fcntl.h>
#include <fnmatch.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <tuple>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/program/binds.hh"
#include "grader/program/syscall_filter.hh"

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds longest_check{90};  // far beyond the sum of what any check waits for
constexpr unsigned most_tries = 3;
constexpr unsigned default_jobs = 16;  // most of a check's time is waiting

CheckSettings settings;

/// A test of this executable.
struct Test {
  std::string suite;
  std::string name;
  unsigned tries = 0;

  [[nodiscard]] bool wants_to_be_alone() const { return suite.ends_with("Alone") || tries > 0; }
};

/// A check process at work.
struct Running {
  Test test;
  pid_t pid;
  Descriptor pipe;  // its verdict comes here
  std::string said;
  Clock::time_point deadline;
  std::optional<int> status = {};  ///< as wait(2) told it, once the process has ended
};

Verdict inconclusive(const Test& test, const std::string& reason, bool worth_retrying = false) {
  Verdict verdict{.check = test.name, .outcome = Outcome::inconclusive, .seed = settings.seed};
  verdict.worth_retrying = worth_retrying;
  verdict.reason = printable(reason, 4000);
  return verdict;
}

/// Runs the body of one test in this process. Whatever ends it, a verdict comes of it.
Verdict judge(const Test& test) {
  std::string trouble;
  bool worth_retrying = false;
  try {
    enter_private_world();
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of credentials, which clears it: prctl(2)
    GTEST_FLAG_SET(filter, test.suite + "." + test.name);
    std::ignore = RUN_ALL_TESTS();  // the fixture tells how it went
    if (Check::concluded()) return *Check::concluded();
    trouble = "the check did not run";
  } catch (const Story::Failed&) {
  } catch (const Story::CannotJudge&) {
  } catch (const KernelBusy& error) {
    trouble = error.what();
    worth_retrying = true;
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  if (Check::current() == nullptr) return inconclusive(test, trouble, worth_retrying);
  try {
    Verdict verdict = Check::current()->conclude();
    if (trouble.empty()) return verdict;
    verdict.outcome = Outcome::inconclusive;
    verdict.reason = printable(trouble, 4000);
    verdict.worth_retrying = worth_retrying;
    return verdict;
  } catch (const std::exception& error) {
    return inconclusive(test, error.what());
  }
}

/// How a check's process tells its verdict: a letter, which is all that the schedule needs to know, and the
/// line that is handed on as it is. Some verdicts hold hundreds of frames, and nobody need read them here.
constexpr char passed = 'p', failed = 'f', undecided = 'i', worth_retrying = 'r';

std::string message_of(const Verdict& verdict) {
  const char letter = verdict.worth_retrying               ? worth_retrying
                      : verdict.outcome == Outcome::passed ? passed
                      : verdict.outcome == Outcome::failed ? failed
                                                           : undecided;
  return letter + nlohmann::json(verdict).dump() + "\n";
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR) return;  // the reader is gone: nobody is left to tell
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

Running start(Test test) {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  Descriptor read_end(ends[0]), write_end(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = must(fork(), "fork", "check " + test.name);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(2);
    write_all(write_end.get(), message_of(judge(test)));
    // No destructors: the kernel tears the network down, and nobody need wait for it.
    _exit(0);
  }
  return {std::move(test), pid, std::move(read_end), "", Clock::now() + longest_check};
}

/// Reads what is there. True when the check has said all it will.
bool read_some(Running& one) {
  std::array<char, 65536> buffer;
  const ssize_t count = read(one.pipe.get(), buffer.data(), buffer.size());
  if (count > 0) one.said.append(buffer.data(), static_cast<std::size_t>(count));
  return count <= 0 || one.said.ends_with('\n');
}

std::string message_from(const Running& one) {
  if (one.said.ends_with('\n')) return one.said;
  int status = one.status.value_or(0);
  if (!one.status) {
    kill(one.pid, SIGKILL);
    waitpid(one.pid, &status, 0);
  }
  const bool late = Clock::now() >= one.deadline;
  return message_of(inconclusive(
      one.test, late ? "the check itself did not come to an end"
                     : "the check itself broke down: " + std::string(strsignal(WTERMSIG(status)))));
}

/// Every chosen test, several at once, those that want to be alone at the end.
class Schedule {
 public:
  Schedule(std::deque<Test> tests, unsigned jobs) : waiting_(std::move(tests)), jobs_(jobs) {
    std::ranges::stable_partition(waiting_, [](const Test& one) { return !one.wants_to_be_alone(); });
  }

  int run() {
    while (!waiting_.empty() || !running_.empty()) {
      while (may_start()) start_next();
      wait();
    }
    return failed_ > 0 ? 1 : inconclusive_ > 0 ? 2 : 0;
  }

 private:
  bool may_start() const {
    if (waiting_.empty()) return false;
    if (waiting_.front().wants_to_be_alone()) return running_.empty();
    return running_.size() < jobs_ && (running_.empty() || !running_.front().test.wants_to_be_alone());
  }

  void start_next() {
    write_all(STDOUT_FILENO, nlohmann::json({{"started", waiting_.front().name}}).dump() + "\n");
    running_.push_back(start(std::move(waiting_.front())));
    waiting_.pop_front();
  }

  void wait() {
    std::vector<pollfd> ready;
    auto next = Clock::time_point::max();
    for (const Running& one : running_) {
      ready.push_back({one.pipe.get(), POLLIN, 0});
      next = std::min(next, one.deadline);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    poll(ready.data(), ready.size(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
    for (std::size_t i = ready.size(); i-- > 0;) {
      const bool over = Clock::now() >= running_[i].deadline;
      if (over || (ready[i].revents != 0 && read_some(running_[i]))) finish(i);
    }
    reap();
  }

  /// Collects the dead. Of one that has not said its verdict, how it ended is part of it.
  void reap() {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      const auto one = std::ranges::find(running_, pid, &Running::pid);
      if (one != running_.end()) one->status = status;
    }
  }

  void finish(std::size_t i) {
    const Running done = std::move(running_[i]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    const std::string message = message_from(done);
    const char letter = message.front();
    if (letter == worth_retrying && done.test.tries + 1 < most_tries) {
      waiting_.push_back({done.test.suite, done.test.name, done.test.tries + 1});
      return;
    }
    if (letter == failed) ++failed_;
    if (letter == undecided || letter == worth_retrying) ++inconclusive_;
    write_all(STDOUT_FILENO, std::string_view(message).substr(1));
  }

  std::deque<Test> waiting_;
  std::vector<Running> running_;
  unsigned jobs_;
  unsigned failed_ = 0;
  unsigned inconclusive_ = 0;
};

std::deque<Test> choose(const std::vector<std::string>& globs) {
  std::deque<Test> chosen;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const Test test{suite.name(), suite.GetTestInfo(j)->name()};
      const bool wanted = globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) {
                            return fnmatch(glob.c_str(), test.name.c_str(), 0) == 0;
                          });
      if (wanted) chosen.push_back(test);
    }
  }
  return chosen;
}

void set_up_googletest() {
  int count = 1;
  char name[] = "check";
  char* arguments[] = {name, nullptr};
  testing::InitGoogleTest(&count, arguments);
  GTEST_FLAG_SET(catch_exceptions, false);  // `judge` tells the kinds of trouble apart
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());  // standard output is for verdicts
}

}  // namespace

const CheckSettings& check_settings() { return settings; }

int run_checks_main(int argc, char** argv) {
  CLI::App app{"Checks one program, and prints a verdict for each check as a line of JSON."};
  std::vector<std::string> globs;
  unsigned jobs = default_jobs;
  bool list = false;
  settings.seed = std::random_device{}();
  app.add_option("--evidence", settings.evidence,
                 "keep captures and transcripts of failed checks in this folder");
  app.add_flag("--keep-passed", settings.keep_passed, "keep those of passed checks as well");
  app.add_option("--seed", settings.seed, "draw the same values as an earlier run");
  app.add_option("--jobs", jobs, "checks at once")->check(CLI::Range(1, 1000));
  app.add_option("--only", globs, "checks whose name matches this glob; may be given several times");
  app.add_flag("--list", list, "print the names of the checks");
  app.footer("After -- follows the command of the program to check.");
  char** const end = argv + argc;
  char** const dashes = std::find(argv, end, std::string_view("--"));  // what follows is not ours to read
  if (dashes != end) settings.subject.command.assign(dashes + 1, end);
  CLI11_PARSE(app, static_cast<int>(dashes - argv), argv);

  set_up_googletest();
  if (list) {
    for (const Test& test : choose(globs)) std::puts(test.name.c_str());
    return 0;
  }
  try {
    if (settings.subject.command.empty()) throw std::runtime_error("the program to check is missing");
    if (!settings.evidence.empty()) settings.evidence = std::filesystem::absolute(settings.evidence);
    settings.subject.binds = binds_for_command(settings.subject.command);
    std::ignore = make_syscall_filter({});  // the first takes six times as long as all later ones
    return Schedule(choose(globs), jobs).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check: %s\n", error.what());
    return 2;
  }
}

}  // namespace wirelab
