// What a program must do that speaks TCP by itself. The client's host is hushed (Host::hush_tcp): its kernel
// does not know the program's connections and would answer their segments with RST. It is made to say
// nothing, in its routing table and not by a filter on the cable, so that every RST that is seen comes from
// the program. The other side is an ordinary server of the kernel's TCP, or one whose every segment is
// written by hand. The names are those of lab.toml, where the points are.

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <tins/tins.h>

#include <algorithm>
#include <set>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/checks/compare.hh"
#include "grader/network/checksum.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t widest = 65535;      // a window that is no hindrance
constexpr std::size_t usual_segment = 1460;  // bytes of data in an Ethernet packet
constexpr std::size_t least_window = 8192;   // what the contract asks the program to announce

std::string http_answer(const std::string& body, const std::string& status = "200 OK",
                        const std::string& length_name = "Content-Length") {
  return fmt::format(
             "HTTP/1.0 {}\r\nServer: wirelab\r\n{}: {}\r\nContent-Type: application/octet-stream\r\n\r\n",
             status, length_name, body.size()) +
         body;
}

/// The same without a length: it ends when the connection does.
std::string http_answer_without_length(const std::string& body) {
  return "HTTP/1.0 200 OK\r\nServer: wirelab\r\nContent-Type: application/octet-stream\r\n\r\n" + body;
}

// ---- a server of the kernel's TCP ---------------------------------------------------------------

/// A request as it is written in a program: with `\\r\\n` for the ends of its lines.
std::string written(std::string_view request) {
  std::string text;
  for (const char one : request) {
    if (one == '\r' || one == '\n') {
      text += one == '\r' ? "\\r" : "\\n";
    } else {
      text += one;
    }
  }
  return '"' + text + '"';
}

