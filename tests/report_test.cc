#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>

#include "grader/report/explanation.hh"
#include "grader/report/explanation_html.hh"
#include "grader/report/ladder.hh"
#include "grader/report/ladder_svg.hh"
#include "grader/report/packet_headers.hh"
#include "grader/report/packet_svg.hh"
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

// --- the ladder as a picture

/// What a strict reader of XML finds in a picture; it throws (and then there is nothing) when it is not
/// well-formed.
struct Parsed {
  std::vector<std::string> texts;  ///< of the text elements, in order
  std::vector<std::string> looks;  ///< class attributes
};

Parsed parse(const std::string& svg) {
  std::string file = testing::TempDir() + "/picture-XXXXXX";
  FILE* out = fdopen(mkstemp(file.data()), "wb");
  fwrite(svg.data(), 1, svg.size(), out);
  fclose(out);
  const std::string program =
      "import sys,xml.etree.ElementTree as e\n"
      "for n in e.parse(sys.argv[1]).iter():\n"
      "  if n.tag.endswith('}text'): print('text',n.text)\n"
      "  print('look',n.get('class'))\n";
  FILE* pipe = popen(("PYTHONIOENCODING=utf-8 python3 -c \"" + program + "\" " + file).c_str(), "r");
  std::string said;
  for (int byte = fgetc(pipe); byte != EOF; byte = fgetc(pipe)) said += static_cast<char>(byte);
  EXPECT_EQ(pclose(pipe), 0) << "not well-formed:\n" << svg;
  remove(file.c_str());
  Parsed parsed;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("text ")) parsed.texts.push_back(line.substr(5));
    if (line.starts_with("look ")) parsed.looks.push_back(line.substr(5));
  }
  return parsed;
}

std::string picture_of(const std::vector<FrameRecord>& frames) {
  return ladder_svg(LadderPlan(frames), "A run");
}

const std::vector<FrameRecord> eventful = {udp(0, -1, "client", "server", "lost"),
                                           udp(0.1, 0.1001, "client", "server"),
                                           udp(0.1003, 0.12, "server", "client", "delayed 20 ms"),
                                           udp(0.2, 0.2001, "server", "client", "duplicated"),
                                           udp(0.3, 0.3001, "client", "server", "corrupted"),
                                           {0.2, 0.2, "client-server", "client", "server", "ARP", "", true}};

TEST(LadderPicture, shows_the_frames_of_the_terminals_ladder_with_times_and_notes) {
  const Parsed picture = parse(picture_of(eventful));
  const std::string text = ladder(eventful, Style::plain());
  EXPECT_THAT(text, HasSubstr("delayed 20 ms"));
  const LadderPlan plan(eventful);
  for (const LadderArrow& arrow : plan.arrows()) {
    for (const std::string& one : {arrow.label, arrow.note}) {
      if (one.empty()) continue;
      EXPECT_THAT(text, HasSubstr(one));
      EXPECT_THAT(picture.texts, testing::Contains(one));
    }
  }
  for (const char* word : {"client", "server", "0.000 s", "0.100 s", "0.200 s", "0.300 s"}) {
    EXPECT_THAT(text, HasSubstr(word));
    EXPECT_THAT(picture.texts, testing::Contains(std::string(word)));
  }
  EXPECT_EQ(std::ranges::count(picture.texts, "UDP 12 bytes"), 3);
  EXPECT_EQ(std::ranges::count(picture.texts, "UDP 26 bytes"), 2);
  EXPECT_THAT(picture.texts, Not(testing::Contains("ARP")));
}

TEST(LadderPicture, marks_what_befell_a_frame_by_its_shape_as_well) {
  const auto looks = [](const FrameRecord& frame) { return parse(picture_of({frame})).looks; };
  const auto plain = looks(udp(0, 0.0001, "client", "server"));
  EXPECT_EQ(std::ranges::count(plain, "cross"), 0);
  EXPECT_EQ(std::ranges::count(plain, "head"), 1);
  const auto lost = looks(udp(0, -1, "client", "server", "lost"));
  EXPECT_EQ(std::ranges::count(lost, "cross"), 1);
  EXPECT_EQ(std::ranges::count(lost, "head"), 0) << "it does not arrive";
  EXPECT_EQ(std::ranges::count(looks(udp(0, 0.0001, "client", "server", "duplicated")), "head late"), 2);
  EXPECT_EQ(std::ranges::count(looks(udp(0, 0.0001, "client", "server", "corrupted")), "bolt"), 1);
  const auto late = looks(udp(0, 0.02, "client", "server", "delayed 20 ms"));
  EXPECT_EQ(std::ranges::count(late, "arrow late"), 1);
}

