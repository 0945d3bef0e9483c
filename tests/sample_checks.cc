// Checks that end in every way a check can end, for checks_test. The program under test is `cat`.

#include <csignal>
#include <stdexcept>

#include "grader/checks/check.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

class Sample : public Check {
 protected:
  Host& client = net.host("client", "10.5.0.1/24");
  Host& server = net.host("server", "10.5.0.2/24");
  Segment& wire = net.link(client, server);
};

TEST_F(Sample, passes) {
  Program& program = run(client, {});
  program.type("hello\n");
  program.expect_line({"HELLO"});
  program.end_input();
  program.expect_exit(0);
  UdpPeer from(story(), client, 4000), to(story(), server, 1060);
  from.send("a datagram", server.at(1060));
  (void)to.expect_datagram();
}

TEST_F(Sample, gives_the_program_files) {
  const std::string content("of every kind\0\xff\n", 16);
  run(client, {"/given/file"}, {.files = {{"/given/file", content}}}).expect_output(content);
}

TEST_F(Sample, fails_an_expectation) {
  Program& program = run(client, {}, {.input = "\x1b[31mred\xff"});
  likely_mistake("the wrong colour");
  program.expect_output("green");
}

TEST_F(Sample, fails_before_the_program_ends) {
  struct WayOut {
    Program& program;
    ~WayOut() {
      program.process().close_input();
      (void)program.process().wait(std::chrono::steady_clock::now() + 8s);
    }
  } end_it{run(client, {})};
  expect(end_it.program.process().exit().has_value(), "the program has ended", "it runs");
}

TEST_F(Sample, fails_a_plain_assertion) { EXPECT_EQ(1 + 1, 3); }

TEST_F(Sample, meets_trouble_of_the_grader) { throw std::runtime_error("the cable broke"); }

TEST_F(Sample, cannot_judge_while_busy) { story().cannot_judge("too busy", true); }

TEST_F(Sample, breaks_down) {
  run(client, {});
  raise(SIGKILL);
}

TEST_F(Sample, waits_for_nobody_once_all_have_ended) {
  run(client, {}, {.input = ""});
  UdpPeer to(story(), server, 1060);
  (void)to.expect_datagram();
}

TEST_F(Sample, draws) {
  step("drawn: " + random.words(8));
  expect(false, "a seed", "no seed");
}

// For `subject be-held-up`.
TEST_F(Sample, has_no_patience_with_the_program) {
  Program& program = run(client, {});
  likely_mistake("not the program's");
  program.expect_exit(0, 1s);
}

TEST_F(Sample, hangs) {
  run(client, {});
  step("pid");
  std::this_thread::sleep_for(60s);
}

}  // namespace
}  // namespace wirelab