/// Reads until the empty line of a request has come.
std::string read_request(Story& story, const TcpPeer& peer) {
  story.step(peer.name() + ": read the request, up to its empty line");
  std::string request;
  std::array<char, 4096> buffer;
  const auto deadline = Clock::now() + patience;
  while (request.find("\r\n\r\n") == std::string::npos) {
    const bool ready = story.wait(deadline, [&](Clock::time_point until) {
      pollfd event{peer.fd(), POLLIN, 0};
      return poll(&event, 1, static_cast<int>(std::max<std::int64_t>((until - Clock::now()) / 1ms, 0))) > 0;
    });
    const ssize_t count = ready ? recv(peer.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT) : -1;
    if (ready && count < 0 && errno == EAGAIN) continue;
    if (count <= 0) {
      story.fail("an HTTP request that ends in an empty line (\"\\r\\n\\r\\n\")",
                 fmt::format("{} and then {}",
                             request.empty() ? "nothing came" : "only " + written(request) + " came",
                             !ready       ? "nothing more"
                             : count == 0 ? "the end of the stream"
                                          : "the connection was reset"));
    }
    request.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return request;
}

/// Sends everything, as fast as the other side takes it; `patience` is for every step of it.
void send_all(Story& story, const TcpPeer& peer, std::string_view bytes) {
  story.step(fmt::format("{}: send {}", peer.name(), describe(bytes)));
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::send(peer.fd(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == ECONNRESET || errno == EPIPE) {
      story.fail("the program takes the bytes",
                 fmt::format("it broke the connection off after about {} of {} bytes", sent, bytes.size()));
    }
    if (errno != EAGAIN && errno != EINTR) throw_errno("send");
    const bool ready = story.wait(Clock::now() + patience, [&](Clock::time_point until) {
      pollfd event{peer.fd(), POLLOUT, 0};
      return poll(&event, 1, static_cast<int>(std::max<std::int64_t>((until - Clock::now()) / 1ms, 0))) > 0;
    });
    if (!ready)
      story.fail("the program takes the bytes",
                 fmt::format("it has stopped: only {} of {} bytes could be sent", sent, bytes.size()));
  }
}

// ---- a server by hand ---------------------------------------------------------------------------

/// A segment to the program, with what may be odd about it. What is not set is as it should be.
struct Crafted {
  std::uint8_t flags = tcp_flag::ack;
  std::optional<std::uint32_t> sequence = {};
  std::optional<std::uint32_t> acknowledgment = {};
  std::uint16_t window = widest;
  std::optional<std::uint16_t> largest = {};  ///< MSS option
  std::string data = {};
  std::optional<Address> from = {};
  std::optional<std::uint16_t> to_port = {};
  bool long_headers = false;  ///< options in both headers
  bool damaged = false;       ///< one bit of the segment is changed on its way
};

/// The server's end of one connection, segment by segment. It counts the bytes of both directions from 0, and
/// judges by itself what holds at all times: checksums, and that nothing is acknowledged that has not come.
class ByHand {
 public:
  ByHand(Story& story, Random& random, Segment& wire, const Host& client, Host& server, std::uint16_t port)
      : story_(story),
        wire_(wire),
        host_(server),
        client_(client.at(0)),
        server_(server.at(port)),
        from_program_(tcp.from(client).to(server_)),
        first_(static_cast<std::uint32_t>(random.number(0x80000000, 0xF0000000))) {
    server.hush_tcp();
    earlier_ = wire.count(from_program_);
  }

  /// Where the server's own sequence numbers begin. To be set before the handshake.
  void begin_at(std::uint32_t number) { first_ = number; }

  // -- the program's segments

  /// Takes in what the program has sent, until `holds`. False when that did not come to be in time.
  bool wait(const std::function<bool()>& holds, std::chrono::nanoseconds within = patience) {
    const auto deadline = Clock::now() + within;
    look();
    return holds() || story_.wait(deadline, [&](Clock::time_point until) {
      wire_.wait_for(from_program_, earlier_ + seen_.size() + 1, until);
      look();
      return holds();
    });
  }

  /// Waits for the program's SYN, and returns it.
  Headers await_syn() {
    story_.step("server: wait for a SYN");
    if (!wait([&] { return program_first_.has_value(); }))
      fail("a SYN to " + server_.to_string(), "none came");
    return seen_.front().frame.headers();
  }

  /// Answers the SYN, and waits until the program has acknowledged that.
  void open(Crafted answer = {.largest = usual_segment}) {
    const Headers is = await_syn();
    answer.flags = tcp_flag::syn | tcp_flag::ack;
    story_.step(
        fmt::format("server: SYN-ACK with sequence number {}, acknowledging {}", first_, is.sequence + 1));
    answer.sequence = first_;
    opened_ = true;
    send(answer);
    story_.step("server: wait for the acknowledgment of the SYN-ACK");
    if (!wait([&] { return acknowledged_.has_value(); })) {
      fail(fmt::format("a segment that acknowledges {}", first_ + 1), "none came");
    }
  }

  /// Waits for the whole request, and acknowledges it.
  std::string await_request() {
    story_.step("server: wait for the request, up to its empty line");
    if (!wait([&] { return received_.find("\r\n\r\n") != std::string::npos; })) {
      fail("an HTTP request that ends in an empty line (\"\\r\\n\\r\\n\")",
           received_.empty() ? "no data came" : "only " + written(received_) + " came");
    }
    acknowledge();
    return received_;
  }

  /// Waits until the program has acknowledged so many bytes (FIN counts as one).
  void await_acknowledgment(std::size_t bytes) {
    story_.step(fmt::format("server: wait until {} bytes are acknowledged", bytes));
    if (wait([&] { return acknowledged() >= bytes; })) return;
    fail(fmt::format("an acknowledgment of {} bytes (number {})", bytes, number(bytes)),
         fmt::format("the last one is of {} bytes (number {})", acknowledged(), number(acknowledged())));
  }

  /// Waits for further segments that acknowledge exactly so many bytes. One that was under way before would
  /// look the same: `settle` comes first, unless the number is new.
  void await_repeated_acknowledgment(std::size_t bytes, std::size_t segments_before) {
    story_.step(fmt::format("server: wait for another acknowledgment of {} bytes", bytes));
    const auto again = [&] {
      return std::any_of(seen_.begin() + static_cast<std::ptrdiff_t>(std::min(segments_before, seen_.size())),
                         seen_.end(), [&](const CapturedFrame& one) {
                           const Headers& is = one.frame.headers();
                           return (is.flags & tcp_flag::ack) != 0 && is.acknowledgment == number(bytes);
                         });
    };
    if (wait(again)) return;
    fail(fmt::format("an acknowledgment of {} bytes (number {}), in answer to that segment", bytes,
                     number(bytes)),
         "none came");
  }

  /// Waits for the program's FIN.
  void await_fin() {
    story_.step("server: wait for the program's FIN");
    if (!wait([&] { return fin_; })) fail("a FIN from the program", "none came");
  }

  // -- the server's segments

  /// What the server is going to say.
  void have(std::string stream) {
    stream_ = std::move(stream);
    delivered_.assign(stream_.size(), false);
  }

  /// A segment that acknowledges what has come so far.
  void send(Crafted segment) { inject(complete(std::move(segment))); }

  void acknowledge(std::uint16_t window = widest) { send({.window = window}); }

  /// The bytes [begin, end) of the stream, as one segment. Returns how many segments the program had sent
  /// before.
  std::size_t piece(std::size_t begin, std::size_t end, Crafted how = {}) {
    look();
    const std::size_t before = seen_.size();
    how.sequence = number(begin);
    how.data = stream_.substr(begin, end - begin);
    if ((how.flags & tcp_flag::fin) != 0 && end == stream_.size()) fin_delivered_ = true;
    if (!how.damaged && !how.from && !how.to_port && !how.acknowledgment) {
      std::fill(delivered_.begin() + static_cast<std::ptrdiff_t>(begin),
                delivered_.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    story_.step(fmt::format("server: segment with bytes {} to {}{}{}", begin, end - 1,
                            (how.flags & tcp_flag::fin) != 0 ? " and FIN" : "",
                            how.damaged ? ", damaged on its way" : ""));
    send(std::move(how));
    return before;
  }

  /// The next bytes, and their acknowledgment. A raw socket hands segments over in the order in which they
  /// came: when these bytes are acknowledged, all that the program answers to earlier segments has been sent,
  /// with lower numbers. So whatever carries this number from now on was sent for what reaches the program
  /// next. (Times cannot tell: a program that is slow to wake answers old segments after the new one came.)
  void settle(std::size_t bytes = 100) {
    const std::size_t end = acknowledged() + bytes;
    piece(acknowledged(), end);
    await_acknowledgment(end);
  }

  /// The FIN behind the last byte of the stream.
  std::size_t finish(Crafted how = {}) {
    look();
    const std::size_t before = seen_.size();
    how.flags = tcp_flag::fin | tcp_flag::ack;
    how.sequence = number(stream_.size());
    story_.step("server: FIN");
    fin_delivered_ = true;
    send(std::move(how));
    return before;
  }

  /// Everything up to `end` that the program has not acknowledged yet, as a server does it: within the
  /// window, and again from the gap when no acknowledgment comes. With `fin` the FIN as well.
  void deliver(std::size_t end, bool fin = false) {
    constexpr std::size_t size = usual_segment;
    story_.step(fmt::format("server: send bytes {} to {}{}, again where they are not acknowledged",
                            acknowledged(), end - 1, fin ? " and a FIN" : ""));
    const std::size_t goal = end + (fin ? 1 : 0);
    auto deadline = Clock::now() + patience;
    while (acknowledged() < goal) {
      const std::size_t before = acknowledged();
      const std::size_t sent = send_burst(before, end, fin, size);
      (void)wait([&] { return acknowledged() >= sent; }, 300ms);
      if (acknowledged() > before) deadline = Clock::now() + patience;
      if (Clock::now() > deadline) {
        fail(fmt::format("{} bytes are acknowledged in the end", goal),
             fmt::format("{} are, and for {} s no more, though the server sends again what comes next",
                         acknowledged(), patience.count()));
      }
    }
  }

  void deliver_all(bool fin = true) { deliver(stream_.size(), fin); }

  // -- how things stand

  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.value_or(0); }
  [[nodiscard]] std::uint32_t number(std::size_t byte) const {
    return first_ + 1 + static_cast<std::uint32_t>(byte);
  }
  [[nodiscard]] std::uint32_t next_of_program() const {
    return number_of_program(received_.size()) + (fin_ ? 1 : 0);
  }
  [[nodiscard]] const std::vector<CapturedFrame>& seen() const { return seen_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] const Match& from_program() const { return from_program_; }

  /// Where a data segment of the program begins, counted from its first byte.
  [[nodiscard]] std::size_t place_of(const Headers& is) const {
    return is.sequence - program_first_.value_or(0) - 1;
  }

  /// The number of a byte of the program's.
  [[nodiscard]] std::uint32_t number_of_program(std::size_t byte) const {
    return program_first_.value_or(0) + 1 + static_cast<std::uint32_t>(byte);
  }

  /// How far the program's windows have reached: the first byte beyond.
  [[nodiscard]] std::size_t edge() const { return edge_; }

  /// What has come was thrown away: it is to come again.
  void forget_received() { received_.clear(); }

  [[noreturn]] void fail(const std::string& expected, const std::string& actual) {
    story_.fail(expected, actual);
  }

 private:
  static constexpr std::size_t burst = 8;  // segments

  /// Returns how many bytes have then been sent in all.
  std::size_t send_burst(std::size_t from, std::size_t end, bool fin, std::size_t size) {
    const std::size_t edge = std::min({end, from + std::max<std::size_t>(window_, 1), from + burst * size});
    std::size_t at = from;
    while (at < edge) {
      const std::size_t next = std::min(edge, at + size);
      std::fill(delivered_.begin() + static_cast<std::ptrdiff_t>(at),
                delivered_.begin() + static_cast<std::ptrdiff_t>(next), true);
      send({.sequence = number(at), .data = stream_.substr(at, next - at)});
      at = next;
    }
    if (!fin || at < end) return at;
    fin_delivered_ = true;
    send({.flags = tcp_flag::fin | tcp_flag::ack, .sequence = number(stream_.size())});
    return end + 1;
  }

  Crafted complete(Crafted segment) {
    if (!segment.sequence) segment.sequence = number(acknowledged());
    if (!segment.acknowledgment) segment.acknowledgment = next_of_program();
    return segment;
  }

  void inject(const Crafted& segment) {
    const Address from = segment.from.value_or(server_);
    const std::uint16_t to_port = segment.to_port.value_or(program_port_);
    Tins::TCP tcp_header(to_port, from.port());
    tcp_header.flags(segment.flags);
    tcp_header.seq(*segment.sequence);
    tcp_header.ack_seq(*segment.acknowledgment);
    tcp_header.window(segment.window);
    if (segment.largest) tcp_header.mss(*segment.largest);
    Tins::IP ip_header(client_.host(), from.host());
    ip_header.ttl(64);
    if (segment.long_headers) {
      // Padding, as some machines on the way leave it behind, and an option that nobody knows (RFC 4727,
      // section 2).
      for (int i = 0; i < 4; ++i) ip_header.noop();
      for (int i = 0; i < 4; ++i) tcp_header.add_option(Tins::TCP::option(Tins::TCP::NOP));
      const std::uint8_t unknown[] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc};
      tcp_header.add_option(
          Tins::TCP::option(static_cast<Tins::TCP::OptionTypes>(254), sizeof unknown, unknown));
    }
    Tins::EthernetII ethernet = Tins::EthernetII(program_mac_, server_mac_) / ip_header / tcp_header;
    if (!segment.data.empty()) ethernet /= Tins::RawPDU(segment.data);
    const auto serial = ethernet.serialize();
    const auto* begin = reinterpret_cast<const std::byte*>(serial.data());
    Bytes bytes(begin, begin + serial.size());
    if (segment.from) return wire_.inject(bytes);  // a stranger's
    if (!segment.damaged) return wire_.inject(bytes, host_);
    const std::size_t end = 14 + ip_header.header_size() + tcp_header.header_size() + segment.data.size();
    const auto on_its_way = wire_.impair(rewrite(tcp.from(host_), [end](const Frame& frame) {
      Bytes changed(frame.bytes().begin(), frame.bytes().end());
      changed[end - 2] ^= std::byte{0x10};  // of the data, or else of the header's end
      return changed;
    }));
    wire_.inject(bytes, host_);
  }

  void look() {
    auto frames = wire_.frames(from_program_);
    for (std::size_t i = earlier_ + seen_.size(); i < frames.size(); ++i) {
      note(frames[i]);
      seen_.push_back(std::move(frames[i]));
    }
  }

  void note(const CapturedFrame& one) {
    const Headers& is = one.frame.headers();
    if (const std::string trouble = checksum_trouble(one.frame.bytes()); !trouble.empty()) {
      story_.likely_mistake(
          "Segments with a wrong checksum are thrown away by whoever gets them, so nothing can come of the "
          "rest. The check \"every checksum is right\" tells more.");
      story_.fail("segments with right checksums", trouble);
    }
    if ((is.flags & tcp_flag::syn) != 0 && !program_first_) {
      program_first_ = is.sequence;
      program_port_ = is.source.port();
      program_mac_ = Tins::HWAddress<6>(is.source_mac.data());
      server_mac_ = Tins::HWAddress<6>(is.destination_mac.data());
    }
    if (!program_first_ || (is.flags & (tcp_flag::syn | tcp_flag::rst)) != 0) return;
    if (opened_ && (is.flags & tcp_flag::ack) != 0) note_acknowledgment(is);
    const std::size_t place = place_of(is);
    if (place <= received_.size() && place + is.payload.size() >= received_.size()) {
      received_ += is.payload.substr(received_.size() - place);
      if ((is.flags & tcp_flag::fin) != 0) fin_ = true;
    }
  }

  void note_acknowledgment(const Headers& is) {
    const std::uint32_t bytes = is.acknowledgment - number(0);
    const auto here = static_cast<std::size_t>(std::ranges::find(delivered_, false) - delivered_.begin());
    const std::size_t most = here + (fin_delivered_ && here == stream_.size() ? 1 : 0);
    if (bytes > most && bytes < 0x80000000) {
      fail(fmt::format("acknowledgments of what has come without a gap: {} bytes (number {})", most,
                       number(most)),
           fmt::format("the program acknowledges {} bytes (number {})", bytes, is.acknowledgment));
    }
    if (bytes > most) return;  // of something else: old, or not of this connection
    acknowledged_ = std::max<std::size_t>(bytes, acknowledged_.value_or(0));
    window_ = is.window;
    edge_ = std::max(edge_, bytes + window_);
  }

  Story& story_;
  Segment& wire_;
  const Host& host_;
  Address client_, server_;
  Match from_program_;
  std::uint32_t first_;
  std::string stream_;
  std::vector<bool> delivered_;
  bool fin_delivered_ = false;
  bool opened_ = false;  // the true SYN-ACK has been sent

  std::size_t earlier_ = 0;  // frames of programs that have ended
  std::vector<CapturedFrame> seen_;
  std::uint16_t program_port_ = 0;
  Tins::HWAddress<6> program_mac_, server_mac_;
  std::optional<std::uint32_t> program_first_;
  std::optional<std::size_t> acknowledged_;
  std::size_t window_ = 0;
  std::size_t edge_ = 0;
  std::string received_;
  bool fin_ = false;
};

// ---- the stage ----------------------------------------------------------------------------------

/// The program on one host, a server on the other, a cable between them.
class RawTcp : public Check {
 protected:
  RawTcp() { client.hush_tcp(); }

  Program& fetch(const std::vector<std::string>& options = {}, Circumstances how = {}) {
    return fetch_page(path, options, std::move(how));
  }

  Program& fetch_page(const std::string& page, const std::vector<std::string>& options = {},
                      Circumstances how = {}) {
    std::vector<std::string> arguments = {server.at(0).host(), page, "-p", std::to_string(port)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    how.raw_sockets = true;
    how.limits.output = 4 << 20;
    return run(client, arguments, std::move(how));
  }

  ByHand by_hand() { return {story(), random, wire, client, server, port}; }

  /// The connection is open, the request has come, and the server has this to say.
  void open_and_hear(ByHand& peer, const std::string& stream) {
    peer.have(stream);
    peer.open();
    (void)peer.await_request();
  }

  /// Both sides close: the server's FIN has come already.
  void expect_good_end(ByHand& peer, Program& program, const std::string& body) {
    peer.await_fin();
    peer.acknowledge();
    program.expect_exit(0);
    program.expect_output(body);
  }

  std::vector<std::string> address = random.neighbours(3);
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Segment& wire = net.link(client, server);
  const Address stranger = InterfaceAddress::parse(address[2]).address;
  const std::uint16_t port = random.port();
  const std::string path = "/" + random.words(1) + "/" + random.words(1) + ".html";
  const Match sent = tcp.from(client);
  const Match data_of_server = with_payload && tcp.from(server);
  const Match pure_ack = tcp.from(client) && !with_payload && !syn && !fin && !rst;
};

/// The kinds of options in a SYN, without padding.
std::set<int> option_kinds(const Frame& frame) {
  const auto byte = [&](std::size_t at) {
    return at < frame.bytes().size() ? std::to_integer<std::size_t>(frame.bytes()[at]) : 0;
  };
  const std::size_t begin = 14 + frame.headers().header_length;
  const std::size_t end = begin + (byte(begin + 12) >> 4) * 4;
  std::set<int> kinds;
  for (std::size_t at = begin + 20; at < end && byte(at) != 0;) {
    if (byte(at) != 1) kinds.insert(static_cast<int>(byte(at)));
    at += byte(at) == 1 ? 1 : std::max<std::size_t>(byte(at + 1), 2);
  }
  return kinds;
}

// ---- the handshake ------------------------------------------------------------------------------

TEST_F(RawTcp, handshake_opens_the_connection) {
  ByHand peer = by_hand();
  fetch();
  likely_mistake(
      "The first segment of a connection is a SYN and nothing else: no ACK, for there is nothing to "
      "acknowledge, and no data. On the cable its numbers are in network byte order, as are the port and "
      "the addresses.");
  const Headers first = peer.await_syn();
  expect(first.flags == tcp_flag::syn, "a first segment with the flag SYN alone",
         "it is " + peer.seen().front().frame.summary());
  expect(first.payload.empty(), "a SYN without data",
         fmt::format("it carries {} bytes", first.payload.size()));
  expect(first.source.port() >= 1024, "a source port of 1024 or above",
         fmt::format("it is {}", first.source.port()));
  likely_mistake(
      "The third segment of the handshake acknowledges the server's SYN, which takes up one number: its "
      "acknowledgment number is the server's sequence number plus 1. The server's numbers begin anywhere, "
      "also above 2^31.");
  peer.open();
  step("look at the third segment");
  // Behind the SYN: what repeats it because the machine was slow does not matter.
  const auto third =
      std::ranges::find_if(peer.seen(), [](const CapturedFrame& one) { return !syn(one.frame); });
  expect(third != peer.seen().end() &&
             (third->frame.headers().flags & (tcp_flag::syn | tcp_flag::rst | tcp_flag::fin)) == 0,
         "an ACK without SYN", "it is " + peer.seen().back().frame.summary());
  const Headers& is = third->frame.headers();
  likely_mistake(
      "Our own SYN took up one sequence number, too: the next segment has the first one plus 1, and so has "
      "the request.");
  expect(is.sequence == first.sequence + 1,
         fmt::format("sequence number {}, one behind the SYN's", first.sequence + 1),
         fmt::format("it is {}", is.sequence));
  expect(is.acknowledgment == peer.number(0), fmt::format("acknowledgment number {}", peer.number(0)),
         fmt::format("it is {}", is.acknowledgment));
  (void)peer.await_request();
  step("the request begins with the same number");
  const auto request =
      std::ranges::find_if(peer.seen(), [](const CapturedFrame& one) { return with_payload(one.frame); });
  expect(request->frame.headers().sequence == first.sequence + 1,
         fmt::format("sequence number {}", first.sequence + 1),
         fmt::format("it is {}", request->frame.headers().sequence));
  for (const CapturedFrame& one : peer.seen()) {
    likely_mistake(
        "Every segment says how much may come: a window of at least 8192 bytes, so that the server need not "
        "trickle.");
    expect(one.frame.headers().window >= least_window,
           fmt::format("windows of {} bytes or more", least_window),
           fmt::format("one announces {}", one.frame.headers().window));
  }
}

TEST_F(RawTcp, syn_offers_a_maximum_segment_size) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const Headers first = peer.await_syn();
  likely_mistake(
      "The option is four bytes long: kind 2, length 4, and the size in network byte order. They count as a "
      "sixth word in the header's length. On Ethernet the size is 1500 less two headers of 20 bytes each.");
  expect(first.maximum_segment_size.has_value(), "a SYN with the option \"maximum segment size\"",
         "it has none");
  expect(*first.maximum_segment_size == usual_segment, fmt::format("a size of {}", usual_segment),
         fmt::format("it is {}", *first.maximum_segment_size));
  likely_mistake(
      "Whoever offers an option must be able to do what it means. The contract asks for this one and no "
      "other.");
  const auto kinds = option_kinds(peer.seen().front().frame);
  expect(kinds == std::set<int>{2}, "no other option", fmt::format("{} kinds of options", kinds.size()));
  const std::string body = random.bytes(5 * usual_segment);
  open_and_hear(peer, http_answer(body));
  likely_mistake(
      "Segments of just the size that was offered have to be taken whole: look at the buffer that they are "
      "received into.");
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, every_checksum_is_right) {
  const Match wrong([](const Frame& frame) { return !checksum_trouble(frame.bytes()).empty(); });
  const auto look = [&] {
    step("look at the checksums of the program's segments");
    for (const CapturedFrame& one : wire.frames(sent)) {
      const std::string trouble = checksum_trouble(one.frame.bytes());
      expect(trouble.empty(), "right checksums in every segment",
             fmt::format("in \"{}\" {}", one.frame.summary(), trouble));
    }
  };
  TcpListener listener(story(), server, port);
  const std::string checksum =
      "The checksum covers the pseudo header (both addresses, protocol 6, and the length of header and data "
      "together), the TCP header with zeros in the checksum's place, and the data; a last odd byte counts "
      "as the upper half of a word. Overflow is added back in, and the complement goes into the header, "
      "most significant byte first.";
  likely_mistake(checksum);
  for (const std::string& page : {path, path + "l"}) {  // one of the two requests has an odd length
    const Match telling = sent && (with_payload || wrong);
    const std::size_t before = wire.count(telling);
    Program& program = fetch_page(page);
    step("on the cable: wait for the request, or for a segment with a wrong checksum");
    (void)story().wait(Clock::now() + patience,
                       [&](Clock::time_point until) { return wire.wait_for(telling, before + 1, until); });
    look();
    (void)read_request(story(), listener.accept());
    program.kill();
  }
  Program& program = fetch();
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  const std::string body = random.bytes(3001);
  likely_mistake("The same sum tells whether a segment that comes is whole: here one has an odd length. " +
                 checksum);
  send_all(story(), peer, http_answer(body));
  peer.half_close();
  program.expect_exit(0);
  program.expect_output(body);
  look();
}

TEST_F(RawTcp, ports_and_sequence_numbers_cannot_be_foreseen) {
  constexpr std::size_t runs = 8;
  server.hush_tcp();  // nobody answers
  for (std::size_t i = 0; i < runs; ++i) fetch();
  likely_mistake("Each of the eight programs begins with a SYN of its own.");
  step("on the cable: wait for the first SYN of each");
  std::set<std::pair<std::uint16_t, std::uint32_t>> begins;
  const auto look = [&] {
    begins.clear();
    for (const CapturedFrame& one : wire.frames(syn.from(client)))
      begins.emplace(one.frame.headers().source.port(), one.frame.headers().sequence);
    return begins.size();
  };
  const bool all = story().wait(Clock::now() + patience, [&](Clock::time_point until) {
    const std::size_t frames = wire.count(syn.from(client));
    return look() >= runs || (wire.wait_for(syn.from(client), frames + 1, until) && look() >= runs);
  });
  std::set<std::uint16_t> ports;
  std::set<std::uint32_t> numbers;
  for (const auto& [from, number] : begins) {
    ports.insert(from);
    numbers.insert(number);
  }
  likely_mistake(
      "Port and sequence number are the same in every run, or follow from the time or the process number, "
      "which are the same or nearly so for all of them. Who can guess them can speak in a connection "
      "without seeing it. Draw them from std::random_device, or seed a generator from it.");
  step("compare ports and sequence numbers");
  expect(!begins.empty(), "a SYN from each program", "there is none");
  expect(ports.size() > runs / 2, "other ports in every run",
         fmt::format("{} runs use {} in all", runs, ports.size()));
  expect(numbers.size() == runs && all, "other sequence numbers in every run",
         fmt::format("{} runs begin at {} in all", runs, numbers.size()));
  // Eight numbers drawn evenly all lie on a sixteenth of the circle once in some 30 million runs.
  std::uint32_t widest_gap = 0;
  for (auto one = numbers.begin(); one != numbers.end(); ++one) {
    const auto next = std::next(one) == numbers.end() ? numbers.begin() : std::next(one);
    widest_gap = std::max(widest_gap, *next - *one);
  }
  expect(
      widest_gap < 0xF0000000, "sequence numbers from the whole range",
      fmt::format("all of them lie close together, between {} and {}", *numbers.begin(), *numbers.rbegin()));
}

TEST_F(RawTcp, only_the_answer_to_the_syn_opens_it) {
  ByHand peer = by_hand();
  const std::string body = random.bytes(2000);
  peer.have(http_answer(body));
  Program& program = fetch();
  const Headers first = peer.await_syn();
  const auto opened = [](const CapturedFrame& one) {
    return (one.frame.headers().flags & (tcp_flag::syn | tcp_flag::rst)) == 0;
  };
  const auto expect_still_closed = [&](const std::string& what) {
    step("the program does not take it for an answer");
    expect(!peer.wait([&] { return std::ranges::any_of(peer.seen(), opened); }, 250ms),
           "no ACK, and no request", "the program takes " + what + " for the answer");
    program.expect_running();
  };
  const std::uint8_t both = tcp_flag::syn | tcp_flag::ack;
  const auto other_port = static_cast<std::uint16_t>(port + 1);
  likely_mistake(
      "Not every SYN-ACK answers our SYN. It must come from the server's address and port, with a right "
      "checksum, and acknowledge exactly our sequence number plus 1; any other is left over from an earlier "
      "connection, or forged.");
  step("server: SYN-ACKs that acknowledge one number too little, and one too many");
  peer.send({.flags = both, .sequence = 1000, .acknowledgment = first.sequence, .largest = usual_segment});
  peer.send(
      {.flags = both, .sequence = 2000, .acknowledgment = first.sequence + 2, .largest = usual_segment});
  expect_still_closed("a SYN-ACK with a wrong acknowledgment number");
  step("a SYN-ACK from another port of the server, and one from another host");
  peer.send({.flags = both, .sequence = 3000, .largest = usual_segment, .from = server.at(other_port)});
  peer.send({.flags = both, .sequence = 4000, .largest = usual_segment, .from = stranger.with_port(port)});
  expect_still_closed("a stranger's SYN-ACK");
  step("server: a SYN-ACK that was damaged on its way, an ACK without SYN, and a SYN-ACK for another port");
  peer.send({.flags = both, .sequence = 5000, .largest = usual_segment, .damaged = true});
  peer.send({.flags = tcp_flag::ack, .sequence = 6000});
  peer.send({.flags = both,
             .sequence = 7000,
             .largest = usual_segment,
             .to_port = static_cast<std::uint16_t>(first.source.port() ^ 1)});
  expect_still_closed("one of them");
  peer.open();
  (void)peer.await_request();
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

// ---- the page -----------------------------------------------------------------------------------

TEST_F(RawTcp, page_of_an_ordinary_server_is_printed) {
  TcpListener listener(story(), server, port);
  Program& program = fetch();
  likely_mistake(
      "An ordinary server answers the SYN and waits for a request; it hears nothing before both are right.");
  TcpPeer peer = listener.accept();
  const std::string request = read_request(story(), peer);
  likely_mistake(
      "An HTTP/1.1 request for a page: \"GET\", the path and \"HTTP/1.1\" with one blank between them; a "
      "line \"Host:\"; a line \"Connection: close\"; an empty line. Each line ends in \"\\r\\n\".");
  step("look at the request");
  expect(request.starts_with("GET " + path + " HTTP/1.1\r\n"),
         "a request that begins \"GET " + path + " HTTP/1.1\"", "it is " + written(request));
  expect(request.ends_with("\r\n\r\n") && request.find("\r\n\r\n") == request.size() - 4,
         "nothing behind the empty line", "it is " + written(request));
  std::string low = request;
  std::ranges::transform(low, low.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  expect(low.find("\r\nhost:") != low.npos && low.find(server.at(0).host()) != low.npos,
         "a line \"Host: " + server.at(port).to_string() + "\"", "it is " + written(request));
  expect(low.find("\r\nconnection: close\r\n") != low.npos, "a line \"Connection: close\"",
         "it is " + written(request));
  const std::string body = random.bytes(random.number(5000, 9000));
  send_all(story(), peer, http_answer(body));
  likely_mistake(
      "The answer comes in several segments, and ends with the byte that its Content-Length says. If the "
      "program waits on: has it taken every segment whole, and acknowledged it? Look at the acknowledgment "
      "numbers.");
  peer.half_close();
  program.expect_exit(0);
  likely_mistake(
      "The program prints the body of the answer, all of it and nothing else: no head, no newline behind "
      "it, no end at a zero byte.");
  program.expect_output(body);
  likely_mistake(
      "Both sides close with a FIN that the other one acknowledges. RST would tell the server that "
      "something went wrong.");
  peer.expect_end();
  expect_frames(wire, rst.from(client), 0, "RST from the program");
}

TEST_F(RawTcp, data_is_put_in_order) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(9000);
  const std::string stream = http_answer(body);
  open_and_hear(peer, stream);
  likely_mistake(
      "Segments overtake each other. One that begins behind a gap is answered with the number of the byte "
      "that is missing, and kept until the gap is filled (or thrown away: then the server sends it again); "
      "it is never put behind what came before it.");
  peer.settle();
  const std::size_t before = peer.piece(1000, 2000);
  peer.await_repeated_acknowledgment(100, before);
  peer.piece(3000, 4000);
  peer.piece(2000, 3000);
  peer.piece(100, 1000);
  peer.await_acknowledgment(1000);
  peer.deliver(4000);
  likely_mistake(
      "The FIN has its place in the row, too: behind the last byte. When it comes early it is not the end "
      "yet, and not to be acknowledged before everything in front of it is here.");
  peer.finish();
  peer.piece(6000, 7000);
  peer.piece(5000, 6000);
  peer.piece(4000, 5000);
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, repeated_data_is_taken_once_and_acknowledged_again) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(6000);
  open_and_hear(peer, http_answer(body));
  likely_mistake(
      "Every segment with data is acknowledged, within half a second, also when no further one follows.");
  peer.piece(0, 700);
  peer.await_acknowledgment(700);
  likely_mistake(
      "The server sends again what it believes lost, because an acknowledgment did not arrive or came late. "
      "What is here already is not taken twice, but it has to be acknowledged again: else the server "
      "repeats it for ever.");
  std::size_t before = peer.piece(0, 700);
  peer.await_repeated_acknowledgment(700, before);
  likely_mistake(
      "When a server sends again it may cut the bytes in other places. Of a segment that is partly here "
      "only the rest is new: neither all of it nor nothing.");
  peer.piece(700, 1500);
  peer.await_acknowledgment(1500);
  peer.piece(600, 2000);
  peer.await_acknowledgment(2000);
  peer.piece(2500, 3000);
  peer.piece(2400, 3400);
  peer.piece(1900, 2600);
  peer.deliver(3400);
  likely_mistake(
      "When its acknowledgment was lost, the server sends its SYN-ACK again. The answer is an ACK; nothing "
      "else changes.");
  peer.settle();
  step("server: the SYN-ACK once more");
  before = peer.seen().size();
  peer.send({.flags = tcp_flag::syn | tcp_flag::ack,
             .sequence = peer.number(0) - 1,
             .acknowledgment = peer.next_of_program(),
             .largest = usual_segment});
  peer.await_repeated_acknowledgment(3500, before);
  peer.deliver_all();
  likely_mistake(
      "Every byte is printed once: what is here already is no part of the new, also when a segment holds "
      "some of both.");
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, lost_segments_come_again) {
  const std::string body = random.bytes(20000);
  wire.rule(drop_first(syn_ack.from(server), 1));
  for (const unsigned n : {2u, 5u, 6u, 9u}) wire.rule(drop_nth(data_of_server, n));
  for (const unsigned n : {3u, 4u, 7u}) wire.rule(drop_nth(pure_ack, n));
  wire.rule(drop_first(fin.from(server), 1));
  wire.rule(duplicate(data_of_server));
  TcpListener listener(story(), server, port);
  Program& program = fetch();
  likely_mistake(
      "The cable loses some of the server's segments and of the acknowledgments, and carries others twice. "
      "The server notices, and sends them again: wait for it, acknowledge what comes, and take every byte "
      "once.");
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  send_all(story(), peer, http_answer(body));
  peer.half_close();
  program.expect_exit(0, 20s);
  program.expect_output(body);
}

TEST_F(RawTcp, damaged_segments_are_not_taken) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(5000);
  open_and_hear(peer, http_answer(body));
  peer.piece(0, 1000);
  peer.await_acknowledgment(1000);
  likely_mistake(
      "A raw socket hands over TCP segments as they came: the kernel has not looked at their checksum. One "
      "with a wrong checksum is to be thrown away, whatever it seems to say; it is not acknowledged, and "
      "the server sends it again.");
  peer.piece(1000, 2000, {.damaged = true});
  step("server: a RST that was damaged on its way");
  peer.send({.flags = tcp_flag::rst | tcp_flag::ack, .sequence = peer.number(1000), .damaged = true});
  expect(!peer.wait([&] { return peer.acknowledged() > 1000; }, 100ms), "no acknowledgment of damaged data",
         "it is acknowledged");
  program.expect_running();
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, strangers_are_not_heard) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(5000);
  open_and_hear(peer, http_answer(body));
  peer.piece(0, 1000);
  peer.await_acknowledgment(1000);
  likely_mistake(
      "A raw socket hands over every TCP segment that comes to this host. Only those are ours that come "
      "from the server's address and port and go to the port of this connection.");
  const std::string forged(1000, 'x');
  const auto other_port = static_cast<std::uint16_t>(port + 1);
  const auto own_port = peer.seen().front().frame.headers().source.port();
  step(
      "segments with forged data arrive: from another port, from another host, for another port of the "
      "client");
  for (const std::uint8_t flags : {tcp_flag::ack, std::uint8_t{tcp_flag::rst | tcp_flag::ack}}) {
    const std::string data = flags == tcp_flag::ack ? forged : "";
    peer.send({.flags = flags, .sequence = peer.number(1000), .data = data, .from = server.at(other_port)});
    peer.send(
        {.flags = flags, .sequence = peer.number(1000), .data = data, .from = stranger.with_port(port)});
    peer.send({.flags = flags,
               .sequence = peer.number(1000),
               .data = data,
               .to_port = static_cast<std::uint16_t>(own_port ^ 1)});
  }
  expect(!peer.wait([&] { return peer.acknowledged() > 1000; }, 100ms),
         "no acknowledgment of strangers' data", "it is acknowledged");
  program.expect_running();
  peer.settle();
  likely_mistake(
      "What belongs to other connections is other programs' business: theirs, or the kernel's. It is not "
      "answered, with RST least of all, for that would end a connection that is not ours.");
  expect_frames(wire, rst.from(client), 0, "RST from the program");
  likely_mistake(
      "Whoever forges a segment and sees nothing of the connection has to guess what it acknowledges. A "
      "segment that acknowledges bytes that were never sent is answered with an ACK, and its data is not "
      "taken.");
  const std::size_t before = peer.seen().size();
  step("a segment with forged data that acknowledges what was never sent");
  peer.send(
      {.sequence = peer.number(1100), .acknowledgment = peer.next_of_program() + 100000, .data = forged});
  peer.await_repeated_acknowledgment(1100, before);
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, longer_headers_are_read) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(3000);
  peer.have(http_answer(body));
  likely_mistake(
      "Both headers say how long they are, in words of four bytes. With options in them the data begins "
      "later than 40 bytes into the packet. Options that you do not know are passed over by their length.");
  peer.open({.largest = usual_segment, .long_headers = true});
  (void)peer.await_request();
  peer.piece(0, 900, {.long_headers = true});
  peer.await_acknowledgment(900);
  peer.piece(900, 1800, {.long_headers = true});
  peer.await_acknowledgment(1800);
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, sequence_numbers_wrap_around) {
  ByHand peer = by_hand();
  peer.begin_at(static_cast<std::uint32_t>(0) - static_cast<std::uint32_t>(random.number(3000, 4000)));
  Program& program = fetch();
  const std::string body = random.bytes(12000);
  open_and_hear(peer, http_answer(body));
  likely_mistake(
      "Sequence numbers have 32 bits and go on with 0 behind 4294967295. Two of them cannot be compared "
      "with <, nor sorted: what says which comes first is their difference modulo 2^32, taken as a signed "
      "number.");
  peer.deliver(2000);
  peer.piece(4000, 5000);  // behind the wrap in any case; what follows reaches across it
  peer.piece(5000, 6000);
  peer.piece(3000, 4000);
  peer.piece(2000, 3000);
  peer.deliver(6000);
  peer.settle();
  const std::size_t before = peer.piece(1000, 2000);
  peer.await_repeated_acknowledgment(6100, before);
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, a_megabyte_arrives_whole) {
  TcpListener listener(story(), server, port);
  Program& program = fetch();
  const std::string body = random.bytes(1000000);
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  likely_mistake(
      "On a longer transfer something runs out: a buffer of fixed size, a count of 16 bits, the window that "
      "is announced, or the time, if every piece is copied with all that came before.");
  send_all(story(), peer, http_answer(body));
  peer.half_close();
  program.expect_exit(0, 30s);
  program.expect_output(body);
}