TEST(LadderPicture, shortens_stretches_of_silence_and_says_so) {
  const Parsed picture =
      parse(picture_of({udp(0, 0.0001, "client", "server"), udp(0.8, 0.8001, "client", "server"),
                        udp(0.8002, 0.8003, "server", "client")}));
  EXPECT_EQ(std::ranges::count(picture.texts, "+800 ms"), 1);
  EXPECT_EQ(std::ranges::count(picture.looks, "gap"), 2) << "each lifeline is dotted once";
}

TEST(LadderPicture, a_frame_that_was_overtaken_arrives_below_the_one_that_overtook_it) {
  const std::string picture =
      picture_of({udp(0, 0.05, "client", "server", "overtaken"), udp(0.01, 0.0101, "client", "server")});
  std::vector<double> ends;
  for (std::size_t at = picture.find("y2=\""); at != picture.npos; at = picture.find("y2=\"", at + 1)) {
    const std::size_t line_end = picture.find("/>", at);
    if (picture.substr(at, line_end - at).find("class=\"arrow") != std::string::npos)
      ends.push_back(std::stod(picture.substr(at + 4)));
  }
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_GT(ends[0], ends[1]);
}

TEST(LadderPicture, leaves_out_the_same_middle_as_the_terminals) {
  std::vector<FrameRecord> frames;
  for (int i = 0; i < 236; ++i) frames.push_back(udp(i, i + 0.0001, "client", "server"));
  EXPECT_THAT(parse(picture_of(frames)).texts, testing::Contains("… 213 more frames …"));
}

TEST(LadderPicture, can_be_of_some_frames_which_keep_their_numbers) {
  LadderPlan plan(eventful);
  plan.keep(2, 3);
  ASSERT_EQ(plan.arrows().size(), 2u);
  EXPECT_EQ(plan.arrows()[0].number, 2u);
  EXPECT_THAT(ladder_svg(plan, "x"), HasSubstr("Frame 3, at 0.100 s from server to client"));
  EXPECT_THROW(LadderPlan(eventful).keep(0, 1), std::invalid_argument);
  EXPECT_THROW(LadderPlan(eventful).keep(3, 2), std::invalid_argument);
  EXPECT_THROW(LadderPlan(eventful).keep(1, 6), std::invalid_argument) << "five are drawn";
}

TEST(LadderPicture, is_named_and_described_and_loads_nothing) {
  const std::string picture = picture_of(eventful);
  EXPECT_THAT(picture, HasSubstr("role=\"img\""));
  EXPECT_THAT(picture, HasSubstr("<title>A run</title>\n<desc>Hosts: client, server."));
  EXPECT_THAT(picture, HasSubstr("prefers-color-scheme:dark"));
  for (const char* way_out : {"href", "url(", "@import", "<script", "<image", "<use"})
    EXPECT_THAT(picture, Not(HasSubstr(way_out)));
}

TEST(LadderPicture, nothing_that_a_program_or_the_wire_says_is_markup) {
  const std::string evil = "<script>\"'&]]>\x1b\xff\xef\xbf\xbf\xe2\x80\xae";
  const std::string picture = ladder_svg(
      LadderPlan({{0, 0.1, evil, evil, "b" + evil, "UDP " + evil + " > x, " + evil, evil, false}}), evil);
  EXPECT_THAT(picture, Not(HasSubstr("<script>")));
  EXPECT_THAT(parse(picture).texts, testing::Contains(HasSubstr("<script>\"'&]]>")));
}

TEST(LadderPicture, of_nothing_is_nothing) { EXPECT_EQ(picture_of({eventful.back()}), ""); }

// --- headers

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes;
  std::istringstream words{std::string(hex)};
  for (std::string word; words >> word;)
    bytes.push_back(static_cast<std::byte>(std::stoi(word, nullptr, 16)));
  return bytes;
}

