#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "grader/cli/words.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

struct Said {
  int status = -1;
  std::string output;  ///< both streams
};

/// Runs the command as a user would; `arguments` are a shell's.
Said wirelab(const std::string& arguments) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "wirelab";
  FILE* pipe = popen((program.string() + " " + arguments + " 2>&1").c_str(), "r");
  Said said;
  std::array<char, 4096> part;
  while (const std::size_t got = fread(part.data(), 1, part.size(), pipe))
    said.output.append(part.data(), got);
  const int status = pclose(pipe);
  said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return said;
}

/// Trouble is one line: thing, operation, reason; and exit status 2.
void expect_trouble(const std::string& arguments, const std::string& line) {
  const Said said = wirelab(arguments);
  EXPECT_EQ(said.status, 2) << arguments;
  EXPECT_EQ(said.output, "wirelab: " + line + "\n") << arguments;
}

TEST(CommandLine, trouble_is_one_line_with_status_2) {
  expect_trouble("check 99", "lab 99: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  expect_trouble("hint nosuch", "lab nosuch: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  expect_trouble("prove 3 99", "lab 99: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  expect_trouble("check 05 --only 'nosuch*'", "check nosuch*: no such check in lab 05-unreliable-udp");
  expect_trouble("check 05 --program nosuch", "find nosuch: No such file or directory");
  expect_trouble("check 05 --program ''", "the command is empty");
  expect_trouble("check 05 --program '\"x'", "a \" is not closed");
  expect_trouble("check --program true", "--program: name the one lab it is for");
  expect_trouble("check 05 --json /nonexistent/x.json",
                 "write /nonexistent/x.json: No such file or directory");
  expect_trouble("check 05 --json /", "write /: Is a directory");
  expect_trouble("prove 05 --json nosuch/x.json", "write nosuch/x.json: No such file or directory");
  expect_trouble("frobnicate", "The following argument was not expected: frobnicate; see ./wirelab --help");
  expect_trouble("show 05 nosuch", "check nosuch: no such check in lab 05-unreliable-udp");
}

TEST(CommandLine, wrong_options_are_refused) {
  for (const char* arguments : {"--color pink", "check 05 --jobs 0", "check 05 --seed x",
                                "check 05 --solution --program true", "hint", "show 05"}) {
    const Said said = wirelab(arguments);
    EXPECT_EQ(said.status, 2) << arguments;
    EXPECT_THAT(said.output, HasSubstr("see ./wirelab --help")) << arguments;
  }
}

TEST(CommandLine, what_a_user_typed_cannot_steer_the_terminal) {
  expect_trouble("check \"$(printf '\\033[31m')\"", "lab \\x1b[31m: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
}

TEST(CommandLine, help_helps) {
  EXPECT_EQ(wirelab("--help").status, 0);
  EXPECT_THAT(wirelab("--help").output, HasSubstr("Examples:"));
  EXPECT_THAT(wirelab("check --help").output, HasSubstr("--program"));
}

TEST(CommandLine, colours_follow_the_option_and_not_the_pipe_alone) {
  EXPECT_THAT(wirelab("doctor --color always").output, HasSubstr("\x1b["));
  EXPECT_THAT(wirelab("doctor").output, testing::Not(HasSubstr("\x1b[")));
}

TEST(CommandLine, list_names_every_lab) {
  const Said said = wirelab("list");
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.output, HasSubstr("03-tcp-echo"));
  EXPECT_THAT(said.output, HasSubstr("05-unreliable-udp"));
}

TEST(Words, are_split_as_a_shell_does) {
  EXPECT_THAT(split_words("python3 echo.py"), ElementsAre("python3", "echo.py"));
  EXPECT_THAT(split_words("  a\t'b c'\"d e\"  \\ f "), ElementsAre("a", "b cd e", " f"));
  EXPECT_THAT(split_words("'' \"\\\"\" '\\'"), ElementsAre("", "\"", "\\"));
  EXPECT_THAT(split_words("$HOME;`x`>y"), ElementsAre("$HOME;`x`>y")) << "no shell runs";
  EXPECT_THROW(split_words("a 'b"), std::invalid_argument);
  EXPECT_THROW(split_words("  "), std::invalid_argument);
}

}  // namespace
}  // namespace wirelab