TEST_F(RawTcp, body_ends_where_it_should) {
  TcpListener listener(story(), server, port);
  {
    Program& program = fetch();
    TcpPeer peer = listener.accept();
    (void)read_request(story(), peer);
    const std::string body = random.bytes(4000);
    likely_mistake("Without a Content-Length the body ends when the server closes the connection.");
    send_all(story(), peer, http_answer_without_length(body));
    peer.half_close();
    program.expect_exit(0);
    program.expect_output(body);
  }
  Program& program = fetch();
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  const std::string body = random.bytes(4000);
  likely_mistake(
      "Content-Length, in capitals or not, says how long the body is. Once so many bytes have come the page "
      "is complete: what follows is no part of it, and the program does not wait for the server, but closes.");
  send_all(story(), peer, http_answer(body, "200 OK", "content-length") + "no part of it");
  peer.expect_end();
  peer.half_close();
  program.expect_exit(0);
  program.expect_output(body);

  likely_mistake(
      "A body may have no bytes at all: the page is complete with the empty line, and the program closes. And "
      "only the header of this name says so, not one whose name ends like it.");
  Program& empty = fetch();
  TcpPeer last = listener.accept();
  (void)read_request(story(), last);
  send_all(story(), last,
           fmt::format("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nX-Content-Length: {}\r\n\r\n",
                       random.number(1, 100)));
  last.expect_end();
  last.half_close();
  empty.expect_exit(0);
  empty.expect_output("");
}