// 10.5.0.1:40213 > 10.5.0.2:1060, "hello"
const std::vector<std::byte> udp_frame = bytes_of(
    "02 77 69 72 00 02 02 77 69 72 00 01 08 00 45 00 00 21 12 34 40 00 40 11 14 79 0a 05 00 01 0a 05 00 02 "
    "9d 15 04 24 00 0d be ef 68 65 6c 6c 6f");
// A SYN with the options maximum segment size, no operation, window scale
const std::vector<std::byte> syn_frame = bytes_of(
    "02 77 69 72 00 02 02 77 69 72 00 01 08 00 45 00 00 30 00 01 40 00 40 06 00 00 0a 05 00 01 0a 05 00 02 "
    "9d 15 04 24 00 00 03 e8 00 00 00 00 70 02 fa f0 12 34 00 00 02 04 05 b4 01 03 03 07");
// An echo request from ::1 to ::1
const std::vector<std::byte> ping6_frame = bytes_of(
    "02 77 69 72 00 02 02 77 69 72 00 01 86 dd 60 01 23 45 00 08 3a 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 80 00 ab cd 00 2a 00 07");
const std::vector<std::byte> arp_frame = bytes_of(
    "ff ff ff ff ff ff 02 77 69 72 00 01 08 06 00 01 08 00 06 04 00 01 02 77 69 72 00 01 0a 05 00 01 00 00 00 00 00 00 "
    "0a 05 00 02");

std::string value(const std::vector<PacketHeader>& headers, const std::string& layer,
                  const std::string& field) {
  for (const PacketHeader& header : headers) {
    for (const HeaderField& one : header.fields) {
      if (header.layer == layer && one.name == field) return one.value;
    }
  }
  return "no such field";
}

TEST(PacketHeaders, are_taken_apart_field_by_field) {
  const auto udp_headers = packet_headers(udp_frame);
  EXPECT_EQ(value(udp_headers, "ethernet", "Source address"), "02:77:69:72:00:01");
  EXPECT_EQ(value(udp_headers, "ethernet", "Type"), "IPv4 (0x0800)");
  EXPECT_EQ(value(udp_headers, "ipv4", "Total length"), "33 bytes");
  EXPECT_EQ(value(udp_headers, "ipv4", "DF"), "1");
  EXPECT_EQ(value(udp_headers, "ipv4", "MF"), "0");
  EXPECT_EQ(value(udp_headers, "ipv4", "Protocol"), "UDP (17)");
  EXPECT_EQ(value(udp_headers, "ipv4", "Destination address"), "10.5.0.2");
  EXPECT_EQ(value(udp_headers, "udp", "Source port"), "40213");
  EXPECT_EQ(value(udp_headers, "udp", "Length"), "13 bytes");
  EXPECT_EQ(udp_headers.back().behind, 5u);
  const auto tcp_headers = packet_headers(syn_frame);
  EXPECT_EQ(value(tcp_headers, "tcp", "Sequence number"), "1000");
  EXPECT_EQ(value(tcp_headers, "tcp", "SYN"), "1");
  EXPECT_EQ(value(tcp_headers, "tcp", "ACK"), "0");
  EXPECT_EQ(value(tcp_headers, "tcp", "Window"), "64240");
  EXPECT_EQ(value(tcp_headers, "tcp", "Option"), "maximum segment size 1460");
  EXPECT_EQ(tcp_headers.back().fields.back().value, "window scale 7");
  const auto ping_headers = packet_headers(ping6_frame);
  EXPECT_EQ(value(ping_headers, "ipv6", "Flow label"), "0x12345");
  EXPECT_EQ(value(ping_headers, "ipv6", "Source address"), "::1");
  EXPECT_EQ(value(ping_headers, "icmpv6", "Type"), "echo request (128)");
  EXPECT_EQ(value(ping_headers, "icmpv6", "Sequence number"), "7");
  EXPECT_EQ(value(packet_headers(arp_frame), "arp", "Target's protocol address"), "10.5.0.2");
}

/// What holds of every frame: fields fill their header, bit by bit, and headers do not pass the frame's end.
void expect_consistent(const std::vector<std::byte>& frame) {
  std::size_t end = 0;
  for (const PacketHeader& header : packet_headers(frame)) {
    unsigned bits = 0;
    for (const HeaderField& field : header.fields) bits += field.bits;
    ASSERT_EQ(bits, 8 * header.bytes.size()) << header.layer;
    end += header.bytes.size();
    ASSERT_LE(end + header.behind, frame.size());
    ASSERT_EQ(header.bytes.data() + header.bytes.size(), frame.data() + end);
    ASSERT_EQ(std::ranges::count(header_layers(), header.layer), 1);
  }
}

