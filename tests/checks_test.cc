// What comes of a check: verdicts, their JSON, the runner that forks one process for each.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "grader/checks/compare.hh"
#include "grader/checks/story.hh"
#include "grader/checks/verdict.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

/// The executable of sample_checks.cc, which lies beside this one.
fs::path sample() { return fs::read_symlink("/proc/self/exe").parent_path() / "check-sample"; }

struct RunOfSample {
  std::map<std::string, Verdict> verdicts;
  int status = -1;
};

RunOfSample run_sample(const std::string& options, const std::string& program = "cat") {
  const std::string command = sample().string() + " " + options + " -- " + program;
  RunOfSample result;
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  for (std::size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, count);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (!json.contains("started")) result.verdicts[json.at("check")] = json.get<Verdict>();
  }
  return result;
}

TEST(Runner, gives_one_verdict_for_each_check_however_it_ends) {
  const auto [verdicts, status] = run_sample("--only '[!h]*'");  // all but those with a test of their own
  EXPECT_EQ(verdicts.size(), 10u);
  EXPECT_EQ(status, 1);
  EXPECT_EQ(verdicts.at("passes").outcome, Outcome::passed);
  EXPECT_EQ(verdicts.at("gives_the_program_files").outcome, Outcome::passed);
  EXPECT_EQ(verdicts.at("fails_an_expectation").outcome, Outcome::failed);
  EXPECT_EQ(verdicts.at("fails_a_plain_assertion").outcome, Outcome::failed);
  EXPECT_THAT(verdicts.at("fails_a_plain_assertion").actual, HasSubstr("1 + 1"));
  EXPECT_EQ(verdicts.at("meets_trouble_of_the_grader").outcome, Outcome::inconclusive);
  EXPECT_EQ(verdicts.at("meets_trouble_of_the_grader").reason, "the cable broke");
  EXPECT_EQ(verdicts.at("cannot_judge_while_busy").outcome, Outcome::inconclusive);
  EXPECT_EQ(verdicts.at("breaks_down").outcome, Outcome::inconclusive);
  EXPECT_THAT(verdicts.at("breaks_down").reason, HasSubstr("Killed"));
}

TEST(Runner, exit_status_tells_passed_failed_and_inconclusive) {
  EXPECT_EQ(run_sample("--only passes").status, 0);
  EXPECT_EQ(run_sample("--only passes --only draws").status, 1);
  EXPECT_EQ(run_sample("--only passes --only breaks_down").status, 2);
}

TEST(Runner, runs_again_what_was_inconclusive_because_the_machine_was_busy) {
  FILE* pipe = popen((sample().string() + " --only 'cannot*' -- cat").c_str(), "r");
  char line[65536];
  int started = 0;
  while (fgets(line, sizeof line, pipe) != nullptr) {
    if (std::string_view(line).find("started") != std::string_view::npos) ++started;
  }
  pclose(pipe);
  EXPECT_EQ(started, 3);
}

TEST(Runner, a_program_that_the_kernel_held_up_is_not_failed_but_tried_again) {
  const std::string subject = sample().parent_path() / "subject";
  const auto verdict_on = [&](const std::string& program) {
    return run_sample("--only 'has_no_patience*'", subject + " " + program)
        .verdicts.at("has_no_patience_with_the_program");
  };
  const Verdict held_up = verdict_on("be-held-up 1800");  // still, when it is given up
  EXPECT_EQ(held_up.outcome, Outcome::inconclusive);
  EXPECT_THAT(held_up.reason, HasSubstr("kernel kept the program waiting"));
  EXPECT_TRUE(held_up.worth_retrying);
  EXPECT_EQ(verdict_on("be-held-up 300").outcome, Outcome::passed);
  EXPECT_EQ(verdict_on("sleep").outcome, Outcome::failed);  // waits of its own accord
}

TEST(Runner, a_program_is_not_failed_though_the_kernel_let_it_go_at_last) {
  const std::string subject = sample().parent_path() / "subject";
  const auto verdicts = run_sample("--only 'has_no_patience*'", subject + " be-held-up 700 1000").verdicts;
  EXPECT_EQ(verdicts.at("has_no_patience_with_the_program").outcome, Outcome::inconclusive);
}

TEST(Runner, draws_the_same_for_the_same_seed) {
  const auto drawn = [](const std::string& seed) {
    return run_sample("--only draws --seed " + seed).verdicts.at("draws").step;
  };
  EXPECT_EQ(drawn("5"), drawn("5"));
  EXPECT_NE(drawn("5"), drawn("6"));
}