// ---- the end ------------------------------------------------------------------------------------

TEST_F(RawTcp, both_sides_close) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(3000);
  const std::string answer = http_answer_without_length(body);
  open_and_hear(peer, answer);
  peer.deliver(answer.size() - 1000);
  likely_mistake(
      "The server has finished: its FIN takes up one number, and is acknowledged like a byte. It may come with "
      "the last data in one segment, and stands behind it there, too.");
  peer.piece(answer.size() - 1000, answer.size(), {.flags = tcp_flag::fin | tcp_flag::ack});
  peer.await_acknowledgment(answer.size() + 1);
  likely_mistake(
      "The program has to finish, too: its own FIN follows its last byte. Ending the process sends nothing.");
  peer.await_fin();
  likely_mistake(
      "The program ends before its FIN has been acknowledged. If the FIN is lost now, the server never "
      "hears of the end, and nobody is there any more to send it again.");
  step("the FIN is not acknowledged yet: the program waits");
  expect(!program.process().wait(Clock::now() + 400ms).has_value(),
         "a program that waits for the acknowledgment of its FIN", "it has ended");
  peer.acknowledge();
  program.expect_exit(0);
  program.expect_output(body);
  expect_frames(wire, rst.from(client), 0, "RST from the program");
}

// ---- what goes wrong ----------------------------------------------------------------------------

