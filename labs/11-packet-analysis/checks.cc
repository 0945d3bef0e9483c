// What can be read off a capture. Most captures are of real connections across the check's own cable, fresh
// in every run; some are made by hand. What is true of them is worked out beside, by other means:
// labs/checks/captures.hh. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <netinet/in.h>

#include <cmath>
#include <set>
#include <sstream>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "labs/checks/captures.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

/// A line of the report: `client mss=1460 bytes=20` has the words `client`, `mss=1460`, `bytes=20`.
struct Line {
  std::string text;
  std::vector<std::string> words;
  std::map<std::string, std::string> values;  ///< mss → 1460

  explicit Line(const std::string& line) : text(line) {
    std::istringstream rest(line);
    for (std::string word; rest >> word;) {
      words.push_back(word);
      const auto sign = word.find('=');
      if (sign != std::string::npos) values[word.substr(0, sign)] = word.substr(sign + 1);
    }
  }
  [[nodiscard]] bool begins(const std::string& word) const { return !words.empty() && words.front() == word; }
  [[nodiscard]] bool holds(const std::string& word) const { return std::ranges::count(words, word) > 0; }
  [[nodiscard]] std::string value(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() ? "" : found->second;
  }
};

/// What the program says of one connection.
struct Block {
  std::vector<Line> lines;

