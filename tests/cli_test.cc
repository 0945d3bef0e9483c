#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "grader/checks/verdict.hh"
#include "grader/cli/words.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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
  expect_trouble("check 99",
                 "lab 99: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  expect_trouble("hint nosuch",
                 "lab nosuch: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  expect_trouble("prove 3 99",
                 "lab 99: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
  for (const char* unknown : {"check 05 --only nosuch", "show 05 nosuch"}) {
    const Said said = wirelab(unknown);
    EXPECT_EQ(said.status, 2) << unknown;
    EXPECT_THAT(
        said.output,
        testing::StartsWith("wirelab: check nosuch: no such check in lab 05-unreliable-udp (there are "));
    EXPECT_EQ(std::ranges::count(said.output, '\n'), 1) << unknown;
  }
  expect_trouble("check 05 --program nosuch", "find nosuch: No such file or directory");
  expect_trouble("check 05 --program ''", "the command is empty");
  expect_trouble("check 05 --program '\"x'", "a \" is not closed");
  expect_trouble("check --program true", "--program: name the one lab it is for");
  expect_trouble("check 05 --json /nonexistent/x.json",
                 "write /nonexistent/x.json: No such file or directory");
  expect_trouble("check 05 --json /", "write /: Is a directory");
  expect_trouble("check 05 --evidence /proc/nosuch", "create /proc/nosuch: No such file or directory");
  expect_trouble("prove 05 --json nosuch/x.json", "write nosuch/x.json: No such file or directory");
  expect_trouble("frobnicate", "The following argument was not expected: frobnicate; see ./wirelab --help");
  expect_trouble("check 05 --mistake nosuch", "mistake nosuch: no such mistake in lab 05-unreliable-udp");
  expect_trouble("check --mistake nosuch", "--mistake: name the one lab it is of");
}

// --- show: a run that somebody kept

/// The bytes of a capture file with one frame in it, 10.5.0.1:40213 > 10.5.0.2:1060, "hello".
std::string capture_of_one_frame() {
  const unsigned char frame[] = {0x02, 0x77, 0x69, 0x72, 0x00, 0x02, 0x02, 0x77, 0x69, 0x72, 0x00, 0x01,
                                 0x08, 0x00, 0x45, 0x00, 0x00, 0x21, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11,
                                 0x14, 0x79, 0x0a, 0x05, 0x00, 0x01, 0x0a, 0x05, 0x00, 0x02, 0x9d, 0x15,
                                 0x04, 0x24, 0x00, 0x0d, 0xbe, 0xef, 'h',  'e',  'l',  'l',  'o'};
  const std::uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1, 0, 0, sizeof frame, sizeof frame};
  return std::string(reinterpret_cast<const char*>(head), sizeof head) +
         std::string(reinterpret_cast<const char*>(frame), sizeof frame);
}

class Show : public testing::Test {
 protected:
  Show() {
    verdict_.check = "silence_doubles_the_wait";
    fs::create_directories(kept());
    write_file(kept() / "wire.pcap", capture_of_one_frame());
    FrameRecord frame{0,        0.1,      "client-server",
                      "client", "server", "UDP 10.5.0.1:40213 > 10.5.0.2:1060, 5 bytes",
                      "",       false,    1};
    verdict_.frames.push_back(frame);
    frame.time = 0.2;
    frame.arrived = -1;
    frame.number = 2;
    verdict_.frames.push_back(frame);
    write_file(kept() / "verdict.json", nlohmann::json(verdict_).dump());
  }
  [[nodiscard]] fs::path kept() const { return folder_.path() / "05-unreliable-udp" / verdict_.check; }
  [[nodiscard]] std::string show(const std::string& options) const {
    return "show 05 silence_doubles_the_wait --evidence " + folder_.path().string() + " " + options;
  }

  const TemporaryFolder folder_{testing::TempDir()};
  Verdict verdict_;
};