TEST_F(RawTcp, refusal_is_reported) {
  Program& program = fetch();
  likely_mistake(
      "Nobody listens on the port, and the server's host says so with a RST that acknowledges the SYN. Then "
      "it is of no use to wait.");
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string(), "refused"});
  program.expect_output("");
  expect_frames(wire, syn.from(client), 1, "SYN");

  likely_mistake(
      "A refusal acknowledges the SYN. A RST that does not is from somebody who has not seen it: anybody "
      "could keep us from connecting that way.");
  ByHand peer = by_hand();
  Program& second = fetch();
  const Headers again = peer.await_syn();
  step("server: a RST that acknowledges another number, and one that acknowledges nothing");
  peer.send({.flags = tcp_flag::rst | tcp_flag::ack, .sequence = 0, .acknowledgment = again.sequence});
  peer.send({.flags = tcp_flag::rst, .sequence = 0, .acknowledgment = 0});
  expect(!second.process().wait(Clock::now() + 250ms).has_value(), "the program waits for a true answer",
         "it has ended");
  peer.open();
}

TEST_F(RawTcp, reset_is_reported) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(6000);
  open_and_hear(peer, http_answer(body));
  peer.deliver(2000);
  likely_mistake(
      "A RST counts only when its sequence number is exactly the one that is expected next. Far away from "
      "there it is old, or forged by somebody who guesses.");
  step("RSTs with numbers outside the window arrive");
  peer.send({.flags = tcp_flag::rst, .sequence = peer.number(2000) + 200000, .acknowledgment = 0});
  peer.send({.flags = tcp_flag::rst | tcp_flag::ack, .sequence = peer.number(2000) - 5000});
  expect(!program.process().wait(Clock::now() + 250ms).has_value(), "the program goes on", "it has ended");
  peer.deliver(3000);
  likely_mistake(
      "The server has broken the connection off. The page will not become complete: say so, and exit with "
      "status 1. A RST counts with ACK and without it: what matters is its sequence number.");
  step("server: RST with the very next number, and without ACK: it acknowledges nothing");
  peer.send({.flags = tcp_flag::rst, .sequence = peer.number(3000), .acknowledgment = 0});
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string(), "reset"});
}