TEST(PacketHeaders, of_cut_and_broken_frames_are_those_that_are_whole) {
  std::mt19937 random(1);
  for (const auto* whole : {&udp_frame, &syn_frame, &ping6_frame, &arp_frame}) {
    for (std::size_t length = 0; length <= whole->size(); ++length)
      expect_consistent({whole->begin(), whole->begin() + static_cast<std::ptrdiff_t>(length)});
    for (int i = 0; i < 20000; ++i) {
      std::vector<std::byte> broken(*whole);
      for (int changes = 0; changes < 3; ++changes)
        broken[random() % broken.size()] = static_cast<std::byte>(random() & 0xFF);
      expect_consistent(broken);
    }
  }
  EXPECT_TRUE(packet_headers({}).empty());
}

TEST(PacketPicture, shows_names_values_and_the_bytes_on_the_wire) {
  const Parsed picture = parse(packet_svg(packet_headers(udp_frame), "A frame"));
  for (const char* word : {"Destination port", "1060", "04 24", "Version", "0100", "10.5.0.1", "0a 05 00 01",
                           "DF", "UDP header (RFC 768)", "8 bytes, 5 bytes follow", "31"}) {
    EXPECT_THAT(picture.texts, testing::Contains(std::string(word)));
  }
  parse(packet_svg(packet_headers(syn_frame), "<A> frame"));
  parse(packet_svg(packet_headers(ping6_frame), "A frame"));
  EXPECT_EQ(packet_svg({}, "none"), "");
}

// --- explanations elsewhere

TEST(Explanation, links_the_slide_where_the_terminal_can_follow) {
  EXPECT_THAT(explain(failed_verdict(), caption, Style::plain()), Not(HasSubstr("file://")));
  Style style;
  style.hyperlinks = true;
  EXPECT_THAT(
      explain(failed_verdict(), caption, style),
      HasSubstr("exponential backoff: \x1b]8;;file:///course/slides/05-unreliable-udp.md#backoff\x1b\\"
                "slides/05-unreliable-udp.md#backoff\x1b]8;;\x1b\\\n"));
}

TEST(ExplanationPage, says_what_the_text_says) {
  const std::string html = explain_html(failed_verdict(), caption);
  for (const char* words :
       {"After each silent try the client waits twice as long",
        "silence_doubles_the_wait, 14 points, seed 42", "200 ms between the second and the third try",
        "<dd>100 ms</dd>", "the client starts", "the third try comes 200 ms after the second", "UDP 12 bytes",
        "unreliable_udp client 10.5.0.2", "exit status 1", "no answer", "The wait is not doubled.",
        "exponential backoff", "<a href=\"file:///course/slides/05-unreliable-udp.md#backoff\">",
        "./wirelab check 05 --only silence_doubles_the_wait --seed 42"}) {
    EXPECT_THAT(html, HasSubstr(words));
  }
}

TEST(ExplanationPage, nothing_that_a_program_says_is_markup) {
  const std::string evil = "</pre><script>alert(1)</script>{{x}}{{{y}}}\"'&";
  Verdict verdict = failed_verdict();
  verdict.expected = verdict.actual = verdict.cause = evil;
  verdict.steps = {{0, evil}};
  verdict.programs = {{evil, evil, evil, evil, evil}};
  verdict.frames = {{0, 0.1, evil, evil, "server", "UDP " + evil, evil, false}};
  const std::string html = explain_html(verdict, caption);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("{{x}}")) << "it stays as it was said";
}

TEST(ExplanationPage, of_an_inconclusive_check_gives_the_reason_alone) {
  Verdict verdict = failed_verdict();
  verdict.outcome = Outcome::inconclusive;
  verdict.reason = "the machine was busy";
  const std::string html = explain_html(verdict, caption);
  EXPECT_THAT(html, HasSubstr("the machine was busy"));
  EXPECT_THAT(html, Not(HasSubstr("<dt>expected")));
  EXPECT_THAT(html, Not(HasSubstr("<svg")));
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