TEST_F(Show, draws_the_ladder_into_a_file_or_to_standard_output) {
  const Said said = wirelab(show("--svg -"));
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.output, testing::StartsWith("<svg "));
  EXPECT_THAT(said.output, HasSubstr("UDP 5 bytes"));
  EXPECT_THAT(said.output, HasSubstr("class=\"cross\""));
  const fs::path file = folder_.path() / "ladder.svg";
  const Said silent = wirelab(show("--svg " + file.string()));
  EXPECT_EQ(silent.status, 0);
  EXPECT_EQ(silent.output, "");
  EXPECT_EQ(read_file(file), said.output);
  EXPECT_THAT(wirelab(show("--svg - --frames 1")).output, Not(HasSubstr("class=\"cross\"")));
  EXPECT_THAT(wirelab(show("--svg - --frames 2-2")).output, HasSubstr("class=\"cross\""));
}

TEST_F(Show, draws_the_headers_of_a_frame_as_they_are_in_the_capture) {
  const Said said = wirelab(show("--svg - --packet 1"));
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.output, HasSubstr("Ethernet header"));
  EXPECT_THAT(said.output, HasSubstr(">9d 15<"));
  const Said some = wirelab(show("--svg - --packet 1 --layers udp"));
  EXPECT_THAT(some.output, HasSubstr(">40213<"));
  EXPECT_THAT(some.output, Not(HasSubstr("Ethernet header")));
}

TEST_F(Show, says_what_is_wrong_with_a_request_for_a_picture) {
  expect_trouble(show("--svg - --frames 1-3"), "frames 1-3: 2 frames are drawn, counted from 1");
  expect_trouble(show("--svg - --frames x"), "--frames x: to be given as in 3-5");
  expect_trouble(show("--svg - --frames 1-"), "--frames 1-: to be given as in 3-5");
  expect_trouble(show("--svg - --packet 3"), "--packet 3: 2 frames are drawn, counted from 1");
  expect_trouble(show("--svg - --packet 2"),
                 "read " + (kept() / "wire.pcap").string() + ": it has no frame 2");
  expect_trouble(show("--svg - --packet 1 --layers tcp"),
                 "frame 1 has no tcp header (it has ethernet, ipv4, udp)");
  expect_trouble(show("--svg - --packet 1 --layers ip"),
                 "--layers ip: no such layer (there are ethernet, arp, ipv4, ipv6, icmp, icmpv6, udp, tcp)");
  expect_trouble(show("--svg /nonexistent/x.svg"), "write /nonexistent/x.svg: No such file or directory");
  expect_trouble("show 05 '*' --svg -", "show *: several checks; a picture is of one");
  expect_trouble("show 05 silence_doubles_the_wait --evidence /nonexistent --svg -",
                 "show silence_doubles_the_wait: no run of it is in /nonexistent; first: ./wirelab check 05 "
                 "--evidence DIR");
  EXPECT_EQ(wirelab(show("--frames 1")).status, 2) << "without --svg";
  EXPECT_EQ(wirelab(show("--svg - --layers udp")).status, 2) << "without --packet";
  write_file(kept() / "verdict.json", "{");
  expect_trouble(show("--svg -"), "read " + (kept() / "verdict.json").string() + ": not what a check writes");
}

TEST_F(Show, knows_what_check_has_kept_of_a_catalogued_mistake) {
  const fs::path state = fs::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path();
  if (access(state.c_str(), W_OK) != 0) GTEST_SKIP() << "somebody else's build: no program can be put there";
  const fs::path folder = folder_.path() / "fresh";
  const std::string where = " --evidence " + folder.string();
  const Said checked =
      wirelab("check 05 --mistake always-the-same-wait --only silence_doubles_the_wait --seed 7" + where);
  EXPECT_EQ(checked.status, 1) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("./wirelab check 05 --mistake always-the-same-wait --only"));
  const std::string show_it = "show 05 silence_doubles_the_wait" + where;
  EXPECT_THAT(wirelab(show_it).output, HasSubstr("The waits are not the ones asked for"));
  const Said ladder = wirelab(show_it + " --svg -");
  EXPECT_EQ(ladder.status, 0) << ladder.output;
  EXPECT_THAT(ladder.output, HasSubstr("client"));
  const Said header = wirelab(show_it + " --svg - --packet 2 --layers ipv4,udp");
  EXPECT_EQ(header.status, 0) << header.output;
  EXPECT_THAT(header.output, HasSubstr("Destination port"));
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
  expect_trouble("check \"$(printf '\\033[31m')\"",
                 "lab \\x1b[31m: no such lab (there are 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12)");
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