TEST_F(RawTcp, silence_is_reported) {
  server.hush_tcp();
  const auto start = Clock::now();
  const auto tenths = random.number(12, 18);
  const auto silence = tenths * 100ms;
  Program& program = fetch({"--silence", fmt::format("{:.1f}", static_cast<double>(tenths) / 10)});
  const auto begin = await_frames(wire, syn.from(client), 1, "SYN").front().time;
  likely_mistake(
      "Nobody answers. After as many seconds of silence as --silence says the program gives up, and exits "
      "with status 1.");
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string()});
  step(fmt::format("that was {} ms after the SYN", silence / 1ms));
  const auto waited = program.process().exit()->time - begin;
  expect_time(waited, silence * 95 / 100 - 5ms, silence * 3 / 2 + 300ms, machine_delay(start, program),
              fmt::format("{} ms of waiting", silence / 1ms),
              fmt::format("it gave up after {} ms", waited / 1ms));
}

TEST_F(RawTcp, silence_is_not_broken_by_strangers) {
  const auto silence = 1500ms;
  ByHand peer = by_hand();
  Program& program = fetch({"--silence", "1.5"});
  const std::string body = random.bytes(6000);
  open_and_hear(peer, http_answer(body));
  peer.deliver(2000);
  const auto last = wire.frames(tcp.from(server.at(port))).back().time;
  likely_mistake(
      "The server falls silent in the middle of the page, while others go on talking. Every segment on the "
      "raw socket makes the program wait anew, but only a whole segment of its own connection is a sign of "
      "life. Fix the moment when the wait ends, and wait for what is left.");
  step("segments of strangers and damaged ones go on arriving, ten in a second");
  const auto own_port = peer.seen().front().frame.headers().source.port();
  while (!program.process().exit() && Clock::now() < last + 3 * silence) {
    peer.send({.sequence = peer.number(2000), .data = "x", .from = stranger.with_port(port)});
    peer.send(
        {.sequence = peer.number(2000), .data = "x", .to_port = static_cast<std::uint16_t>(own_port ^ 1)});
    peer.send({.sequence = peer.number(2000), .data = "x", .damaged = true});
    (void)program.process().wait(Clock::now() + 100ms);
  }
  step(fmt::format("the program gives up {} ms after the server's last segment", silence / 1ms));
  const auto exit = program.process().exit();
  const auto waited = (exit ? exit->time : Clock::now()) - last;
  expect_time(waited, silence * 95 / 100 - 5ms, silence * 2, machine_delay(last, program),
              fmt::format("{} ms of waiting", silence / 1ms),
              exit ? fmt::format("it gave up after {} ms", waited / 1ms)
                   : fmt::format("after {} ms it is still running", waited / 1ms));
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string()});
}