TEST(Runner, a_failure_tells_its_step_what_was_expected_what_came_and_why) {
  const Verdict verdict = run_sample("--only fails_an_expectation").verdicts.at("fails_an_expectation");
  EXPECT_EQ(verdict.step, "client: it prints \"green\" on standard output, and nothing else");
  EXPECT_EQ(verdict.expected, "\"green\" on standard output");
  EXPECT_THAT(verdict.actual, HasSubstr("byte 1 is 0x1b, not 0x67 'g'"));
  EXPECT_EQ(verdict.cause, "the wrong colour");
  // What the program printed is safe to show.
  EXPECT_THAT(verdict.programs.at(0).output,
              AllOf(HasSubstr("\\x1b[31mred"), HasSubstr("\\xff"), Not(HasSubstr("\x1b"))));
}

TEST(Runner, what_a_program_does_after_the_outcome_is_known_is_not_told) {
  const Verdict verdict =
      run_sample("--only fails_before_the_program_ends").verdicts.at("fails_before_the_program_ends");
  EXPECT_EQ(verdict.outcome, Outcome::failed);
  EXPECT_EQ(verdict.programs.at(0).end, "still running");
}

TEST(Runner, nobody_is_waited_for_once_all_programs_have_ended) {
  const Verdict verdict = run_sample("--only 'waits*'").verdicts.at("waits_for_nobody_once_all_have_ended");
  EXPECT_EQ(verdict.outcome, Outcome::failed);
  EXPECT_LT(verdict.seconds, 4);  // not the 8 s that a datagram may take
  EXPECT_THAT(verdict.actual, HasSubstr("on host client the program ended: exit status 0"));
}

TEST(Runner, a_program_that_ends_with_an_error_before_it_sends_anything_is_told_so_first) {
  const auto cause_with = [&](const std::string& program) {
    return run_sample("--only 'waits*'", program).verdicts.at("waits_for_nobody_once_all_have_ended").cause;
  };
  EXPECT_THAT(cause_with("false"), HasSubstr("ended with exit status 1 before it sent anything"));
  EXPECT_EQ(cause_with("true"), "");
}

/// What a story that fails says where the machine did this to a program.
Verdict failed_while(Story::Cast cast) {
  Story story;
  story.set_cast(std::move(cast));
  try {
    story.fail("an answer", "none");
  } catch (const Story::Failed&) {
  } catch (const Story::CannotJudge&) {
  }
  return story.verdict();
}

TEST(Story, a_program_without_a_processor_for_two_seconds_is_not_judged) {
  EXPECT_EQ(failed_while({.starved = [] { return 1900ms; }}).outcome, Outcome::failed);
  const Verdict starved = failed_while({.starved = [] { return 2100ms; }});
  EXPECT_EQ(starved.outcome, Outcome::inconclusive);
  EXPECT_EQ(starved.reason, "the machine kept the program waiting for a processor for 2.1 s");
  EXPECT_TRUE(starved.worth_retrying);
}

TEST(Story, a_program_that_the_kernel_kept_waiting_is_not_judged) {
  EXPECT_EQ(failed_while({.held_up = [] { return 150ms; }}).outcome, Outcome::failed);
  EXPECT_EQ(failed_while({.held_up = [] { return 250ms; }}).outcome, Outcome::inconclusive);
}

TEST(Runner, evidence_holds_capture_outputs_and_verdict_and_that_of_passed_checks_when_asked) {
  const TemporaryFolder folder(fs::temp_directory_path());
  run_sample("--only passes --only draws --evidence " + folder.path().string());
  EXPECT_FALSE(fs::exists(folder.path() / "passes"));
  EXPECT_TRUE(fs::exists(folder.path() / "draws" / "verdict.json"));
  run_sample("--only passes --keep-passed --evidence " + folder.path().string());
  EXPECT_GT(fs::file_size(folder.path() / "passes" / "wire.pcap"), 24u);
  std::ifstream output(folder.path() / "passes" / "1-client.stdout");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(output), {}), "hello\n");
  std::ifstream json(folder.path() / "passes" / "verdict.json");
  const Verdict verdict = nlohmann::json::parse(json).get<Verdict>();
  EXPECT_THAT(verdict.frames,
              Contains(testing::Field(&FrameRecord::summary, "UDP 10.5.0.1:4000 > 10.5.0.2:1060, 10 bytes")));
}

TEST(Runner, evidence_holds_the_files_that_programs_were_given) {
  const TemporaryFolder folder(fs::temp_directory_path());
  run_sample("--only gives_the_program_files --keep-passed --evidence " + folder.path().string());
  EXPECT_EQ(fs::file_size(folder.path() / "gives_the_program_files" / "file"), 16u);
}

