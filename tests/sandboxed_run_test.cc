#include "grader/program/sandboxed_run.hh"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "common/descriptor.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Reason = Exit::Reason;

constexpr std::chrono::milliseconds very_long = 100s;

class SandboxedRun : public testing::Test {
 protected:
  SandboxedRun() {
    std::string pattern = "/tmp/wirelab-run-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    fs::permissions(folder_, fs::perms(0755));
    sandbox_.binds = {{fs::read_symlink("/proc/self/exe").parent_path() / "subject", "/subject", false}};
  }
  ~SandboxedRun() override { fs::remove_all(folder_); }

  RunResult run(const std::vector<std::string>& command, std::chrono::milliseconds longest = very_long,
                std::string input = {}, int input_fd = -1) {
    return run_sandboxed(sandbox_, command, limits_, longest, std::move(input), input_fd);
  }
  RunResult shell(const std::string& script) { return run({"/bin/sh", "-c", script}); }

  Sandbox sandbox_;
  Limits limits_;
  fs::path folder_;
};

TEST_F(SandboxedRun, tells_outputs_and_status) {
  const RunResult result = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit.code, 3);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST_F(SandboxedRun, input_is_bytes_or_a_file) {
  EXPECT_EQ(run({"cat"}, very_long, "bytes").output, "bytes");
  std::ofstream(folder_ / "file") << "a file";
  const Descriptor fd(open((folder_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(run({"cat"}, very_long, {}, fd.get()).output, "a file");
}

TEST_F(SandboxedRun, command_is_nobody_and_sees_no_network) {
  const std::string identity = run({"/subject", "identity"}).output;
  EXPECT_THAT(identity, HasSubstr("uid 1000 1000\n"));
  EXPECT_THAT(identity, HasSubstr("capabilities 0\n"));
  EXPECT_THAT(identity, HasSubstr("no_new_privs 1\n"));
  EXPECT_THAT(shell("cat /proc/net/route /proc/net/fib_trie").output, Not(HasSubstr("32 host")));
  EXPECT_THAT(run({"/subject", "break-out"}).output, Not(HasSubstr(" ok")));
  EXPECT_EQ(run({"/subject", "descriptors"}).output, "0 1 2 \n");
}

TEST_F(SandboxedRun, result_can_be_written_where_that_is_allowed) {
  sandbox_.binds.push_back({folder_, "/result", true});
  EXPECT_TRUE(shell("echo made > /result/file && cat /result/file").ok());
  std::stringstream text;
  text << std::ifstream(folder_ / "file").rdbuf();
  EXPECT_EQ(text.str(), "made\n");
}

TEST_F(SandboxedRun, bound_things_below_a_private_folder_can_be_read) {
  fs::create_directories(folder_ / "private" / "given");
  std::ofstream(folder_ / "private" / "given" / "file") << "text";
  fs::permissions(folder_ / "private", fs::perms(0700));
  sandbox_.binds.push_back({folder_ / "private" / "given", "/given", false});
  EXPECT_EQ(shell("cat /given/file").output, "text");
}

TEST_F(SandboxedRun, command_that_takes_too_long_is_stopped_with_its_children) {
  const RunResult result = run({"/bin/sh", "-c", "/subject daemons stay & /subject sleep & wait"}, 100ms);
  EXPECT_EQ(result.exit.reason, Reason::time_limit);
  EXPECT_EQ(result.exit.to_string(), "stopped: it took too long");
}

TEST_F(SandboxedRun, flood_is_stopped) {
  limits_.output = 5000;
  const RunResult result = run({"/subject", "flood"});
  EXPECT_EQ(result.exit.reason, Reason::output_limit);
  EXPECT_EQ(result.output.size(), 5000u);
}

TEST_F(SandboxedRun, processor_time_of_children_counts) {
  limits_.cpu = 1s;
  const RunResult result = run({"/bin/sh", "-c", "/subject spin; exit 0"});
  EXPECT_TRUE(result.ok());
  EXPECT_GE(result.cpu_seconds, 0.5) << "the kernel enforces the limit by ticks, and counts exactly";
}

TEST_F(SandboxedRun, several_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i, &good] {
      for (int round = 0; round < 5; ++round) {
        const std::string text = std::to_string(i) + "." + std::to_string(round);
        good += run({"echo", "-n", text}).output == text;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

TEST_F(SandboxedRun, sandbox_that_cannot_be_built_is_an_error) {
  sandbox_.binds.push_back({"/nosuch/thing", "/x", false});
  EXPECT_THROW(shell("true"), std::runtime_error);
}

bool all_descendants_end() {
  for (int i = 0; i < 100'000; ++i, usleep(1000)) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
  }
  return false;
}

TEST_F(SandboxedRun, nothing_survives_a_caller_that_is_killed_at_any_moment) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  const auto run_for_ever = [this]() noexcept {
    for (;;) run({"/subject", "daemons", "stay"});
  };
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 50; ++round) {
    const pid_t caller = fork();
    if (caller == 0) run_for_ever();
    usleep(static_cast<useconds_t>(std::uniform_int_distribution(0, 10'000)(random)));
    kill(caller, SIGKILL);
    ASSERT_TRUE(all_descendants_end()) << "in round " << round;
  }
}

}  // namespace
}  // namespace wirelab