TEST_F(RawTcp, answer_other_than_200_is_an_error) {
  TcpListener listener(story(), server, port);
  Program& program = fetch();
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  send_all(story(), peer, http_answer("<h1>Nothing here</h1>", "404 Not Found"));
  peer.half_close();
  likely_mistake(
      "The first line of the answer says 404: what follows is the server's excuse and not the page. The "
      "program prints nothing, says what the server said on standard error, and exits with status 1.");
  program.expect_exit(1);
  program.expect_error({"404"});
  program.expect_output("");
}

TEST_F(RawTcp, answer_cut_short_is_an_error) {
  TcpListener listener(story(), server, port);
  Program& program = fetch();
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  const std::string answer = http_answer(random.bytes(5000));
  send_all(story(), peer, answer.substr(0, answer.size() - 1));
  peer.half_close();
  likely_mistake(
      "Content-Length promised more than came before the server's FIN. A page with a piece missing is no "
      "success: exit with status 1, and say so.");
  program.expect_exit(1);
  program.expect_error({path});
}

TEST_F(RawTcp, interruptions_do_no_harm) {
  TcpListener listener(story(), server, port);
  Program& program = fetch({}, {.watched = {Call::receive, Call::wait, Call::send},
                                .faults = {interrupt(Call::receive).after(1), interrupt(Call::wait).after(1),
                                           interrupt(Call::send).after(1)}});
  likely_mistake(
      "A signal may interrupt every call that waits. One that fails with EINTR has done nothing: it is "
      "called again. That is no error, and no silence either.");
  TcpPeer peer = listener.accept();
  (void)read_request(story(), peer);
  const std::string body = random.bytes(8000);
  send_all(story(), peer, http_answer(body));
  peer.half_close();
  program.expect_exit(0);
  program.expect_output(body);
  if (program.process().struck(Call::receive) == 0) program.expect_struck(Call::wait, 1);
}

TEST_F(RawTcp, missing_privilege_is_told) {
  likely_mistake(
      "Without the capability CAP_NET_RAW the kernel gives nobody a raw socket. socket fails, and the "
      "reason belongs into the error message.");
  Program& program = run(client, {server.at(0).host(), path, "-p", std::to_string(port)});
  program.expect_exit(1);
  program.expect_error({"socket", "not permitted"});
}

// ---- stretch ------------------------------------------------------------------------------------

