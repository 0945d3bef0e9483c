#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "grader/report/explanation.hh"
#include "grader/report/ladder.hh"
#include "grader/report/style.hh"

namespace wirelab {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

FrameRecord udp(double time, double arrived, const std::string& from, const std::string& to,
                const std::string& fate = "") {
  const bool asks = from == "client";
  const std::string ends =
      asks ? "10.5.0.1:40213 > 10.5.0.2:1060, 12 bytes" : "10.5.0.2:1060 > 10.5.0.1:40213, 26 bytes";
  return {time, arrived, "client-server", from, to, "UDP " + ends, fate, false};
}

Verdict failed_verdict() {
  Verdict verdict;
  verdict.check = "silence_doubles_the_wait";
  verdict.outcome = Outcome::failed;
  verdict.seed = 42;
  verdict.expected = "200 ms between the second and the third try";
  verdict.actual = "100 ms";
  verdict.cause = "The wait is not doubled.";
  verdict.steps = {{0.0, "the client starts"}, {0.3, "the third try comes 200 ms after the second"}};
  verdict.programs = {{"client", "unreliable_udp client 10.5.0.2", "", "no answer\n", "exit status 1"}};
  verdict.frames = {udp(0, 0.0001, "client", "server")};
  return verdict;
}

const Caption caption{"After each silent try the client waits twice as long",
                      14,
                      "",
                      "exponential backoff",
                      "slides/05-unreliable-udp.md#backoff",
                      "file:///course/slides/05-unreliable-udp.md#backoff",
                      "./wirelab check 05 --only silence_doubles_the_wait --seed 42"};

TEST(Ladder, draws_arrows_both_ways_and_what_befell_each_frame) {
  const std::vector<FrameRecord> frames = {udp(0, -1, "client", "server", "lost"),
                                           udp(0.1, 0.1001, "client", "server"),
                                           udp(0.1003, 0.12, "server", "client", "delayed 20 ms"),
                                           udp(0.2, 0.21, "server", "client", "duplicated"),
                                           {0.2, 0.2, "client-server", "client", "server", "ARP", "", true}};
  EXPECT_EQ("\n" + ladder(frames, Style::plain()), R"(
             client                                        server
    0.000 s     │ ────────── UDP 12 bytes ────────X           │   lost
    0.100 s     │ ─────────────── UDP 12 bytes ─────────────→ │
    0.100 s     │ ←────────────── UDP 26 bytes ────────────── │   delayed 20 ms
    0.200 s     │ ←────────────── UDP 26 bytes ────────────── │   duplicated, there at 0.210 s
)");
}

TEST(Ladder, is_drawn_in_ascii_where_the_reader_has_nothing_else) {
  Style style;
  style.utf8 = false;
  EXPECT_EQ("\n" + ladder({udp(1.5, 1.5001, "client", "server")}, style), R"(
             client                                        server
    1.500 s     | --------------- UDP 12 bytes -------------> |
)");
}

TEST(Ladder, tells_conversations_apart_by_their_ports) {
  FrameRecord other = udp(0.1, 0.1001, "client", "server");
  other.summary = "UDP 10.5.0.1:50000 > 10.5.0.2:1060, 3 bytes";
  const std::string drawn = ladder({udp(0, 0.0001, "client", "server"), other}, Style::plain());
  EXPECT_THAT(drawn, HasSubstr("UDP 40213 > 1060 12 bytes"));
  EXPECT_THAT(drawn, HasSubstr("UDP 50000 > 1060 3 bytes"));
}

TEST(Ladder, leaves_out_the_middle_of_very_many_frames) {
  std::vector<FrameRecord> frames;
  for (int i = 0; i < 236; ++i) frames.push_back(udp(i, i + 0.1, "client", "server"));
  const std::string drawn = ladder(frames, Style::plain());
  EXPECT_THAT(drawn, HasSubstr("… 213 more frames …"));
  EXPECT_THAT(drawn, HasSubstr("  9.000 s"));
  EXPECT_THAT(drawn, Not(HasSubstr(" 10.000 s")));
  EXPECT_THAT(drawn, HasSubstr("235.000 s"));
  EXPECT_EQ(std::ranges::count(drawn, '\n'), 25);
}

TEST(Ladder, crosses_the_lifelines_between_and_reaches_every_host_of_a_broadcast) {
  const std::vector<FrameRecord> frames = {
      {0, 0.1, "hub", "a", "b, c", "UDP 10.7.0.1:5 > 10.7.0.255:1060, 4 bytes", "", false},
      {1, 1.1, "hub", "c", "a", "UDP 10.7.0.3:6 > 10.7.0.1:5, 4 bytes", "", false}};
  const std::string drawn = ladder(frames, Style::plain());
  EXPECT_EQ(std::ranges::count(drawn, '\n'), 3);
  EXPECT_THAT(drawn, HasSubstr("→─┼"));
  EXPECT_THAT(drawn, HasSubstr("←───"));
}

TEST(Ladder, keeps_to_the_width) {
  std::vector<FrameRecord> frames;
  for (const char* host : {"a", "b", "c", "d", "e"}) {
    frames.push_back({0, -1, "x", host, "z", "TCP 10.0.0.1:1 > 10.0.0.2:2 SYN ACK, 100000 bytes",
                      "lost because of a very long reason", false});
  }
  const std::string drawn = ladder(frames, Style::plain());
  for (std::size_t from = 0; from < drawn.size();) {
    const std::size_t end = drawn.find('\n', from);
    EXPECT_LE(columns(std::string_view(drawn).substr(from, end - from)), 100u);
    from = end + 1;
  }
}

TEST(Ladder, of_nothing_but_background_is_empty) {
  EXPECT_EQ(ladder({{0, 0.1, "l", "client", "server", "ARP", "", true}}, Style::plain()), "");
}

TEST(Explanation, of_a_failure_says_what_the_design_promises) {
  const std::string text = explain(failed_verdict(), caption, Style::plain());
  EXPECT_THAT(text, HasSubstr("✗ After each silent try the client waits twice as long\n"));
  EXPECT_THAT(text, HasSubstr("silence_doubles_the_wait, 14 points, seed 42"));
  EXPECT_THAT(text, HasSubstr("expected:   200 ms between the second and the third try\n"));
  EXPECT_THAT(text, HasSubstr("but:        100 ms\n"));
  EXPECT_THAT(text, HasSubstr("1.   0.000 s  the client starts\n"));
  EXPECT_THAT(text, HasSubstr("2.   0.300 s  the third try comes 200 ms after the second  ✗\n"));
  EXPECT_THAT(text, HasSubstr("UDP 12 bytes"));
  EXPECT_THAT(text, HasSubstr("On client: unreliable_udp client 10.5.0.2\n      exit status 1\n"));
  EXPECT_THAT(text, HasSubstr("│ no answer\n"));
  EXPECT_THAT(text, HasSubstr("likely:     The wait is not doubled.\n"));
  EXPECT_THAT(text, HasSubstr("concept:    exponential backoff: slides/05-unreliable-udp.md#backoff\n"));
  EXPECT_THAT(text, EndsWith("again:      ./wirelab check 05 --only silence_doubles_the_wait --seed 42\n"));
}

TEST(Explanation, of_an_inconclusive_check_gives_the_reason_alone) {
  Verdict verdict = failed_verdict();
  verdict.outcome = Outcome::inconclusive;
  verdict.reason = "the machine was busy";
  const std::string text = explain(verdict, caption, Style::plain());
  EXPECT_THAT(text, HasSubstr("not judged: the machine was busy\n"));
  EXPECT_THAT(text, Not(HasSubstr("expected")));
}

TEST(Explanation, shows_only_the_end_of_long_output_and_of_long_stories) {
  Verdict verdict = failed_verdict();
  for (int i = 0; i < 100; ++i) {
    verdict.programs[0].output += "line " + std::to_string(i) + "\n";
    verdict.steps.push_back({1.0 * i, "step"});
  }
  const std::string text = explain(verdict, caption, Style::plain());
  EXPECT_THAT(text, Not(HasSubstr("line 91\n")));
  EXPECT_THAT(text, HasSubstr("│ line 92\n"));
  EXPECT_THAT(text, HasSubstr("88 earlier steps"));
  EXPECT_THAT(text, HasSubstr("102.  99.000 s"));
}

TEST(Explanation, has_colours_only_when_asked_for) {
  EXPECT_THAT(explain(failed_verdict(), caption, Style::plain()), Not(HasSubstr("\x1b")));
  Style style;
  style.colour = true;
  EXPECT_THAT(explain(failed_verdict(), caption, style), HasSubstr("\x1b[31m"));
}

TEST(Explanation, knows_a_hole_of_the_skeleton) {
  Verdict verdict = failed_verdict();
  EXPECT_EQ(unwritten_part(verdict), "");
  verdict.programs[0].errors = "unreliable_udp: TODO 05.2 is not written yet\n";
  EXPECT_EQ(unwritten_part(verdict), "") << "the program has not ended there";
  verdict.programs[0].end = "exit status 3";
  EXPECT_EQ(unwritten_part(verdict), "05.2");
}

TEST(VerdictLine, fits_the_width_however_long_the_title) {
  Caption wordy = caption;
  wordy.title = std::string(300, 'x');
  EXPECT_LE(columns(verdict_line(failed_verdict(), wordy, Style::plain())), 100u);
  wordy.badge = "Sound sleeper";
  EXPECT_THAT(verdict_line(failed_verdict(), wordy, Style::plain()), EndsWith("badge"));
}

TEST(Printable, text_of_a_program_cannot_steer_the_terminal) {
  EXPECT_EQ(printable("red: \x1b[31m"), "red: \\x1b[31m");
  EXPECT_EQ(printable("bell\a back\b null" + std::string(1, '\0') + "\r\n\t"),
            "bell\\x07 back\\x08 null\\x00\\x0d\n\t");
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b"
            "31m")
      << "the C1 form of escape-bracket";
  EXPECT_EQ(printable("grün ✓"), "grün ✓");
}

TEST(Wrap, breaks_between_words_and_keeps_line_breaks) {
  EXPECT_EQ(wrap("one two three four five six seven", 24), "one two three four five\nsix seven");
  EXPECT_EQ(wrap("a\nb", 80, 2), "a\n  b");
  EXPECT_EQ(wrap(std::string(200, 'x'), 40), std::string(200, 'x'))
      << "a long word stays whole, to be copied";
}

TEST(Style, follows_locale_and_choice) {
  setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(Style::for_stream(1, "never").utf8);
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  EXPECT_TRUE(Style::for_stream(1, "never").utf8);
  EXPECT_TRUE(Style::for_stream(1, "always").colour);
  EXPECT_FALSE(Style::for_stream(1, "never").colour);
  unsetenv("LC_ALL");
}

}  // namespace
}  // namespace wirelab