  [[nodiscard]] const Line* line(const std::string& word) const {
    const auto found = std::ranges::find_if(lines, [&](const Line& one) { return one.begins(word); });
    return found == lines.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::vector<Line> all(const std::string& word) const {
    std::vector<Line> found;
    std::ranges::copy_if(lines, std::back_inserter(found), [&](const Line& one) { return one.begins(word); });
    return found;
  }
};
using Report = std::vector<Block>;

Report parse(const std::string& output) {
  Report report;
  std::istringstream lines(output);
  for (std::string text; std::getline(lines, text);) {
    const Line line(text);
    if (line.begins("connection")) report.emplace_back();
    if (!report.empty()) report.back().lines.push_back(line);
  }
  return report;
}

std::string flag_names(std::uint8_t flags) {
  static constexpr std::pair<std::uint8_t, const char*> names[] = {{FIN, "FIN"},  {SYN, "SYN"}, {RST, "RST"},
                                                                   {PSH, "PSH"},  {ACK, "ACK"}, {0x20, "URG"},
                                                                   {0x40, "ECE"}, {0x80, "CWR"}};
  std::string text;
  for (const auto& [bit, name] : names) {
    if ((flags & bit) != 0) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text.empty() ? "-" : text;
}

std::set<std::string> parts_of(const std::string& list) {
  std::set<std::string> parts;
  std::istringstream rest(list);
  for (std::string part; std::getline(rest, part, ',');) parts.insert(part);
  return parts;
}

std::string or_dash(const std::optional<unsigned>& number) { return number ? std::to_string(*number) : "-"; }

/// A client and a server on a cable, and a desk where captures are read.
class PacketAnalysis : public Check {
 protected:
  // ---- captures of the cable

  /// A connection between the two hosts, on a port of its own.
  struct Pair {
    TcpPeer client, server;
  };
  Pair open(std::uint16_t at) {
    TcpListener listener(story(), server, at);
    TcpPeer here = connect(client, server.at(at));
    return {std::move(here), listener.accept()};
  }

  /// Both sides send as much, in pieces, and receive what the other sends.
  void exchange(Pair& pair, std::size_t from_client, std::size_t from_server) {
    send_in_pieces(pair.client, from_client);
    pair.server.expect_receive(sent_);
    send_in_pieces(pair.server, from_server);
    pair.client.expect_receive(sent_);
  }
  void send_in_pieces(TcpPeer& peer, std::size_t count) {
    sent_ = random.bytes(count);
    for (std::size_t at = 0; at < count;) {
      const std::size_t piece = std::min<std::size_t>(count - at, random.number(300, 1300));
      peer.send(std::string_view(sent_).substr(at, piece));
      at += piece;
    }
  }

  /// The client ends first, then the server; returns when both FINs are acknowledged, as far as can be seen.
  void finish(Pair& pair) {
    pair.client.half_close();
    pair.server.expect_end();
    pair.server.half_close();
    pair.client.expect_end();
    (void)await_frames(wire, fin.from(server), 1, "FIN of the server");
  }

  [[nodiscard]] std::vector<CapturedFrame> frames() const { return wire.frames(!background); }

  /// The trouble that a rule was to make has not come about: the kernels did something else.
  void require(bool holds, const std::string& reason) {
    if (!holds) story().cannot_judge(reason, true);
  }

  // ---- what the program says

  /// Lets the program read a file; it must succeed.
  Report analyse(const std::string& file, const std::vector<std::string>& options = {}) {
    Program& program = start(file, options);
    program.expect_exit(0);
    return parse(program.process().standard_output());
  }
  Report analyse(const Capture& capture, const std::vector<std::string>& options = {}) {
    return analyse(pcap(capture, {.nanoseconds = true}), options);
  }

  Program& start(const std::string& file, const std::vector<std::string>& options = {}) {
    path_ = fmt::format("/captures/{}{}.pcap", random.words(1), ++files_);
    std::vector<std::string> arguments = {path_};
    arguments.insert(random.number(0, 1) == 0 ? arguments.begin() : arguments.end(), options.begin(),
                     options.end());
    Circumstances how{.input = "", .watched = {}, .limits = {}};
    how.files[path_] = file;
    return run(desk, arguments, how);
  }

  // ---- expectations

  /// Each connection has its block, in the order in which they begin, with both ends.
  void expect_connections(const Report& report, const std::vector<ConnectionTruth>& truth) {
    step(fmt::format("it reports {} connection{}, each with its two ends", truth.size(),
                     truth.size() == 1 ? "" : "s"));
    expect(report.size() == truth.size(),
           fmt::format("{} lines that begin with the word \"connection\"", truth.size()),
           fmt::format("{} do", report.size()));
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const Line& line = *report[i].line("connection");
      const std::string wanted = fmt::format("client={} server={}", truth[i].client_address.to_string(),
                                             truth[i].server_address.to_string());
      expect(line.words.size() > 1 && line.words[1] == std::to_string(i + 1) &&
                 line.value("client") == truth[i].client_address.to_string() &&
                 line.value("server") == truth[i].server_address.to_string(),
             fmt::format("\"connection {} {}\"", i + 1, wanted), "the line says \"" + line.text + "\"");
    }
  }

  const Line& line_of(const Report& report, std::size_t connection, const std::string& word) {
    const Line* line = report.at(connection).line(word);
    expect(line != nullptr,
           fmt::format("connection {} has a line that begins with the word \"{}\"", connection + 1, word),
           "it has none");
    return *line;
  }

  void expect_value(const Report& report, std::size_t connection, const std::string& word,
                    const std::string& name, const std::string& wanted) {
    step(fmt::format("connection {}: the line \"{}\" says {}={}", connection + 1, word, name, wanted));
    const Line& line = line_of(report, connection, word);
    expect(line.value(name) == wanted,
           fmt::format("{}={} on the line \"{}\" of connection {}", name, wanted, word, connection + 1),
           "the line says \"" + line.text + "\"");
  }
  void expect_bytes(const Report& report, const std::vector<ConnectionTruth>& truth) {
    for (std::size_t i = 0; i < truth.size(); ++i) {
      expect_value(report, i, "client", "bytes", std::to_string(truth[i].client.bytes));
      expect_value(report, i, "server", "bytes", std::to_string(truth[i].server.bytes));
    }
  }
  void expect_retransmissions(const Report& report, const std::vector<ConnectionTruth>& truth) {
    for (std::size_t i = 0; i < truth.size(); ++i) {
      expect_value(report, i, "client", "retransmissions", std::to_string(truth[i].client.retransmissions));
      expect_value(report, i, "server", "retransmissions", std::to_string(truth[i].server.retransmissions));
    }
  }
  void expect_options(const Report& report, std::size_t connection, const std::string& side,
                      const SideTruth& truth) {
    expect_value(report, connection, side, "mss", or_dash(truth.mss));
    expect_value(report, connection, side, "window", or_dash(truth.window));
    expect_value(report, connection, side, "scale", or_dash(truth.scale));
  }

  /// The time of the handshake, to the microsecond that every capture format counts at least.
  void expect_handshake(const Report& report, std::size_t connection, const ConnectionTruth& truth) {
    step(fmt::format("connection {}: the handshake is {}", connection + 1, truth.handshake));
    const Line& line = line_of(report, connection, "handshake");
    expect(line.holds(truth.handshake),
           fmt::format("the word \"{}\" on the line \"handshake\" of connection {}", truth.handshake,
                       connection + 1),
           "the line says \"" + line.text + "\"");
    if (!truth.round_trip) return;
    const double wanted = std::chrono::duration<double>(*truth.round_trip).count();
    const std::string shown = line.value("rtt");
    char* rest = nullptr;
    const double said = std::strtod(shown.c_str(), &rest);
    expect(!shown.empty() && *rest == '\0' && std::abs(said - wanted) < 3e-6,
           fmt::format("rtt={:.6f} on the line \"handshake\" of connection {}", wanted, connection + 1),
           "the line says \"" + line.text + "\"");
  }

  void expect_end(const Report& report, std::size_t connection, const std::string& wanted) {
    step(fmt::format("connection {}: end {}", connection + 1, wanted));
    const Line& line = line_of(report, connection, "end");
    const Line whole("end " + wanted);
    expect(line.words.size() > 1 && line.words[1] == whole.words[1] && line.value("by") == whole.value("by"),
           fmt::format("\"end {}\" for connection {}", wanted, connection + 1),
           "the line says \"" + line.text + "\"");
  }

  /// What a line that shows a segment says by these names; the rest does not matter.
  enum Shown : unsigned { numbers = 1, windows = 2, marks = 4 };
  void expect_segments(const Report& report, std::size_t connection, const ConnectionTruth& truth,
                       unsigned shown) {
    step(fmt::format("connection {}: {} lines \"segment\", one for each, in order", connection + 1,
                     truth.segments.size()));
    const std::vector<Line> lines = report.at(connection).all("segment");
    for (std::size_t i = 0; i < std::min(lines.size(), truth.segments.size()); ++i) {
      const SegmentTruth& is = truth.segments[i];
      const bool acknowledges = (is.flags & ACK) != 0;
      std::string wanted = fmt::format("segment {} from={}", is.packet, is.from_client ? "client" : "server");
      bool right = lines[i].words.size() > 1 && lines[i].words[1] == std::to_string(is.packet) &&
                   lines[i].value("from") == (is.from_client ? "client" : "server");
      if ((shown & numbers) != 0) {
        wanted += fmt::format(" flags={} seq={} ack={} length={}", flag_names(is.flags), is.sequence,
                              acknowledges ? std::to_string(is.acknowledgment) : "-", is.length);
        right = right && parts_of(lines[i].value("flags")) == parts_of(flag_names(is.flags)) &&
                lines[i].value("seq") == std::to_string(is.sequence) &&
                lines[i].value("ack") == (acknowledges ? std::to_string(is.acknowledgment) : "-") &&
                lines[i].value("length") == std::to_string(is.length);
      }
      if ((shown & windows) != 0) {
        wanted += fmt::format(" window={}", is.window);
        right = right && lines[i].value("window") == std::to_string(is.window);
      }
      if ((shown & marks) != 0) {
        wanted += is.retransmission ? " retransmission" : ", not marked as a retransmission";
        right = right && lines[i].holds("retransmission") == is.retransmission;
      }
      expect(right, "\"" + wanted + "\"", "the line says \"" + lines[i].text + "\"");
    }
    expect(lines.size() == truth.segments.size(),
           fmt::format("{} lines that begin with the word \"segment\"", truth.segments.size()),
           fmt::format("{} do", lines.size()));
  }

  /// Ends for conversations made by hand: the hosts' addresses, other ports, initial numbers with many bits.
  Conversation converse(Capture& capture) { return converse(capture, random_number(), random_number()); }
  Conversation converse(Capture& capture, std::uint32_t client_initial, std::uint32_t server_initial) {
    const auto any_port = [&] { return static_cast<std::uint16_t>(random.number(1100, 65000)); };
    return {capture, {client.at(any_port()), client_initial}, {server.at(any_port()), server_initial}};
  }
  /// Far from where sequence numbers wrap.
  std::uint32_t random_number() { return static_cast<std::uint32_t>(random.number(0x10000000, 0x70000000)); }

  /// The first sequence numbers of a capture's only connection, moved to where they wrap in the middle of the
  /// data.
  Capture moved_to_wrap(const Capture& capture, std::uint32_t client_bytes, std::uint32_t server_bytes) {
    const ConnectionTruth truth = Truth::of(capture).at(0);
    const std::uint32_t up = 0u - client_bytes / 2 - *truth.client.initial,
                        down = 0u - server_bytes / 2 - *truth.server.initial;
    Capture moved;
    for (const Recorded& one : capture) {
      const bool from_client = decode(one.bytes).source == truth.client_address;
      moved.push_back(
          {with_numbers_moved(one.bytes, from_client ? up : down, from_client ? down : up), one.time});
    }
    return moved;
  }

  std::vector<std::string> address = random.neighbours();
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Host& desk = net.host("desk");
  Segment& wire = net.link(client, server);
  const std::uint16_t port = random.port();
  const Match client_data = with_payload.from(client) && tcp, server_data = with_payload.from(server) && tcp;
  std::string path_;  ///< of the file last given to the program
  std::string sent_;  ///< what a side sent last

 private:
  unsigned files_ = 0;
};

// ---- connections
// ----------------------------------------------------------------------------------------------------

TEST_F(PacketAnalysis, connections_are_listed_by_their_two_ends) {
  {
    Pair first = open(port);
    Pair second = open(static_cast<std::uint16_t>(port + 1));
    TcpListener listener(story(), client, static_cast<std::uint16_t>(port + 2));
    TcpPeer back = connect(server, client.at(static_cast<std::uint16_t>(port + 2)));
    TcpPeer third = listener.accept();
    for (int i = 0; i < 3; ++i) {
      exchange(second, 200, 300);
      exchange(first, 100, 100);
      back.send("from the server's host");
      third.expect_receive("from the server's host");
    }
  }
  Capture capture = as_sent(frames());
  // Nobody promises that a client has the higher port.
  const Address low = client.at(static_cast<std::uint16_t>(random.number(1100, 2000))),
                high = server.at(static_cast<std::uint16_t>(random.number(40000, 60000)));
  Conversation(capture, {low, random_number()}, {high, random_number()})
      .handshake()
      .client(PSH | ACK, "hello");
  const auto truth = Truth::of(capture);
  likely_mistake(
      "A connection is known by both addresses and both ports, the same in either direction; its client is "
      "who sent the SYN without ACK. Segments of several connections stand in any order in a file. Addresses "
      "and ports are in network byte order.");
  expect_connections(analyse(capture), truth);
}

TEST_F(PacketAnalysis, handshake_is_timed) {
  wire.rule(delay(syn_ack, std::chrono::milliseconds(random.number(20, 60))));
  wire.rule(drop_nth(syn, 2));
  {
    Pair first = open(port);
    Pair second = open(static_cast<std::uint16_t>(port + 1));
  }
  Capture capture = as_sent(frames());
  converse(capture).client(SYN).server(SYN | ACK);
  const auto truth = Truth::of(capture);
  likely_mistake(
      "The round trip of the handshake is the time from the client's SYN to its ACK of the server's SYN: "
      "three segments, two of them the client's. A time in the file is seconds and a fraction, whose unit the "
      "magic number tells.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_handshake(report, 0, truth[0]);
  likely_mistake(
      "The first SYN was lost and sent again. The round trip is that of the SYN which was answered, so it "
      "begins with the last one.");
  expect_handshake(report, 1, truth[1]);
  likely_mistake("Without the third segment, the client's ACK, the handshake is not complete.");
  expect_handshake(report, 2, truth[2]);
}

TEST_F(PacketAnalysis, options_of_the_syn_are_read) {
  client.mtu("eth0", static_cast<unsigned>(random.number(700, 1400)));
  { Pair pair = open(port); }
  Capture capture = as_sent(frames());
  const auto option = [](std::initializer_list<unsigned> bytes) {
    std::string text;
    for (const unsigned byte : bytes) text += static_cast<char>(byte);
    return text;
  };
  const unsigned mss = static_cast<unsigned>(random.number(536, 1400)),
                 scale = static_cast<unsigned>(random.number(1, 9));
  const std::string no_operation = option({1}), mss_option = option({2, 4, mss >> 8, mss & 0xff}),
                    scale_option = option({3, 3, scale});
  const std::string timestamps = option({8, 10, 2, 4, 3, 3, 9, 9, 0, 0}),
                    unknown = option({254, 6, 2, 4, 9, 9});
  converse(capture)
      .client(SYN, "",
              no_operation + timestamps + unknown + scale_option + no_operation + no_operation + mss_option,
              4000)
      .server(SYN | ACK, "", "", 5000)
      .client(ACK);
  converse(capture)
      .client(SYN, "", mss_option + option({0, 0, 0, 0}) + scale_option, 6000)
      .server(SYN | ACK, "", option({3, 3, 15}), 7000)
      .client(ACK);
  converse(capture)
      .client(SYN, "", mss_option + scale_option, 8000)
      .again_with_options(1, option({2, 4, 1, 1}))
      .server(SYN | ACK, "", mss_option, 9000)
      .client(ACK);
  const auto truth = Truth::of(capture);
  likely_mistake(
      "The maximum segment size and the window scale are options of the SYN; the window in the SYN is in its "
      "header, and is not scaled. Each side has its own. Go from option to option by their lengths, which "
      "count the bytes of kind and length, too.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_options(report, 0, "client", truth[0].client);
  expect_options(report, 0, "server", truth[0].server);
  likely_mistake(
      "Options may come in any order, with others in between: kind 1 is a single byte, every other kind says "
      "its length in its second byte, and kind 0 ends them. What a SYN does not offer is shown as -.");
  expect_value(report, 1, "client", "mss", std::to_string(mss));
  expect_value(report, 1, "client", "window", "4000");
  expect_value(report, 1, "client", "scale", std::to_string(scale));
  expect_value(report, 1, "server", "mss", "-");
  expect_value(report, 1, "server", "window", "5000");
  expect_value(report, 1, "server", "scale", "-");
  expect_value(report, 2, "client", "mss", std::to_string(mss));
  expect_value(report, 2, "client", "scale", "-");
  likely_mistake("A window scale of more than 14 is to be taken for 14 (RFC 7323, section 2.3).");
  expect_value(report, 2, "server", "scale", "14");
  likely_mistake("A SYN that is sent again may have other options. What counts is the first one.");
  expect_value(report, 3, "client", "mss", std::to_string(mss));
  expect_value(report, 3, "client", "scale", std::to_string(scale));
}

TEST_F(PacketAnalysis, bytes_are_counted_each_way) {
  {
    Pair first = open(port);
    exchange(first, random.number(10'000, 20'000), random.number(2'000, 9'000));
    finish(first);
    Pair second = open(static_cast<std::uint16_t>(port + 1));
    exchange(second, random.number(1, 9), 0);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake(
      "The length of the data is what is left of the IP packet's total length without the IP header and "
      "without the TCP header, whose length its upper four bits at byte 12 tell. SYN and FIN take a sequence "
      "number each, and are no bytes.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_bytes(report, truth);
}

// ---- segments
// -------------------------------------------------------------------------------------------------------

TEST_F(PacketAnalysis, segments_are_shown_with_relative_numbers) {
  {
    UdpPeer other(story(), client, 0);
    other.send("not TCP, but it counts as a packet of the file", server.at(port));
    Pair pair = open(port);
    exchange(pair, random.number(2'000, 5'000), 19);
    other.send("another one", server.at(port));
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake(
      "A relative number is the difference to the initial sequence number of the side that it counts for: the "
      "sequence number to that of the sender, the acknowledgment to that of the other side. So a SYN is 0, "
      "the first byte 1, and 19 bytes from 1 on are acknowledged with 20. The number after \"segment\" is the "
      "packet's place in the file, packets that are not TCP included.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_segments(report, 0, truth[0], numbers);
}

TEST_F(PacketAnalysis, windows_are_shown_in_bytes) {
  const auto scale = [](unsigned shift) { return std::string("\x01\x03\x03") + static_cast<char>(shift); };
  const auto up = static_cast<unsigned>(random.number(1, 6)),
             down = static_cast<unsigned>(random.number(7, 14));
  const auto window = [&] { return static_cast<std::uint16_t>(random.number(1000, 60000)); };
  const auto talk = [&](Capture& capture, const std::string& client_offers,
                        const std::string& server_offers) {
    converse(capture)
        .client(SYN, "", client_offers, window())
        .server(SYN | ACK, "", server_offers, window())
        .client(ACK, "", "", window())
        .client(PSH | ACK, "hello", "", window())
        .server(ACK, "", "", window())
        .server(FIN | ACK, "", "", window());
  };
  Capture capture;
  talk(capture, scale(up), scale(down));
  talk(capture, scale(up), "");
  talk(capture, "", scale(down));
  const auto truth = Truth::of(capture);
  likely_mistake(
      "A window counts bytes after it has been shifted to the left by the scale that its own sender offered. "
      "The window of a SYN is never scaled.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_segments(report, 0, truth[0], windows);
  likely_mistake(
      "Windows are scaled only when both sides offered it in their SYNs (RFC 7323, section 2.2); here one of "
      "them did not.");
  expect_segments(report, 1, truth[1], windows);
  expect_segments(report, 2, truth[2], windows);
}

// ---- what was sent again
// --------------------------------------------------------------------------------------------

TEST_F(PacketAnalysis, lost_segments_that_are_sent_again_are_counted) {
  const auto first = static_cast<unsigned>(random.number(2, 4)),
             second = first + static_cast<unsigned>(random.number(2, 3));
  wire.rule(drop_nth(client_data, first))
      .rule(drop_nth(client_data, second))
      .rule(drop_nth(server_data, first));
  {
    Pair pair = open(port);
    exchange(pair, random.number(12'000, 16'000), random.number(6'000, 9'000));
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  require(truth.at(0).client.retransmissions >= 2 && truth[0].server.retransmissions >= 1,
          "the kernels did not send again what was lost");
  likely_mistake(
      "The cable lost some segments, and they were sent again: a segment that carries a sequence number which "
      "an earlier one of the same side carried is a retransmission. Segments without data, SYN or FIN carry "
      "nothing and are none, whichever number they show.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  likely_mistake("What is sent twice is still the same part of the stream: each byte counts once.");
  expect_bytes(report, truth);
  likely_mistake(
      "With --segments the lines of retransmissions, and no other, hold the word \"retransmission\".");
  expect_segments(report, 0, truth[0], marks);
}

TEST_F(PacketAnalysis, lost_syn_and_fin_are_sent_again_too) {
  wire.rule(drop_nth(syn, 1)).rule(drop_nth(fin.from(client), 1));
  {
    Pair pair = open(port);
    exchange(pair, 700, 700);
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  require(truth.at(0).client.retransmissions >= 2, "the kernel did not send again what was lost");
  likely_mistake("A SYN that is sent again, with the same sequence number, belongs to the same connection.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  likely_mistake(
      "A SYN and a FIN take one sequence number each, just as a byte of data does. When they are lost they "
      "are sent again, and that is a retransmission although no data is in it.");
  expect_retransmissions(report, truth);
}

TEST_F(PacketAnalysis, reordered_segments_are_no_retransmissions) {
  const auto late = static_cast<unsigned>(random.number(2, 4));
  wire.rule(reorder_nth(client_data, late, 1)).rule(reorder_nth(server_data, late, 1));
  {
    Pair pair = open(port);
    exchange(pair, random.number(9'000, 14'000), random.number(9'000, 14'000));
    finish(pair);
  }
  const Capture capture = as_received(frames());
  const auto truth = Truth::of(capture);
  require(truth.at(0).client.out_of_order > 0 && truth[0].server.out_of_order > 0,
          "no segment was overtaken by another one");
  likely_mistake(
      "This capture was taken at the far end of a cable on which segments overtook each other. A segment "
      "below the highest number seen is no retransmission when nothing that it carries has been seen before: "
      "it fills a gap. So the highest number alone does not tell; remember which numbers were there.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  likely_mistake("Bytes that come late are bytes: count what fills a gap.");
  expect_bytes(report, truth);
  likely_mistake(
      "With --segments the lines of retransmissions, and no other, hold the word \"retransmission\".");
  expect_segments(report, 0, truth[0], marks);
}

TEST_F(PacketAnalysis, duplicated_segments_count_as_sent_again) {
  const auto which = static_cast<unsigned>(random.number(2, 3));
  wire.rule([seen = 0u, which, wanted = client_data](const Frame& frame) mutable -> std::optional<Fate> {
    if (!wanted(frame) || ++seen != which) return std::nullopt;
    return Fate{{{}, {}}, "duplicated"};
  });
  {
    Pair pair = open(port);
    exchange(pair, random.number(4'000, 6'000), 500);
    finish(pair);
  }
  const Capture capture = as_received(frames());
  const auto truth = Truth::of(capture);
  require(truth.at(0).client.retransmissions > 0, "no segment arrived twice");
  likely_mistake(
      "The network delivered a segment twice. Nothing in it says whether the network or its sender doubled "
      "it, so what has been seen before counts as sent again.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  expect_bytes(report, truth);
}

TEST_F(PacketAnalysis, parts_sent_again_count_once) {
  Capture capture;
  const std::string data = random.bytes(900);
  Conversation talk = converse(capture);
  talk.handshake().client(PSH | ACK, data.substr(0, 500));
  const std::uint32_t after = talk.client_end().next;
  talk.client_end().next = after - 200;  // 200 old bytes and 300 new ones in one segment
  talk.client(PSH | ACK, data.substr(300, 500)).server(ACK);
  talk.client_end().next = after - 400;  // old bytes alone, cut otherwise than before
  talk.client(ACK, data.substr(100, 250));
  talk.client_end().next = after + 300;
  talk.client(PSH | ACK, data.substr(800)).server(ACK);
  const auto truth = Truth::of(capture);
  likely_mistake(
      "What is sent again need not be cut as it was before: a segment may carry old bytes and new ones, or "
      "parts of two others. It is a retransmission if any of it is old, and only what is new in it adds to "
      "the bytes. A list of the sequence numbers at which segments began is not enough.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  expect_bytes(report, truth);
}

TEST_F(PacketAnalysis, keep_alive_is_no_retransmission) {
  Capture capture;
  Conversation talk = converse(capture);
  talk.handshake()
      .client(PSH | ACK, random.bytes(300))
      .server(ACK)
      .server(PSH | ACK, random.bytes(40))
      .client(ACK);
  for (const char* probe : {"", "x"}) {
    --talk.client_end().next;  // one below what is expected: the server answers where it stands
    talk.pause(7200s).client(ACK, probe);
    if (*probe == '\0') ++talk.client_end().next;
    talk.server(ACK);
  }
  const auto truth = Truth::of(capture);
  likely_mistake(
      "After a long silence a host asks whether the other one is still there: it sends a segment, with one "
      "byte of data or none, just below the highest number sent. That is a keep-alive (RFC 9293, section "
      "3.8.4), and no retransmission.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  expect_bytes(report, truth);
}

TEST_F(PacketAnalysis, sequence_numbers_wrap) {
  const auto lost = static_cast<unsigned>(random.number(4, 5));
  wire.rule(drop_nth(client_data, lost));
  const std::uint32_t up = static_cast<std::uint32_t>(random.number(7'000, 9'000)),
                      down = static_cast<std::uint32_t>(random.number(5'000, 7'000));
  {
    Pair pair = open(port);
    exchange(pair, up, down);
    finish(pair);
  }
  const Capture capture = moved_to_wrap(as_sent(frames()), up, down);
  const auto truth = Truth::of(capture);
  require(truth.at(0).client.retransmissions > 0, "the kernel did not send again what was lost");
  likely_mistake(
      "After sequence number 4294967295 comes 0, in the middle of this stream. Never ask which of two "
      "sequence numbers is the larger: take their difference modulo 2^32, and see how far one is from the "
      "other.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_retransmissions(report, truth);
  expect_segments(report, 0, truth[0], numbers);
}

// ---- how it ended
// ---------------------------------------------------------------------------------------------------

TEST_F(PacketAnalysis, closed_half_closed_and_open_are_told_apart) {
  const auto last = static_cast<std::uint16_t>(port + 2);
  Pair first = open(port);
  exchange(first, 100, 100);
  first.client.half_close();
  first.server.expect_end();
  send_in_pieces(first.server, 900);
  first.client.expect_receive(sent_);
  Pair second = open(static_cast<std::uint16_t>(port + 1));
  exchange(second, 200, 200);
  second.server.half_close();
  second.client.expect_end();
  Pair third = open(last);
  exchange(third, 300, 300);
  {
    const Capture capture = as_sent(frames());
    const auto truth = Truth::of(capture);
    const Report report = analyse(capture);
    expect_connections(report, truth);
    likely_mistake(
        "A FIN ends one direction. When only one side has sent its FIN the connection is half closed, by that "
        "side; when none has, it is open.");
    for (std::size_t i = 0; i < truth.size(); ++i) expect_end(report, i, truth[i].end());
    likely_mistake("What the other side sends after a FIN counts like everything before.");
    expect_bytes(report, truth);
  }
  first.server.half_close();
  first.client.expect_end();
  second.client.half_close();
  second.server.expect_end();
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake("When both sides have sent a FIN, whoever did first, the connection is closed.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  for (std::size_t i = 0; i < truth.size(); ++i) expect_end(report, i, truth[i].end());
}

TEST_F(PacketAnalysis, refused_and_unanswered_are_told_apart) {
  const auto silent_port = static_cast<std::uint16_t>(port + 1);
  wire.rule(drop((tcp && anything.to_port(silent_port)).from(client)));
  const auto try_to_connect = [&](std::uint16_t to) {
    const auto inside = client.visit();
    Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    const Address there = server.at(to);
    step("client: connect to " + there.to_string());
    (void)::connect(fd.get(), there.data(), *there.size());
    return fd;
  };
  const Descriptor refused = try_to_connect(port);
  (void)await_frames(wire, rst.from(server), 1, "RST from the server");
  const Descriptor unanswered = try_to_connect(silent_port);
  // Sent again after a second: a SYN alone does not make a connection, two do not either.
  (void)await_frames(wire, syn.to_port(silent_port), 2, "SYN");
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake(
      "The server's host answered the SYN with a RST, and nothing else ever came from there: nobody listens "
      "on that port, and the connection was refused. That is something else than one that was reset later.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_end(report, 0, "refused");
  likely_mistake(
      "The client sent its SYN, and nothing at all came from the server: not answered is something else than "
      "refused, or open.");
  expect_end(report, 1, "unanswered");
  likely_mistake("Neither of them has a SYN of the server, so its options and its window are not known.");
  for (const std::size_t one : {0u, 1u}) expect_options(report, one, "server", {});
}

TEST_F(PacketAnalysis, reset_tells_who_broke_off) {
  {
    Pair first = open(port);
    exchange(first, 100, 100);
    first.client.reset();
    first.server.expect_gone();
    Pair second = open(static_cast<std::uint16_t>(port + 1));
    exchange(second, 100, 100);
    second.client.half_close();
    second.server.expect_end();
    second.server.reset();
    second.client.expect_gone();
  }
  // The client's kernel knows nothing of this one, so it answers the server's SYN with a RST.
  const auto third = static_cast<std::uint16_t>(port + 2);
  TcpListener listener(story(), server, third);
  step("a SYN that the client's kernel did not send arrives at the server");
  const std::size_t resets = wire.count(rst.from(client));
  Bytes forged = frame_of({client.at(static_cast<std::uint16_t>(random.number(1100, 30000))),
                           server.at(third), random_number(), 0, SYN});
  std::ranges::copy(wire.frames(client_data).front().frame.bytes().first(12),
                    forged.begin());  // the real hardware addresses
  wire.inject(forged);
  (void)await_frames(wire, rst.from(client), resets + 1, "RST from the client");
  Capture capture = as_sent(frames());
  Conversation late = converse(capture);
  late.handshake().client(PSH | ACK, "bye").client(FIN | ACK).server(FIN | ACK).server(RST, "no such thing");
  const auto truth = Truth::of(capture);
  require(truth.size() == 4, "the hosts said more to each other than was planned");
  likely_mistake("A RST ends both directions at once. Who sent the first one has broken off the connection.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_end(report, 0, truth[0].end());
  likely_mistake(
      "The client had finished sending (FIN), but the server had not when it sent its RST: that is a "
      "connection broken off by the server: not half closed, and not refused either, for the server had "
      "answered before.");
  expect_end(report, 1, truth[1].end());
  likely_mistake(
      "The server had answered the SYN, so this is no refusal: the client broke off, and the handshake was "
      "never complete.");
  expect_end(report, 2, truth[2].end());
  expect_handshake(report, 2, truth[2]);
  likely_mistake(
      "Both sides had sent their FIN before the RST came. The connection was closed by then, and the RST "
      "changes nothing.");
  expect_end(report, 3, truth[3].end());
  likely_mistake("What stands in a RST is no data of the stream: a segment with RST carries nothing.");
  expect_bytes(report, truth);
}

TEST_F(PacketAnalysis, ports_used_again_make_another_connection) {
  Capture capture;
  const Conversation::End here{client.at(static_cast<std::uint16_t>(random.number(32768, 60000))),
                               random_number()},
      there{server.at(port), random_number()};
  Conversation first(capture, here, there);
  first.client(SYN)
      .pause(1s)
      .again(1)
      .server(SYN | ACK)
      .client(ACK)
      .client(PSH | ACK, random.bytes(250))
      .server(ACK);
  first.client(FIN | ACK).server(FIN | ACK).client(ACK);
  // The new numbers may well be lower than the old ones.
  Conversation second(capture,
                      {here.at, here.next - static_cast<std::uint32_t>(random.number(1'000'000, 9'000'000))},
                      {there.at, there.next + 77'777});
  second.pause(60s).handshake().client(PSH | ACK, random.bytes(120)).server(PSH | ACK, random.bytes(80));
  Conversation third(
      capture, {here.at, here.next + static_cast<std::uint32_t>(random.number(1'000'000, 9'000'000))}, there);
  third.pause(60s).client(SYN).server(RST | ACK);
  const auto truth = Truth::of(capture);
  likely_mistake(
      "The same two ports are used for one connection after the other. A SYN without ACK that does not repeat "
      "the SYN of the connection before, with the same sequence number, begins another one; a SYN that does "
      "repeat it was sent again.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_retransmissions(report, truth);
  for (std::size_t i = 0; i < truth.size(); ++i) expect_end(report, i, truth[i].end());
}

TEST_F(PacketAnalysis, capture_may_begin_in_the_middle) {
  {
    Pair first = open(port);
    exchange(first, random.number(2'000, 4'000), random.number(2'000, 4'000));
    finish(first);
  }
  Capture capture = as_sent(frames());
  const auto handshake = static_cast<std::ptrdiff_t>(random.number(4, 6));
  capture.erase(capture.begin(), capture.begin() + handshake);
  converse(capture).server(SYN | ACK).client(ACK).client(PSH | ACK, random.bytes(111)).server(ACK);
  converse(capture).client(SYN).client(ACK).client(PSH | ACK, random.bytes(77)).server(ACK);
  const auto truth = Truth::of(capture);
  likely_mistake(
      "Without a SYN, whoever speaks first in the file counts as the client; with the server's SYN with ACK "
      "alone, whom it is sent to.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  likely_mistake(
      "No SYN, no options, no handshake: what the file does not tell is shown as -, and the handshake is "
      "\"unseen\"; with one of the two SYNs it is \"incomplete\".");
  for (std::size_t i = 0; i < truth.size(); ++i) {
    expect_handshake(report, i, truth[i]);
    expect_value(report, i, "client", "mss", or_dash(truth[i].client.mss));
  }
  likely_mistake(
      "Without a SYN the first number of a side that the file tells, be it a sequence number of its own or an "
      "acknowledgment of the other side's, counts as 1. Without the flag ACK there is no acknowledgment, "
      "whatever stands in that field.");
  for (std::size_t i = 0; i < truth.size(); ++i) expect_segments(report, i, truth[i], numbers);
  expect_bytes(report, truth);
}

// ---- what else is in frames and files
// -------------------------------------------------------------------------------

TEST_F(PacketAnalysis, padding_of_short_frames_is_no_data) {
  {
    Pair pair = open(port);
    exchange(pair, random.number(1, 5), 3);
    finish(pair);
  }
  Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  for (Recorded& one : capture) {
    if (one.bytes.size() < 60) one.bytes.resize(60);
    const Bytes more = to_bytes(random.bytes(random.number(4, 40)));  // some drivers leave even more there
    one.bytes.insert(one.bytes.end(), more.begin(), more.end());
  }
  likely_mistake(
      "An Ethernet frame has at least 60 bytes, and shorter ones are filled up. Where the packet ends is told "
      "by the total length in its IP header, not by the length of the frame.");
  const Report report = analyse(capture, {"--segments"});
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_segments(report, 0, truth[0], numbers);
}

TEST_F(PacketAnalysis, vlan_tags_and_ip_options_are_stepped_over) {
  {
    Pair pair = open(port);
    exchange(pair, random.number(2'000, 3'000), random.number(1'000, 2'000));
    finish(pair);
  }
  const Capture plain = as_sent(frames());
  const auto truth = Truth::of(plain);
  constexpr std::uint16_t customer = 0x8100, service = 0x88a8;
  const auto vlan = static_cast<std::uint16_t>(random.number(2, 4000));
  Capture tagged = plain, with_options = plain, both = plain;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    tagged[i].bytes = with_tag(plain[i].bytes, customer, vlan);
    with_options[i].bytes = with_ip_options(plain[i].bytes, std::string(4 * random.number(1, 9), '\x01'));
    both[i].bytes = with_tag(with_tag(with_options[i].bytes, customer, vlan), service, 7);
  }
  likely_mistake(
      "A VLAN tag of 4 bytes stands before the EtherType of these frames: where 0x8100 stands, the EtherType "
      "comes 4 bytes later.");
  Report report = analyse(tagged);
  expect_connections(report, truth);
  expect_bytes(report, truth);
  likely_mistake(
      "An IP header need not have 20 bytes: the lower four bits of its first byte are its length, in units of "
      "4 bytes, and options may follow the addresses.");
  report = analyse(with_options);
  expect_connections(report, truth);
  expect_bytes(report, truth);
  likely_mistake(
      "There may be several tags, one behind the other; the outer one of a provider has type 0x88a8.");
  report = analyse(both);
  expect_connections(report, truth);
  expect_bytes(report, truth);
}

TEST_F(PacketAnalysis, snapped_packets_count_whole) {
  {
    Pair pair = open(port);
    exchange(pair, random.number(3'000, 5'000), random.number(3'000, 5'000));
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake(
      "Whoever captured kept only the beginning of each packet (its \"snap length\"). How much data a segment "
      "carried is told by its headers, not by what is left of it in the file.");
  Report report = analyse(pcap(capture, {.snap = 96}));
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_options(report, 0, "client", truth[0].client);
  likely_mistake(
      "The first 20 bytes of the TCP header are all that is needed; options that were cut off are unknown, "
      "and no reason to give up the segment.");
  report = analyse(pcap(capture, {.snap = 14 + 20 + 20}));
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_options(report, 0, "client", {.window = truth[0].client.window});
  likely_mistake(
      "Packets whose TCP header was cut off within its first 20 bytes tell nothing: they are passed over.");
  report = analyse(pcap(capture, {.snap = random.number(14, 14 + 20 + 19)}));
  expect_connections(report, {});
}

TEST_F(PacketAnalysis, other_packets_are_passed_over) {
  Pair pair = open(port);
  exchange(pair, 500, 500);
  const Capture real = as_sent(frames());
  const Bytes whole = real.back().bytes;
  std::vector<Bytes> others;
  const auto changed = [&](std::size_t at, std::uint64_t value, std::size_t width) {
    Bytes bytes = frame_of(
        {client.at(port), server.at(port), random_number(), random_number(), PSH | ACK, random.bytes(100)});
    put(bytes, at, value, width);
    others.push_back(bytes);
  };
  changed(12, 0x0806, 2);             // ARP, to look at
  changed(12, 0x0064, 2);             // IEEE 802.3: a length
  changed(12, 0x86dd, 2);             // IPv6, but the packet is none
  changed(ip_at + 9, 17, 1);          // UDP
  changed(ip_at + 9, 1, 1);           // ICMP
  changed(ip_at + 6, 0x00b9, 2);      // a later fragment: what stands there is no TCP header
  changed(ip_at, 0x44, 1);            // an IP header of 16 bytes
  changed(ip_at, 0x65, 1);            // version 6 under IPv4's EtherType
  changed(ip_at + 2, 19, 2);          // a packet shorter than its header
  changed(ip_at + 2, 39, 2);          // one that has no room for a TCP header
  changed(ip_at + 20 + 12, 0x40, 1);  // a TCP header of 16 bytes
  for (const std::size_t size : {0u, 1u, 13u, 14u, 15u, 33u})
    others.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
  Bytes tags_only = with_tag(with_tag(whole, 0x8100, 1), 0x8100, 2);
  tags_only.resize(18);
  others.push_back(tags_only);
  Capture capture;
  for (const Recorded& one : real) {
    for (std::size_t i = random.number(0, 2); i > 0; --i)
      capture.push_back({others[random.number(0, others.size() - 1)], one.time});
    capture.push_back(one);
  }
  for (const Bytes& one : others) capture.push_back({one, real.back().time});
  const auto truth = Truth::of(real);
  likely_mistake(
      "Not every packet is TCP over IPv4, and not every one is whole. Look at the EtherType, the version, the "
      "protocol, the fragment offset, and at each length before you believe what comes after; what does not "
      "fit is passed over.");
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_bytes(report, truth);
  expect_retransmissions(report, truth);
}

TEST_F(PacketAnalysis, byte_order_and_resolution_do_not_matter) {
  wire.rule(delay(syn_ack, std::chrono::milliseconds(random.number(2, 9))));
  {
    Pair pair = open(port);
    exchange(pair, random.number(2'000, 3'000), random.number(1'000, 2'000));
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      step(fmt::format("a file of a {}-endian machine, with times in {}", big_endian ? "big" : "little",
                       nanoseconds ? "nanoseconds" : "microseconds"));
      likely_mistake(
          "The numbers of the file header and of each packet's header are in the byte order of the machine "
          "that wrote the file; the magic number tells which, and whether times count micro- or nanoseconds. "
          "Inside the packets it is network byte order always.");
      const auto read = [&](std::uint32_t link_type) {
        const Report report = analyse(
            pcap(capture, {.big_endian = big_endian, .nanoseconds = nanoseconds, .link_type = link_type}));
        expect_connections(report, truth);
        expect_handshake(report, 0, truth[0]);
        expect_bytes(report, truth);
      };
      read(1);
      likely_mistake(
          "Of the four bytes of the link type the lower 16 bits are the type: 1, Ethernet. What stands in the "
          "upper ones (here: how long a checksum behind each frame would be) is not asked for.");
      read(0x20000001);
    }
  }
}

TEST_F(PacketAnalysis, damaged_files_are_clear_errors) {
  Capture capture;
  converse(capture).handshake().client(PSH | ACK, random.bytes(200)).server(ACK);
  const bool big_endian = random.number(0, 1) == 1;
  const std::string good = pcap(capture, {.big_endian = big_endian});
  const std::size_t last = good.size() - 16 - capture.back().bytes.size();  // where the last packet begins
  const auto expect_complaint = [&](const std::string& what, const std::string& file) {
    step("a file that is damaged: " + what);
    Program& program = start(file);
    program.expect_exit(1);
    program.expect_error({path_});
  };
  likely_mistake(
      "A file that does not begin with one of the magic numbers is no capture file, and neither is one that "
      "is shorter than the header. That is an error with the file's name, and exit status 1.");
  expect_complaint("a text",
                   "This is not a capture file, although it is longer than a file header would be.\n");
  expect_complaint("empty", "");
  expect_complaint("the file header is cut off", good.substr(0, random.number(4, 23)));
  likely_mistake(
      "The packets of this file are not Ethernet frames: its header says another link type. Read as Ethernet "
      "they would make no sense.");
  expect_complaint("another link type", pcap(capture, {.big_endian = big_endian, .link_type = 113}));
  likely_mistake(
      "The file ends in the middle of a packet: fewer bytes are left than it should have. What was whole "
      "before may be reported, but the exit status is 1, with a line on standard error that names the file.");
  expect_complaint("it ends in the middle of a packet", good.substr(0, good.size() - random.number(1, 50)));
  expect_complaint("it ends in the middle of a packet's header", good.substr(0, last + random.number(1, 15)));
  likely_mistake(
      "The length that a packet's header states is a claim like any other. Compare it with what the file has "
      "left, before you make room for it or read.");
  for (const std::uint32_t length : {0xffffffffu, 0x7ffffff0u, 0xfffffff0u}) {
    Writer header(big_endian);
    header.number(1'700'000'000, 4).number(0, 4).number(length, 4).number(length, 4);
    expect_complaint(fmt::format("a packet of {} bytes", length),
                     good.substr(0, last) + header.take() + good.substr(last + 16));
  }
  likely_mistake("A file that is not there is an error of open, with the name and the reason.");
  Program& missing = run(desk, {"/captures/nothing.pcap"}, {.input = "", .watched = {}, .limits = {}});
  missing.expect_exit(1);
  missing.expect_error({"/captures/nothing.pcap", "No such file"});
  likely_mistake(
      "A file with a header and without any packet is a whole one: there is nothing to report, and nothing "
      "wrong.");
  expect_connections(analyse(good.substr(0, 24)), {});
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

TEST_F(PacketAnalysis, pcapng_is_read) {
  wire.rule(delay(syn_ack, std::chrono::milliseconds(random.number(2, 9))));
  {
    Pair pair = open(port);
    exchange(pair, random.number(2'000, 3'000), random.number(1'000, 2'000));
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  const auto block = [](bool big, std::uint32_t type, const std::string& body) {
    Writer content(big);
    content.text(body).pad_to(4);
    const std::size_t total = content.take().size() + 12;
    return Writer(big).number(type, 4).number(total, 4).text(content.take()).number(total, 4).take();
  };
  const auto section = [&](bool big) {
    return block(big, 0x0a0d0d0a,
                 Writer(big).number(0x1a2b3c4d, 4).number(1, 2).number(0, 2).number(~0ull, 8).take());
  };
  const auto interface = [&](bool big, unsigned link, const std::string& options) {
    return block(big, 1, Writer(big).number(link, 2).number(0, 2).number(262144, 4).text(options).take());
  };
  const auto resolution = [](bool big, unsigned value) {
    return Writer(big)
        .number(2, 2)
        .number(5, 2)
        .text("wlan0")
        .pad_to(4)
        .number(9, 2)
        .number(1, 2)
        .number(value, 1)
        .pad_to(4)
        .number(0, 4)
        .take();
  };
  const auto packet = [&](bool big, std::uint32_t which, std::uint64_t ticks, const Bytes& bytes) {
    Writer body(big);
    body.number(which, 4)
        .number(ticks >> 32, 4)
        .number(ticks & 0xffffffff, 4)
        .number(bytes.size(), 4)
        .number(bytes.size(), 4);
    return block(big, 6, body.bytes(bytes, bytes.size()).take());
  };
  const auto file = [&](bool big) {
    std::string text = section(big) + interface(big, 1, "") + interface(big, 113, "") +
                       interface(big, 1, resolution(big, 9)) + interface(big, 1, resolution(big, 0x80 + 30));
    text += block(big, 4, "names, of no interest");
    for (std::size_t i = 0; i < capture.size(); ++i) {
      const auto nanoseconds = static_cast<std::uint64_t>(capture[i].time.count());
      const std::uint64_t seconds = nanoseconds / 1'000'000'000, rest = nanoseconds % 1'000'000'000;
      if (i % 3 == 0) text += packet(big, 0, nanoseconds / 1000, capture[i].bytes);
      if (i % 3 == 1) text += packet(big, 2, nanoseconds, capture[i].bytes);
      if (i % 3 == 2) text += packet(big, 3, seconds << 30 | (rest << 30) / 1'000'000'000, capture[i].bytes);
      if (i % 4 == 0) text += packet(big, 1, nanoseconds / 1000, capture[i].bytes);  // not Ethernet
      if (i % 5 == 0) text += block(big, 0x00000bad, random.bytes(10));
    }
    return text;
  };
  likely_mistake(
      "pcapng is a row of blocks, and a program that reads it passes over those it does not know. Each "
      "interface has its own link type and its own resolution of times (option 9 of its description; "
      "microseconds without it). Options and blocks are filled up to multiples of 4 bytes.");
  for (const bool big : {false, true}) {
    step(fmt::format("pcapng of a {}-endian machine", big ? "big" : "little"));
    const Report report = analyse(file(big));
    expect_connections(report, truth);
    expect_bytes(report, truth);
    expect_handshake(report, 0, truth[0]);
  }
  likely_mistake(
      "A new section may be of another byte order, and knows nothing of the interfaces of the one before. A "
      "simple packet block holds nothing but a length and a packet.");
  std::string sections = section(true) + interface(true, 113, "") + section(false) + interface(false, 1, "");
  for (const Recorded& one : capture)
    sections +=
        block(false, 3, Writer(false).number(one.bytes.size(), 4).bytes(one.bytes, one.bytes.size()).take());
  const Report report = analyse(sections);
  expect_connections(report, truth);
  expect_bytes(report, truth);
  likely_mistake("What is cut off in the middle is an error in pcapng as well.");
  Program& cut = start(file(false).substr(0, file(false).size() - random.number(1, 11)));
  cut.expect_exit(1);
  cut.expect_error({path_});
}

TEST_F(PacketAnalysis, fast_retransmissions_are_told_from_time_outs) {
  Capture capture;
  Conversation talk = converse(capture);
  const std::string piece = random.bytes(500);
  // 1: three duplicate acknowledgments, and the segment that they ask for comes again; once more after a
  // time-out.
  talk.handshake().client(ACK, piece).server(ACK);
  const std::uint32_t lost = talk.client_end().next;
  for (int i = 0; i < 5; ++i) talk.client(ACK, piece);
  const std::uint32_t sent = talk.client_end().next;
  talk.client_end().next = lost;
  for (int i = 0; i < 3; ++i) talk.server(ACK);
  talk.client(ACK, piece);
  talk.client_end().next = lost;
  talk.server(ACK).server(ACK).server(ACK).pause(300ms).client(ACK, piece);
  talk.client_end().next = sent;
  talk.server(ACK);
  // 2: two duplicates, a window that changes, and data: not three.
  Conversation other = converse(capture);
  other.handshake().client(ACK, piece).server(ACK);
  const std::uint32_t begin = other.client_end().next;
  for (int i = 0; i < 4; ++i) other.client(ACK, piece);
  other.client_end().next = begin;
  other.server(ACK)
      .server(ACK)
      .server(ACK, "", "", 900)
      .server(PSH | ACK, "data of its own", "", 900)
      .pause(400ms)
      .client(ACK, piece);
  // 3: a time-out without any duplicate, from the server's side.
  Conversation third = converse(capture);
  third.handshake().server(PSH | ACK, piece).pause(250ms).again(1).client(ACK);
  const auto truth = Truth::of(capture);
  const Report report = analyse(capture);
  expect_connections(report, truth);
  expect_retransmissions(report, truth);
  likely_mistake(
      "Three duplicate acknowledgments ask for a segment, and it is sent at once, without waiting for a "
      "time-out: that is the fast retransmission (RFC 5681, section 3.2). When the same segment is sent yet "
      "again before more is acknowledged, that was a time-out.");
  expect_value(report, 0, "client", "fast", "1");
  likely_mistake(
      "The first acknowledgment is no duplicate, and neither is one with data or with another window (RFC "
      "5681, section 2): there were only two.");
  expect_value(report, 1, "client", "fast", "0");
  likely_mistake("Nobody asked for this segment: the sender waited in vain for its acknowledgment.");
  expect_value(report, 2, "server", "fast", "0");
}

TEST_F(PacketAnalysis, ladder_shows_every_segment) {
  wire.rule(drop_nth(client_data, 2));
  {
    Pair pair = open(port);
    exchange(pair, random.number(2'000, 3'000), random.number(500, 2'000));
    finish(pair);
  }
  const Capture capture = as_sent(frames());
  const auto truth = Truth::of(capture);
  likely_mistake(
      "With --ladder each segment is a line that begins with \"ladder\", and holds flags, seq, ack and "
      "length, as with --segments.");
  const Report report = analyse(capture, {"--ladder"});
  expect_connections(report, truth);
  const std::vector<Line> lines = report.at(0).all("ladder");
  expect(lines.size() == truth[0].segments.size(),
         fmt::format("{} lines that begin with the word \"ladder\"", truth[0].segments.size()),
         fmt::format("{} do", lines.size()));
  std::set<std::pair<std::size_t, std::size_t>> bars;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const SegmentTruth& is = truth[0].segments[i];
    const std::string& text = lines[i].text;
    const std::size_t left = text.find('|'), right = text.rfind('|');
    likely_mistake(
        "A ladder has two posts, | and |, with an arrow between them: it ends in > at the right post for the "
        "client's segments, and begins with < at the left post for the server's.");
    expect(left != std::string::npos && right > left + 2, "two posts, | and |, on each line",
           "the line says \"" + text + "\"");
    expect((text[right - 1] == '>') == is.from_client && (text[left + 1] == '<') == !is.from_client,
           is.from_client ? "an arrow to the right, ending in >|" : "an arrow to the left, beginning with |<",
           "the line says \"" + text + "\"");
    bars.emplace(left, right);
    likely_mistake(
        "What is written on an arrow is what --segments would say: flags, seq, ack and length, and the word "
        "\"retransmission\" where it is one.");
    const std::string acknowledgment = (is.flags & ACK) != 0 ? std::to_string(is.acknowledgment) : "-";
    expect(parts_of(lines[i].value("flags")) == parts_of(flag_names(is.flags)) &&
               lines[i].value("seq") == std::to_string(is.sequence) &&
               lines[i].value("ack") == acknowledgment &&
               lines[i].value("length") == std::to_string(is.length) &&
               lines[i].holds("retransmission") == is.retransmission,
           fmt::format("flags={} seq={} ack={} length={}{}", flag_names(is.flags), is.sequence,
                       acknowledgment, is.length, is.retransmission ? " retransmission" : ""),
           "the line says \"" + text + "\"");
  }
  likely_mistake("The posts of a ladder stand upright: in the same columns on every line.");
  expect(bars.size() == 1, "both posts in the same columns on every line",
         fmt::format("they stand in {} different places", bars.size()));
}

/// The same IPv6 frame with a hop-by-hop header and destination options before the TCP header.
Bytes with_extension_headers(Bytes frame) {
  constexpr std::size_t length_at = 14 + 4, next_at = 14 + 6, header_end = 14 + 40;
  Bytes inserted(8 + 16);
  put(inserted, 0, 60, 1);       // hop by hop: destination options follow
  put(inserted, 2, 0x0104, 2);   // filled up
  put(inserted, 8, 6, 1);        // TCP follows
  put(inserted, 9, 1, 1);        // 16 bytes long
  put(inserted, 10, 0x010c, 2);  // filled up
  put(frame, next_at, 0, 1);
  put(frame, length_at, get(frame, length_at, 2) + inserted.size(), 2);
  frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(header_end), inserted.begin(), inserted.end());
  return frame;
}

TEST_F(PacketAnalysis, ipv6_connections_are_read) {
  const std::string network = fmt::format("fd00:{:x}:0:1::", random.number(1, 0xfff0));
  Host& left = net.host("left", fmt::format("{}{:x}/64", network, random.number(1, 0xff)));
  Host& right = net.host("right", fmt::format("{}{:x}/64", network, random.number(0x100, 0xffff)));
  Segment& cable = net.link(left, right);
  {
    TcpListener listener(story(), right, port);
    TcpPeer here = connect(left, right.at(port));
    Pair pair{std::move(here), listener.accept()};
    exchange(pair, random.number(2'000, 3'000), random.number(1'000, 2'000));
    Pair old = open(port);
    exchange(old, 100, 200);
  }
  Capture capture = as_sent(cable.frames(tcp));
  std::ranges::copy(as_sent(frames()), std::back_inserter(capture));
  const auto truth = Truth::of(capture);
  likely_mistake(
      "An IPv6 address is written as RFC 5952 says, in brackets before a port. The length in the IPv6 header "
      "does not count that header itself.");
  Report report = analyse(capture);
  expect_connections(report, truth);
  for (std::size_t i = 0; i < truth.size(); ++i) expect_handshake(report, i, truth[i]);
  expect_bytes(report, truth);
  for (Recorded& one : capture) {
    if (get(one.bytes, 12, 2) == 0x86dd) one.bytes = with_extension_headers(one.bytes);
  }
  likely_mistake(
      "Extension headers may stand between the IPv6 header and TCP; each says which header is next, and how "
      "long it is itself. They are no data.");
  report = analyse(capture);
  expect_connections(report, truth);
  expect_bytes(report, truth);
}

}  // namespace
}  // namespace wirelab