TEST(Runner, a_command_that_is_not_there_is_named) {
  const std::string command = sample().string() + " -- no-such-program 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  char line[4096] = "";
  EXPECT_NE(fgets(line, sizeof line, pipe), nullptr);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 2);
  EXPECT_THAT(line, HasSubstr("no-such-program: No such file or directory"));
}

/// The processes of this machine whose command line mentions `text`.
std::set<pid_t> processes_with(const std::string& text) {
  std::set<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::string line;
    std::getline(file, line);  // of a process that has just ended there is none
    if (line.find(text) != std::string::npos) found.insert(std::atoi(entry.path().filename().c_str()));
  }
  found.erase(getpid());
  found.erase(0);
  return found;
}

TEST(Runner, killed_at_any_moment_it_leaves_no_process_behind) {
  for (int attempt = 0; attempt < 12; ++attempt) {
    const std::string mark = "wirelab-mark-" + std::to_string(getpid()) + "-" + std::to_string(attempt);
    const pid_t runner = fork();
    if (runner == 0) {
      const int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDOUT_FILENO);
      execl(sample().c_str(), "check-sample", "--only", "hangs", "--only", "passes", "--", "sh", "-c",
            "sleep 100; :", mark.c_str(), nullptr);
      _exit(127);
    }
    std::this_thread::sleep_for(attempt * 7ms);
    if (attempt > 6) {        // late enough for the program itself to be there
      std::size_t there = 0;  // at last more than runner, check, bubblewrap, launcher
      for (int i = 0; i < 1000 && there < 5; ++i) {
        if (i > 0) std::this_thread::sleep_for(10ms);
        there = processes_with(mark).size();
      }
      EXPECT_GE(there, 5u);
    }
    kill(runner, SIGKILL);
    waitpid(runner, nullptr, 0);
    std::set<pid_t> left = processes_with(mark);
    for (int i = 0; i < 500 && !left.empty(); ++i) {  // the kernel tells the children in its own time
      std::this_thread::sleep_for(10ms);
      left = processes_with(mark);
    }
    EXPECT_THAT(left, IsEmpty()) << "after " << attempt * 7 << " ms";
  }
}

TEST(Verdicts, survive_the_way_through_json) {
  Verdict verdict{.check = "c", .outcome = Outcome::failed, .seconds = 1.5, .seed = 1ull << 63};
  verdict.steps = {{0.25, "a step"}};
  verdict.programs = {{"client", "p", "out", "err", "exit status 1"}};
  verdict.frames = {{1, 2, "wire", "a", "b", "UDP", "lost", true}};
  const auto again = nlohmann::json::parse(nlohmann::json(verdict).dump()).get<Verdict>();
  EXPECT_EQ(nlohmann::json(again), nlohmann::json(verdict));
  EXPECT_EQ(again.seed, 1ull << 63);
}

TEST(Verdicts, a_word_that_is_no_outcome_is_refused) {
  nlohmann::json json = Verdict{};
  json["verdict"] = "passd";
  EXPECT_THROW((void)json.get<Verdict>(), std::runtime_error);
}

TEST(Printable, keeps_text_and_escapes_what_could_harm) {
  EXPECT_EQ(printable("plain\n\ttext"), "plain\n\ttext");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f, \xe4\xbd\xa0"), "gr\xc3\xbc\xc3\x9f, \xe4\xbd\xa0");
  EXPECT_EQ(printable("\x1b]0;title\x07\r"), "\\x1b]0;title\\x07\\x0d");
  EXPECT_EQ(printable("\xff\xc0\xaf"), "\\xff\\xc0\\xaf");  // not UTF-8; an overlong slash
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // CSI as one character
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // turns the direction of text
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("0123456789", 4), "0123\n... and 6 more bytes");
  EXPECT_NO_THROW((void)nlohmann::json(printable("\xf0\x9f\x98")).dump());
}

TEST(Compare, tells_where_bytes_part) {
  EXPECT_THAT(difference("hello", ""), HasSubstr("nothing"));
  EXPECT_THAT(difference("hello", "hel"), HasSubstr("first 3 of 5"));
  EXPECT_THAT(difference("hello", "hexlo"), HasSubstr("byte 3 is 0x78 'x', not 0x6c 'l'"));
  EXPECT_THAT(difference("hello", "hello!"), HasSubstr("1 bytes more"));
  EXPECT_EQ(describe("hi"), "\"hi\"");
  EXPECT_EQ(describe("hi\n"), "\"hi\\n\"");
  EXPECT_THAT(difference("one\n", "two\n"), HasSubstr("\"two\\n\" came"));
  EXPECT_EQ(describe(std::string(3, '\0')), "3 bytes");
}

}  // namespace
}  // namespace wirelab