TEST_F(RawTcp, lost_syn_is_sent_again) {
  ByHand peer = by_hand();
  Program& program = fetch();
  likely_mistake(
      "Nobody but the program knows that its SYN was lost: it has to send it again, first after 1 s, then "
      "after 2 s more.");
  const auto tries = await_frames(wire, syn.from(client), 3, "SYN");
  expect_gaps({tries.begin(), tries.begin() + 3}, {1000ms, 2000ms}, program);
  likely_mistake(
      "It is one SYN, sent again: the same port and the same sequence number. Others would be another "
      "connection.");
  step("compare the SYNs");
  for (const CapturedFrame& one : tries) {
    expect(one.frame.headers().sequence == tries.front().frame.headers().sequence,
           "the same sequence number each time", "another one");
    expect(one.frame.headers().source == tries.front().frame.headers().source, "the same port each time",
           "another one");
  }
  const std::string body = random.bytes(2000);
  open_and_hear(peer, http_answer(body));
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, lost_request_is_sent_again) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(2000);
  peer.have(http_answer_without_length(body));
  peer.open();
  const std::uint32_t first_number =
      peer.number_of_program(0);  // of a request in several segments, the first one
  const Match data = peer.from_program() && with_payload && Match([first_number](const Frame& frame) {
                       return frame.headers().sequence == first_number;
                     });
  likely_mistake(
      "Data that is not acknowledged is sent again, the same bytes with the same numbers: after 1 s, then "
      "after 2 s more. The wait begins anew with every acknowledgment of something new, as after the SYN.");
  const auto tries = await_frames(wire, data, 3, "request");
  expect_gaps({tries.begin(), tries.begin() + 3}, {1000ms, 2000ms}, program);
  likely_mistake(
      "It is the same bytes with the same sequence numbers: the server knows by these that it is no second "
      "request.");
  step("compare the segments");
  for (const CapturedFrame& one : tries) {
    expect(one.frame.headers().sequence == tries.front().frame.headers().sequence,
           "the same sequence number each time", "another one");
    expect(one.frame.headers().payload == tries.front().frame.headers().payload, "the same bytes each time",
           "other ones");
  }
  (void)peer.await_request();
  const std::size_t repeats = wire.count(data);
  peer.deliver_all();
  likely_mistake("A FIN that is not acknowledged is sent again like data, first after 1 s.");
  const auto ends = await_frames(wire, peer.from_program() && fin, 2, "FIN");
  expect_gaps({ends.begin(), ends.begin() + 2}, {1000ms}, program);
  expect(ends[0].frame.headers().sequence == ends[1].frame.headers().sequence,
         "the same sequence number each time", "another one");
  likely_mistake("What has been acknowledged is not sent again.");
  expect_frames(wire, data, repeats, "request");
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, servers_window_and_segment_size_are_honoured) {
  const std::string long_path = "/" + std::string(random.number(3000, 3500), 'p');
  const auto largest = static_cast<std::uint16_t>(random.number(300, 400));
  constexpr std::uint16_t window = 1000;
  ByHand peer = by_hand();
  Program& program = fetch_page(long_path);
  const std::string body = random.bytes(2000);
  peer.have(http_answer(body));
  peer.open({.window = window, .largest = largest});
  likely_mistake(
      "The server says how much it takes: in one segment as its SYN-ACK's option says, and altogether, "
      "counted from the number that it acknowledges, as much as the window of its last segment.");
  std::size_t taken = 0;
  do {
    const std::size_t reach = taken + window;
    step(fmt::format("server: take what comes, up to byte {}", reach));
    if (!peer.wait([&] { return peer.received().size() > taken; })) {
      peer.fail("more of the request", fmt::format("after {} bytes nothing more came", taken));
    }
    for (std::size_t before = 0;
         before < peer.received().size();) {  // until it rests, as it must with a full window
      before = peer.received().size();
      (void)peer.wait([&] { return peer.received().size() > before; }, 50ms);
    }
    for (const CapturedFrame& one : peer.seen()) {
      const Headers& is = one.frame.headers();
      const std::size_t end = peer.place_of(is) + is.payload.size();
      if (is.payload.empty()) continue;
      expect(is.payload.size() <= largest, fmt::format("at most {} bytes in a segment", largest),
             fmt::format("one carries {}", is.payload.size()));
      expect(end <= reach, fmt::format("nothing beyond byte {}, where the window ends", reach),
             fmt::format("a segment reaches to byte {}", end));
    }
    taken = peer.received().size();
    peer.acknowledge(window);
  } while (peer.received().find("\r\n\r\n") == std::string::npos);
  expect(peer.received().starts_with("GET " + long_path + " HTTP/1.1\r\n"), "the whole request",
         "it is another");
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, segments_have_536_bytes_if_the_server_does_not_say) {
  const std::string long_path = "/" + std::string(random.number(1500, 2000), 'p');
  ByHand peer = by_hand();
  Program& program = fetch_page(long_path);
  const std::string body = random.bytes(2000);
  peer.have(http_answer(body));
  peer.open({.window = widest});
  (void)peer.await_request();
  likely_mistake(
      "A server that says nothing of a maximum segment size takes 536 bytes of data in one (RFC 9293, "
      "section 3.7.1).");
  step("look at the segments of the request");
  for (const CapturedFrame& one : peer.seen()) {
    const std::size_t size = one.frame.headers().payload.size();
    expect(size <= 536, "at most 536 bytes in a segment", fmt::format("one carries {}", size));
  }
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, closed_window_is_probed) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(2000);
  peer.have(http_answer(body));
  likely_mistake(
      "The server's window is 0: not a byte of the request may go, but for the probe. That goes after the "
      "time-out, one byte or none, and again after twice the time: the server answers each, and says how "
      "its window is now. Without it both would wait for ever when the segment that opens the window is "
      "lost.");
  peer.open({.window = 0, .largest = usual_segment});
  const auto is_probe = [&](const CapturedFrame& one) {
    const Headers& is = one.frame.headers();
    if ((is.flags & (tcp_flag::syn | tcp_flag::rst)) != 0) return false;
    const std::size_t place = peer.place_of(is);
    return (is.payload.size() == 1 && place == 0) ||
           (is.payload.empty() && place == static_cast<std::uint32_t>(-1));
  };
  std::size_t looked_at = 0, probes = 0;
  const auto look = [&] {
    for (; looked_at < peer.seen().size(); ++looked_at) {
      const CapturedFrame& one = peer.seen()[looked_at];
      expect(one.frame.headers().payload.size() <= 1,
             "no data while the window is closed, but for a probe of one byte",
             fmt::format("a segment with {} bytes", one.frame.headers().payload.size()));
      probes += is_probe(one) ? 1 : 0;
    }
    return probes;
  };
  for (std::size_t n = 1; n <= 2; ++n) {
    step(fmt::format("server: wait for probe {}", n));
    if (!peer.wait([&] { return look() >= n; })) peer.fail("a probe of the closed window", "none came");
    step(n == 1 ? "server: the window is still closed" : "server: the window has opened");
    peer.forget_received();
    peer.send({.acknowledgment = peer.number_of_program(0),
               .window = static_cast<std::uint16_t>(n == 1 ? 0 : widest)});
  }
  likely_mistake("The window has opened: now the request goes, from the byte on that was thrown away.");
  (void)peer.await_request();
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, nothing_beyond_the_own_window_is_taken) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(80000);
  const std::string stream = http_answer(body);
  open_and_hear(peer, stream);
  peer.deliver(3000);
  peer.settle();
  likely_mistake(
      "What lies beyond the window that the program announced was not asked for: it is left over from an "
      "earlier connection, or forged. It must not be kept until its place in the row comes.");
  const std::size_t edge = peer.edge();
  std::string wrong = stream.substr(edge - 500, 1500);
  std::transform(wrong.begin() + 500, wrong.end(), wrong.begin() + 500,
                 [](char c) { return static_cast<char>(~c); });
  const std::size_t before = peer.seen().size();
  step(fmt::format(
      "server: segments with other bytes, from byte {} on, where the window ends, and across its end", edge));
  peer.send({.sequence = peer.number(edge), .data = wrong.substr(500)});
  peer.send({.sequence = peer.number(edge - 500), .data = wrong.substr(0, 900)});
  peer.await_repeated_acknowledgment(peer.acknowledged(), before);
  peer.deliver_all();
  expect_good_end(peer, program, body);
}

TEST_F(RawTcp, first_to_close_waits) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(3000), more(500, 'x');
  const std::string answer = http_answer(body);
  open_and_hear(peer, answer + more);
  likely_mistake("The page is complete, and the server keeps the connection open: the program closes first.");
  peer.deliver(answer.size());
  peer.await_fin();
  peer.acknowledge();
  likely_mistake(
      "A FIN says that the program sends no more; the server may go on. What comes then has to be "
      "acknowledged as ever.");
  peer.deliver(answer.size() + more.size());
  expect(!program.process().wait(Clock::now() + 250ms).has_value(), "the program waits for the server's FIN",
         "it has ended");
  std::size_t before = peer.finish();
  peer.await_repeated_acknowledgment(answer.size() + more.size() + 1, before);
  likely_mistake(
      "TIME-WAIT: whoever closed first waits, because its last acknowledgment may have been lost. For one "
      "second after the server's FIN it acknowledges every FIN that comes again, and each time the second "
      "begins anew.");
  const auto first = Clock::now();
  (void)program.process().wait(first + 500ms);
  const auto last = Clock::now();
  if (last > first + 800ms)
    story().cannot_judge("the machine was too busy to send the FIN again in time", true);
  before = peer.finish();
  peer.await_repeated_acknowledgment(answer.size() + more.size() + 1, before);
  program.expect_exit(0);
  program.expect_output(body);
  step("the program ends one second after the last FIN");
  const auto waited = program.process().exit()->time - last;
  expect_time(waited, 900ms, 1600ms, machine_delay(last, program), "one second of waiting",
              fmt::format("it waited {} ms", waited / 1ms));
}

TEST_F(RawTcp, both_may_close_at_once) {
  ByHand peer = by_hand();
  Program& program = fetch();
  const std::string body = random.bytes(3000);
  const std::string answer = http_answer(body);
  open_and_hear(peer, answer);
  peer.deliver(answer.size());
  peer.await_fin();
  likely_mistake(
      "Both sides close in the same moment: the server's FIN comes before it has acknowledged the "
      "program's. It is acknowledged at once, and then the program waits for the acknowledgment of its own.");
  const std::uint32_t without_fin = peer.next_of_program() - 1;
  const std::size_t before = peer.finish({.acknowledgment = without_fin});
  peer.await_repeated_acknowledgment(answer.size() + 1, before);
  step("the program's FIN is not acknowledged yet: the program waits");
  expect(!program.process().wait(Clock::now() + 1500ms).has_value(),
         "a program that waits for the acknowledgment of its FIN", "it has ended");
  peer.send({.sequence = peer.number(answer.size() + 1)});
  program.expect_exit(0);
  program.expect_output(body);
  expect_frames(wire, rst.from(client), 0, "RST from the program");
}

}  // namespace
}  // namespace wirelab
