// What a client must do on a network that loses datagrams, and a server that loses them on purpose. Times are
// read off the cable. The names are those of lab.toml, where the points are.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "common/error.hh"
#include "grader/checks/check.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

std::string answer_to(std::size_t length) { return fmt::format("Your data was {} bytes long", length); }

/// A client and a server on one cable.
class UnreliableUdp : public Check {
 protected:
  Program& start_server(const std::vector<std::string>& options, std::uint16_t at = 0) {
    std::vector<std::string> arguments = {"server", server.at(0).host(), "-p",
                                          std::to_string(at == 0 ? port : at)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(server, arguments).expect_bound(at == 0 ? port : at);
  }

  Program& start_client(const std::vector<std::string>& options = {}, Circumstances how = {}) {
    std::vector<std::string> arguments = {"client", server.at(0).host(), "-p", std::to_string(port), message};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(client, arguments, how);
  }

  /// The next request whose number is this one ("#2 "); repeats of earlier requests are passed over.
  UdpPeer::Datagram await_request(UdpPeer& peer, const std::string& number) {
    likely_mistake(
        "With --count the client asks so many times, one request after the answer to the other, and each is a "
        "#, its number from 1 on, a space, and the message.");
    UdpPeer::Datagram came = peer.expect_datagram();
    while (repeats_of_earlier.contains(came.bytes)) came = peer.expect_datagram();
    expect(came.bytes == number + message, "the request \"" + number + message + "\"",
           "it is \"" + came.bytes + "\"");
    repeats_of_earlier.insert(came.bytes);
    return came;
  }

  std::vector<std::string> address = random.neighbours();
  Host& client = net.host("client", address[0]);
  Host& server = net.host("server", address[1]);
  Segment& wire = net.link(client, server);
  const std::uint16_t port = random.port();
  const std::string message = random.words(3);
  const Match request = udp.from(client).to_port(port);
  const Match answer = udp.from(server).from_port(port);
  std::set<std::string> repeats_of_earlier;
};

// ---- the server
// -----------------------------------------------------------------------------------------------------

TEST_F(UnreliableUdp, answer_tells_the_length_of_the_request) {
  start_server({"--drop", "0"});
  UdpPeer peer(story(), client, 0);
  likely_mistake(
      "The length in the answer is not that of the datagram. recvfrom returns it, 0 for an empty one, which "
      "is a datagram like any other; strlen or the size of the buffer is not it. The largest holds 65,507 "
      "bytes.");
  for (const std::size_t length :
       {std::size_t{5}, std::size_t{1}, std::size_t{0}, random.number(20, 1400), std::size_t{65507}}) {
    peer.send(random.bytes(length), server.at(port));
    const auto came = peer.expect_datagram();
    expect(came.bytes == answer_to(length), "the answer \"" + answer_to(length) + "\"",
           "it is \"" + came.bytes + "\"");
    expect(came.from == server.at(port), "an answer from " + server.at(port).to_string(),
           "it is from " + came.from.to_string());
  }
}

/// A number of requests of different lengths, and which of them were answered.
class Survey {
 public:
  /// The peers ask in turn. The n-th request has n bytes more than `base`.
  Survey(std::vector<UdpPeer*> peers, const Segment& wire, const Host& host, std::uint16_t port,
         std::size_t base = 0)
      : peers_(std::move(peers)), wire_(wire), host_(host), server_(host.at(port)), base_(base) {}

  /// Sends `count` requests, then probes until one of them is answered: a server that takes one request after
  /// the other has then decided about all. Without any answer to a probe it gives up after `probes`.
  void run(std::size_t count, std::size_t probes) {
    for (std::size_t number = 1; number <= count; ++number) {
      send();
      if (number % at_once == 0) wait_until_taken();
      take(0ns);
    }
    for (std::size_t probe = 1; probe <= probes; ++probe) {
      send();
      const auto deadline = std::chrono::steady_clock::now() + 250ms;
      while (std::chrono::steady_clock::now() < deadline && answered_.upper_bound(count) == answered_.end()) {
        take(5ms);
      }
      if (answered_.upper_bound(count) != answered_.end()) break;
    }
  }

  /// Takes the answers that are still on their way.
  void collect() { take(50ms); }

  [[nodiscard]] std::size_t sent() const { return sent_; }
  [[nodiscard]] std::size_t answered() const { return answered_.size(); }

  /// One letter for each of the first `count` requests: answered or lost.
  [[nodiscard]] std::string pattern(std::size_t count) const {
    std::string text;
    for (std::size_t number = 1; number <= count; ++number) text += answered_.contains(number) ? '+' : '-';
    return text;
  }

 private:
  static constexpr std::size_t at_once = 48;  // the server's socket has room for so many in any case

  /// Until all have crossed the cable, and the server has taken them from its kernel: what that cannot store
  /// it would lose, unasked.
  void wait_until_taken() const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    wire_.wait_for(udp.to(server_), sent_, deadline);
    const auto waiting = [this] {
      return std::ranges::any_of(sockets_in(host_, SOCK_DGRAM), [this](const BoundSocket& one) {
        return one.local.port() == server_.port() && one.receive_queue > 0;
      });
    };
    while (waiting() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(200us);
  }

  void send() {
    const UdpPeer& peer = *peers_[sent_ % peers_.size()];
    const std::string bytes(base_ + ++sent_, 'x');
    must(sendto(peer.fd(), bytes.data(), bytes.size(), 0, server_.data(), *server_.size()), "sendto");
  }

  /// Takes what has come to each peer, until nothing comes for this long.
  void take(std::chrono::nanoseconds quiet) {
    for (UdpPeer* peer : peers_) {
      while (const auto came = peer->receive(quiet)) {
        std::size_t length = 0;
        if (std::sscanf(came->bytes.c_str(), "Your data was %zu bytes long", &length) == 1 && length > base_)
          answered_.insert(length - base_);
      }
    }
  }

  std::vector<UdpPeer*> peers_;
  const Segment& wire_;
  const Host& host_;
  Address server_;
  std::size_t base_;
  std::size_t sent_ = 0;
  std::set<std::size_t> answered_;  // their numbers, from 1 on
};

/// Waits until the server has printed as many lines that name the peer as it got requests; returns how many
/// say that a request was dropped.
std::size_t count_dropped(Program& program, Story& story, const Address& peer, std::size_t requests) {
  story.step(fmt::format("server: a line that names {} for each of {} requests", peer.to_string(), requests));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::size_t named = 0, dropped = 0;
    const std::vector<Line> lines = program.process().lines();
    for (const Line& line : lines) {
      if (line.text.find(peer.to_string()) == std::string::npos) continue;
      ++named;
      if (line.text.find("dropped") != std::string::npos) ++dropped;
    }
    if (named >= requests) return dropped;
    if (!program.process().wait_for_lines(lines.size(), deadline)) {
      story.fail(fmt::format("{} lines that name {}", requests, peer.to_string()), fmt::format("{}", named));
    }
  }
}

TEST_F(UnreliableUdp, drop_rate_is_the_one_asked_for) {
  constexpr std::size_t count = 500;
  // Far enough from one half, so that the parts that are dropped and answered cannot be mistaken for each
  // other.
  const std::size_t percent = random.number(15, 40) + (random.number(0, 1) == 0 ? 0 : 45);
  const double probability = static_cast<double>(percent) / 100.0;
  Program& program = start_server(
      {"--drop", fmt::format("{:.2f}", probability), "--seed", std::to_string(random.number(1, 1000000))});
  UdpPeer peer(story(), client, 0);
  Survey survey({&peer}, wire, server, port);
  step(fmt::format("client: {} requests of different lengths", count));
  survey.run(count, 40);
  const double rate = 1 - static_cast<double>(survey.answered()) / static_cast<double>(survey.sent());
  const double margin = 5 * std::sqrt(probability * (1 - probability) / static_cast<double>(survey.sent()));
  likely_mistake(
      "Requests are dropped with another probability than asked for: the comparison the wrong way round, a "
      "percentage taken for a part of 1, a whole-number division, or a generator that is seeded again for "
      "each request and so says the same each time. Draw a new number from 0 to 1 for each request, and "
      "compare.");
  step("client: count the answers");
  expect(std::abs(rate - probability) <= margin,
         fmt::format("about {:.0f}% of {} requests are not answered", 100 * probability, survey.sent()),
         fmt::format("{:.0f}% were not", 100 * rate));
  likely_mistake(
      "The server's lines must tell what became of each request: they name the client, and end in \"dropped\" for those it drops.");
  const std::size_t said = count_dropped(program, story(), peer.local(), survey.sent());
  survey.collect();
  const std::size_t lost = survey.sent() - survey.answered();
  expect(said == lost, fmt::format("{} lines say \"dropped\", one for each request without an answer", lost),
         fmt::format("{} do", said));
}

TEST_F(UnreliableUdp, same_seed_drops_the_same_requests) {
  constexpr std::size_t count = 64;
  const std::uint64_t seed = random.number(1ull << 31, (1ull << 32) - 1);
  const auto pattern = [&](const std::vector<std::string>& options, std::uint16_t at,
                           bool otherwise = false) {
    start_server(options, at);
    UdpPeer one(story(), client, 0), two(story(), client, 0);
    const std::size_t base = otherwise ? 100 : 0;
    Survey survey(otherwise ? std::vector{&one, &two} : std::vector{&one}, wire, server, at, base);
    step(fmt::format("client: {} requests to port {}, of {} bytes and more, from {}", count, at, base + 1,
                     otherwise ? "two ports in turn" : "one port"));
    survey.run(count, 40);
    return survey.pattern(count);
  };
  const auto port_at = [&](int i) { return static_cast<std::uint16_t>(port + i); };
  const auto with = [](std::uint64_t number) {
    return std::vector<std::string>{"--drop", "0.5", "--seed", std::to_string(number)};
  };
  const std::string first = pattern(with(seed), port_at(1));
  likely_mistake(
      "The seed does not decide which requests are dropped. Seed one generator with it when the server "
      "starts, draw from it once for each request, and from nothing else (no std::random_device, no time).");
  // Other requests, from two clients: where these have the same fates, the same requests have, too.
  if (const std::string otherwise = pattern(with(seed), port_at(2), true); otherwise != first) {
    const std::string again = pattern(with(seed), port_at(3));
    expect(again == first, "the same requests are answered again: " + first, "this time: " + again);
    likely_mistake(
        "The fate of a request depends on what it holds, or on who sent it. One generator serves all: the n-th "
        "request after the start takes its n-th number, whoever asks, and whatever.");
    expect(false, "with the same seed the n-th request has the same fate: " + first,
           "other requests, from two clients: " + otherwise);
  }
  likely_mistake(
      "Another seed must give other numbers: the seed that was given is not used, or not all 32 bits of it.");
  const std::string other = pattern(with(seed - 256), port_at(4));
  expect(other != first, "with another seed other requests are answered", "exactly the same are: " + other);
  likely_mistake(
      "Without options the server drops half of the requests, other ones in every run: a seed that nobody "
      "gave comes from outside (std::random_device), not from the program's text.");
  const std::string unseeded = pattern({}, port_at(5));
  expect(unseeded != pattern({}, port_at(6)), "two runs without a seed answer different requests",
         "both answer these: " + unseeded);
}

TEST_F(UnreliableUdp, zero_never_drops_and_one_never_answers) {
  constexpr std::size_t count = 1000;  // what happens once in a hundred is missed in a run of 20,000
  likely_mistake(
      "At the ends of the range the comparison is wrong: the wrong way round, <= in place of <, or a number "
      "from a range that is one too long (0 to 100 are 101 numbers). Of numbers from [0, 1), none is below 0 "
      "and all are below 1.");
  {
    start_server({"--drop", "0"});
    UdpPeer peer(story(), client, 0);
    Survey survey({&peer}, wire, server, port);
    step(fmt::format("client: {} requests to the server that never drops", count));
    survey.run(count, 40);
    const auto answered = std::ranges::count(survey.pattern(count), '+');
    expect(answered == count, "every request is answered", fmt::format("{} of {} are", answered, count));
  }
  const auto other = static_cast<std::uint16_t>(port + 1);
  Program& program = start_server({"--drop", "1"}, other);
  UdpPeer peer(story(), client, 0);
  Survey survey({&peer}, wire, server, other);
  step(fmt::format("client: {} requests to the server that always drops", count));
  survey.run(count, 1);
  const std::size_t dropped = count_dropped(program, story(), peer.local(), survey.sent());
  expect(survey.answered() == 0, "no request is answered",
         fmt::format("{} of {} are", survey.answered(), survey.sent()));
  expect(dropped == survey.sent(), "each line says \"dropped\"",
         fmt::format("{} of {} do", dropped, survey.sent()));
}

/// The same datagram, as if sent from port 0, to which nothing can be sent back (RFC 768: a source port is
/// optional).
Bytes from_port_zero(const Frame& frame) {
  constexpr std::size_t udp_header = 14 + 20;  // Ethernet and IPv4 without options
  Bytes bytes(frame.bytes().begin(), frame.bytes().end());
  for (const std::size_t at : {0u, 1u, 6u, 7u}) bytes[udp_header + at] = std::byte{0};  // port; no checksum
  return bytes;
}

TEST_F(UnreliableUdp, server_survives_what_cannot_be_answered) {
  Program& program = run(server, {"server", server.at(0).host(), "-p", std::to_string(port), "--drop", "0"},
                         {.watched = {Call::receive}});
  program.expect_bound(port);
  UdpPeer peer(story(), client, 0);
  const auto expect_service = [&](std::size_t length) {
    peer.send(random.bytes(length), server.at(port));
    const auto came = peer.expect_datagram();
    expect(came.bytes == answer_to(length), "the answer \"" + answer_to(length) + "\"",
           "it is \"" + came.bytes + "\"");
  };
  expect_service(7);
  likely_mistake(
      "One request that cannot be answered ends the whole server. When sendto fails, that is the misfortune "
      "of one client; the server goes on with the next request.");
  const auto before = await_frames(wire, request, 1, "request");
  step("a request arrives whose sender claims port 0, to which nothing can be sent");
  wire.inject(from_port_zero(before.front().frame));
  expect_service(8);
  {
    UdpPeer gone(story(), client, 0);
    gone.send("bye", server.at(port));
  }
  step("its sender has gone: the answer meets a closed port");
  expect_service(9);
  likely_mistake(
      "A call that a signal interrupted (EINTR) has received nothing: that is no request and no reason to end.");
  program.inject(interrupt(Call::receive));
  program.repeat_until_struck(Call::receive, 1, [&] { expect_service(10); });
  expect_service(11);
  program.expect_running();

  likely_mistake(
      "An operation that fails must end the program with status 1 and one line on standard error that says which "
      "operation, on which address, and why (strerror of errno, taken before any other call can change it).");
  const Address taken = server.at(static_cast<std::uint16_t>(port + 1));
  const UdpPeer holder(story(), server, taken.port());
  Program& second =
      run(server, {"server", server.at(0).host(), "-p", std::to_string(taken.port()), "--drop", "0"});
  second.expect_exit(1);
  second.expect_error({"bind", taken.to_string(), "in use"});
}

// ---- the client
// -----------------------------------------------------------------------------------------------------

TEST_F(UnreliableUdp, client_prints_the_answer_and_asks_no_more) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client();
  const auto came = peer.expect_datagram();
  expect(came.bytes == message, "a request that carries the message \"" + message + "\"",
         "it carries \"" + came.bytes + "\"");
  const std::string text = fmt::format("Your data was {} bytes long", random.number(100, 999));
  peer.send(text, came.from);
  likely_mistake("The answer that came is to be printed as it is, on one line, and the client is done.");
  program.expect_exit(0);
  const std::string line = program.expect_line({text});
  likely_mistake(
      "recv returns how many bytes the answer has. Only these are the answer; the rest of the buffer is not.");
  expect(std::ranges::none_of(line, [](unsigned char c) { return std::iscntrl(c) != 0; }),
         "the answer on its line",
         fmt::format("the line has {} bytes, and control characters or zeros among them", line.size()));
  likely_mistake("The client goes on asking although it has its answer: leave the loop once it came.");
  step("on the cable: no request after the answer");
  const auto answered = wire.frames(answer).front().arrived.value();
  const auto requests = wire.frames(request);
  for (std::size_t i = 1; i < requests.size(); ++i) {
    if (requests[i].time < answered) continue;
    expect(requests[i].time - requests[i - 1].time > 90ms, "no request after the answer",
           "one left after it, and before the client's patience could be over");
  }
  for (const CapturedFrame& one : requests) {
    // A request that leaves in the same moment as the answer comes is nobody's mistake.
    expect_time(one.time - answered, -patience, 20ms, machine_delay(answered, program),
                "no request after the answer",
                fmt::format("one left {:.0f} ms after it",
                            std::chrono::duration<double, std::milli>(one.time - answered).count()));
  }
}

TEST_F(UnreliableUdp, any_datagram_may_be_the_answer) {
  UdpPeer peer(story(), server, port);
  const auto ask = [&](const std::string& asked) {
    Program& program = run(client, {"client", server.at(0).host(), "-p", std::to_string(port), asked});
    const auto came = peer.expect_datagram();
    expect(came.bytes == asked, fmt::format("a request of {} bytes", asked.size()),
           fmt::format("it has {}", came.bytes.size()));
    return std::pair<Program*, Address>(&program, came.from);
  };
  likely_mistake("An empty message is a datagram like any other: it is sent, and carries nothing.");
  auto [first, first_from] = ask("");
  likely_mistake(
      "The answer was an empty datagram: recv returns 0 for it, or an empty string. That is an answer; it is "
      "neither the end of something, as with TCP, nor \"nothing came\". It makes an empty line.");
  peer.send("", first_from);
  first->expect_exit(0);
  first->expect_output("\n");
  likely_mistake(
      "Of a long answer only the beginning was printed. What does not fit into the buffer that recv is given "
      "is thrown away, and a datagram may hold 65,507 bytes. A byte 0 in it ends nothing, although C's strings "
      "end there.");
  const std::string text = random.words(750) + '\0' + random.words(750);
  auto [second, second_from] = ask(message);
  peer.send(text, second_from);
  second->expect_exit(0);
  second->expect_output(text + "\n");
}

TEST_F(UnreliableUdp, silence_doubles_the_wait) {
  UdpPeer silent(story(), server, port);
  Program& program = start_client();
  likely_mistake(
      "The waits are not the ones asked for: first 0.1 s, then each twice as long as the one before. Look at "
      "the times between the requests: are they all the same, do they grow by the same amount, is the first "
      "one right, are they next to nothing because seconds were given where milliseconds are counted?");
  const auto tries = await_frames(wire, request, 5, "request", 15s);
  expect_gaps(tries, {100ms, 200ms, 400ms, 800ms}, program);
}

TEST_F(UnreliableUdp, client_gives_up_when_the_wait_would_pass_two_seconds) {
  UdpPeer silent(story(), server, port);
  Program& program = start_client();
  likely_mistake(
      "The number of tries is wrong: the waits are 0.1, 0.2, 0.4, 0.8 and 1.6 s, which makes five requests. "
      "Only the sixth wait would be longer than 2 s.");
  const auto tries = await_frames(wire, request, 5, "request", 15s);
  likely_mistake(
      "The end is not the one asked for: after the fifth silent try there is no sixth request, and no answer, "
      "which is a failure. The client ends with status 1, so that whoever started it can tell, and a word "
      "about the server on standard error.");
  program.expect_exit(1, 15s);
  const auto ended = program.process().exit()->time;
  program.expect_error({server.at(port).to_string()});
  expect_frames(wire, request, 5, "request");
  likely_mistake(
      "The last wait is cut short, or left out: the fifth request deserves its answer for 1.6 s, too.");
  step("the end comes 1.6 s after the last request");
  const auto waited = std::chrono::duration<double>(ended - tries.back().time).count();
  expect(waited > 1.5, "1.6 s of waiting after the last request", fmt::format("only {:.2f} s", waited));
}

TEST_F(UnreliableUdp, every_try_carries_the_same_request) {
  UdpPeer silent(story(), server, port);
  start_client();
  const auto tries = await_frames(wire, request, 4, "request", 15s);
  likely_mistake(
      "The tries differ. It is one request, asked again: the same bytes, so that it does not matter which of "
      "them arrives; and from the same socket, because an answer to the first try goes to the port the first "
      "try came from.");
  step("compare the requests");
  for (const CapturedFrame& one : tries) {
    const Headers& is = one.frame.headers();
    expect(is.payload == message, "each request carries \"" + message + "\"",
           "one carries \"" + is.payload + "\"");
    expect(is.source == tries.front().frame.headers().source,
           "each request comes from " + tries.front().frame.headers().source.to_string(),
           "one comes from " + is.source.to_string());
    expect(is.destination == server.at(port), "each request goes to " + server.at(port).to_string(),
           "one goes to " + is.destination.to_string());
  }
}

TEST_F(UnreliableUdp, lost_request_is_recovered) {
  constexpr unsigned losses =
      3;  // then a wait of 0.8 s follows, long enough to tell who listens and who sleeps
  wire.rule(drop_first(request, losses));
  start_server({"--drop", "0"});
  Program& program = start_client();
  likely_mistake("A request that gets lost makes no sound: when no answer comes in time, ask again.");
  program.expect_exit(0);
  program.expect_line({answer_to(message.size())});
  step(fmt::format("on the cable: {} requests were lost and one was answered", losses));
  expect(wire.count(request) > losses, fmt::format("more than {} requests", losses),
         fmt::format("{}", wire.count(request)));
  const auto answers = await_frames(wire, answer, 1, "answer");
  likely_mistake(
      "The client sees the answer only when the wait is over: it sleeps, and looks afterwards. It is to wait "
      "for the answer, and for the end of the time only if none comes.");
  step("the client ends as soon as the answer has come");
  const auto late = program.process().exit()->time - answers.front().arrived.value();
  expect_time(late, -patience, 700ms, machine_delay(answers.front().time, program),
              "an end soon after the answer came",
              fmt::format("the client ended {} ms after it", late / 1ms));
}

TEST_F(UnreliableUdp, lost_answer_is_recovered) {
  const auto losses = static_cast<unsigned>(random.number(1, 3));
  wire.rule(drop_first(answer, losses));
  Program& peer = start_server({"--drop", "0"});
  Program& program = start_client();
  likely_mistake(
      "When the answer gets lost, the client asks again and the server sees a request it has answered before. "
      "It must answer again: it cannot know which of its answers arrived.");
  program.expect_exit(0);
  program.expect_line({answer_to(message.size())});
  peer.expect_running();
  step(fmt::format("on the cable: {} answers were lost and one arrived", losses));
  expect(wire.count(answer) > losses, fmt::format("more than {} answers", losses),
         fmt::format("{}", wire.count(answer)));
}

TEST_F(UnreliableUdp, answer_in_the_last_moment_counts) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client();
  const auto tries = await_frames(wire, request, 5, "request", 15s);
  const auto from = peer.expect_datagram().from;
  step("wait 1.3 of the 1.6 s");
  std::this_thread::sleep_until(tries.back().time + 1300ms);
  const std::string text = answer_to(message.size());
  peer.send(text, from);
  if (await_frames(wire, answer, 1, "answer").front().time > tries.back().time + 1500ms) {
    story().cannot_judge("the machine was too busy to send the answer in time", true);
  }
  likely_mistake(
      "The answer came in time, but the client had stopped listening: a wait that is cut short, a new socket "
      "for each try (answers to the old ones are lost with it), or a count of tries that ends before the last "
      "wait.");
  program.expect_exit(0);
  program.expect_line({text});
}

TEST_F(UnreliableUdp, answer_that_waited_for_the_program_counts) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client();
  const auto tries = await_frames(wire, request, 5, "request", 15s);
  const auto from = peer.expect_datagram().from;
  std::this_thread::sleep_until(tries.back().time + 800ms);
  program.pause();
  const std::string text = answer_to(message.size());
  peer.send(text, from);
  if (await_frames(wire, answer, 1, "answer").front().time > tries.back().time + 1500ms) {
    story().cannot_judge("the machine was too busy to send the answer in time", true);
  }
  step("the answer is there; the client gets a processor again only when the 1.6 s are over");
  std::this_thread::sleep_until(tries.back().time + 1800ms);
  program.resume();
  likely_mistake(
      "The answer came in time, and lay in the socket while the client had no processor. Then the client looked "
      "at the clock, and not at the socket: time over, and the answer was never read, or thrown away. Look at the "
      "socket once more, without waiting, before giving up.");
  program.expect_exit(0);
  program.expect_line({text});
}

TEST_F(UnreliableUdp, interruptions_do_not_change_the_wait) {
  UdpPeer silent(story(), server, port);
  UdpPeer stranger(story(), server, 0);  // on the right host, at a wrong port
  Program& program = start_client({}, {.watched = {Call::wait, Call::receive}});
  likely_mistake(
      "Something that is no answer changes the wait. A call that a signal interrupts (EINTR) has to go on for "
      "what is left of the time: neither from the beginning nor as if the time were over. And a stranger's "
      "datagram is no answer: a connected socket does not even hear of it.");
  program.inject(interrupt_late(Call::wait).after(1).repeated(2));
  program.inject(interrupt(Call::wait).after(3));
  program.inject(interrupt(Call::receive).after(1).repeated(3));
  const auto third = await_frames(wire, request, 3, "request", 15s).back();
  const Address client_end = third.frame.headers().source;
  for (int i = 1; i <= 3; ++i) {
    std::this_thread::sleep_until(third.time + i * 100ms);
    stranger.send("Your data was 0 bytes long", client_end);
  }
  const auto fourth = await_frames(wire, request, 4, "request", 15s).back();
  // Late in the wait: one that begins again is then much too long. Some calls fail with EINTR after this
  // (signal(7)).
  std::this_thread::sleep_until(fourth.time + 700ms);
  program.pause();
  program.resume();
  const auto tries = await_frames(wire, request, 5, "request", 15s);
  expect_gaps(tries, {100ms, 200ms, 400ms, 800ms}, program);
  program.expect_running();
}

TEST_F(UnreliableUdp, refused_port_ends_at_once) {
  Program& program = start_client();
  likely_mistake(
      "The server's host said at once that nobody uses that port (ICMP port unreachable), but the client did "
      "not hear it, or took it for an error that passes. Only a connected UDP socket is told, as an error of "
      "its next call. Then it is of no use to wait or to ask again.");
  program.expect_exit(1);
  program.expect_error({server.at(port).to_string(), "refused"});
  expect_frames(wire, request, 1, "request");
}

// ---- stretch
// --------------------------------------------------------------------------------------------------------

TEST_F(UnreliableUdp, late_answer_is_not_taken_for_the_present_one) {
  {
    const auto other = static_cast<std::uint16_t>(port + 1);
    start_server({"--drop", "0"}, other);
    UdpPeer asker(story(), client, 0);
    const std::string number = fmt::format("#{} ", random.number(10, 99999));
    likely_mistake(
        "The server's answer begins with the number that the request carried, and the number is no part of the data.");
    asker.send(number + "hello", server.at(other));
    const auto came = asker.expect_datagram();
    expect(came.bytes == number + answer_to(5), "the answer \"" + number + answer_to(5) + "\"",
           "it is \"" + came.bytes + "\"");
  }
  UdpPeer peer(story(), server, port);
  Program& program = start_client({"--count", "2"});
  const Address from = await_request(peer, "#1 ").from;
  step("let the first request be sent once more");
  expect(peer.expect_datagram().bytes == "#1 " + message, "the same request again", "it is another");
  peer.send("#1 the first answer", from);
  (void)await_request(peer, "#2 ");
  likely_mistake(
      "The first request was sent twice, and so answered twice. The second answer came while the client "
      "waited for the answer to its next request, and was taken for it. Only an answer with the number of the "
      "present request counts.");
  peer.send("#1 the first answer, late", from);
  peer.send("#2 the second answer", from);
  program.expect_exit(0);
  program.expect_output("#1 the first answer\n#2 the second answer\n");
}

/// A number that was measured, how far it may be off to either side, and how much farther on a machine that
/// was late.
struct Measured {
  double value, error, lateness;
};

/// Whether all of them are measurements of the same number. What is alike by what was seen is so for certain:
/// a late machine makes numbers differ, and not agree.
enum class Alike { no, perhaps, yes };

Alike compare(const std::vector<Measured>& numbers) {
  const auto fit = [&](double part_of_lateness) {
    double least = -HUGE_VAL, most = HUGE_VAL;
    for (const auto& [value, error, lateness] : numbers) {
      least = std::max(least, value - error - part_of_lateness * lateness);
      most = std::min(most, value + error + part_of_lateness * lateness);
    }
    return least <= most;
  };
  if (fit(0)) return Alike::yes;
  return fit(1) ? Alike::perhaps : Alike::no;
}

TEST_F(UnreliableUdp, jitter_spreads_the_waits) {
  constexpr std::size_t clients = 3, tries = 5;
  UdpPeer silent(story(), server, port);
  std::vector<Program*> programs;
  for (std::size_t i = 0; i < clients; ++i) programs.push_back(&start_client({"--jitter", "0.5"}));
  const auto all = await_frames(wire, request, clients * tries, "request", 20s);
  likely_mistake(
      "With jitter each wait is drawn anew, evenly from half to one and a half times what it would have been; "
      "the wait that is doubled next time is the one without the jitter.");
  step("the times between the requests of each client lie within half and one and a half times the usual");
  std::map<std::uint16_t, std::vector<CapturedFrame>> by_client;
  for (const CapturedFrame& one : all) by_client[one.frame.headers().source.port()].push_back(one);
  // Of each client the waits, as parts of what they would be without jitter.
  std::vector<std::vector<Measured>> parts;
  auto most_delay = 0ns;
  for (const auto& [from, frames] : by_client) {
    expect(frames.size() == tries, "5 requests from each client",
           fmt::format("{} from port {}", frames.size(), from));
    parts.emplace_back();
    for (std::size_t i = 0; i + 1 < tries; ++i) {
      const auto nominal = 100ms * (1 << i);
      auto delay = 0ns;
      for (const Program* one : programs) delay = std::max(delay, machine_delay(frames[i].time, *one));
      most_delay = std::max(most_delay, delay);
      const auto wait = frames[i + 1].time - frames[i].time;
      const auto part = [&](std::chrono::nanoseconds time) {
        return std::chrono::duration<double>(time) / std::chrono::duration<double>(nominal);
      };
      parts.back().push_back({.value = part(wait), .error = part(10ms), .lateness = part(delay)});
      // As with waits without jitter: the lower bound strict, the upper one generous.
      expect_time(wait, nominal * 47 / 100, nominal * 9 / 4 + 40ms, delay,
                  "a wait of half to one and a half times what it would have been",
                  fmt::format("{:.2f} times {} ms", part(wait), nominal.count()));
    }
  }
  const auto expect_different = [&](Alike alike, const std::string& expected, const std::string& actual) {
    if (alike == Alike::perhaps) {
      story().cannot_judge(
          fmt::format("the machine was busy, and some waits may be off by {} ms", most_delay / 1ms), true);
    }
    expect(alike == Alike::no, expected, actual);
  };
  // By chance all waits of all three are alike once in some million runs.
  step("the waits of a client differ from each other");
  Alike steady = Alike::yes;
  for (const auto& waits : parts) steady = std::min(steady, compare(waits));
  expect_different(
      steady, "a new part for each wait",
      fmt::format("with each client all waits are the same part of the usual: {:.2f}, {:.2f}, {:.2f}",
                  parts[0][0].value, parts[1][0].value, parts[2][0].value));
  likely_mistake(
      "Every client draws the same numbers: their generators start from the same seed. Clients that lost "
      "their requests in the same moment then ask again in the same moment, jitter or not.");
  step("the clients differ from each other");
  Alike in_step = Alike::yes;
  for (std::size_t i = 0; i + 1 < tries; ++i)
    in_step = std::min(in_step, compare({parts[0][i], parts[1][i], parts[2][i]}));
  expect_different(in_step, "other waits for each client", "all clients waited for the same times");
}

/// What RFC 6298, section 2, makes of a row of measured round trips, in seconds.
double retransmission_timeout(const std::vector<double>& round_trips) {
  double smoothed = 0, variation = 0;
  for (std::size_t i = 0; i < round_trips.size(); ++i) {
    const double measured = round_trips[i];
    variation = i == 0 ? measured / 2 : 0.75 * variation + 0.25 * std::abs(smoothed - measured);
    smoothed = i == 0 ? measured : 0.875 * smoothed + 0.125 * measured;
  }
  return smoothed + std::max(0.001, 4 * variation);
}

std::chrono::milliseconds in_ms(double seconds) {
  return std::chrono::milliseconds(std::lround(seconds * 1000));
}

TEST_F(UnreliableUdp, first_wait_follows_the_round_trips) {
  constexpr std::size_t measured = 3;
  wire.rule(delay(answer, 60ms));
  UdpPeer peer(story(), server, port);
  Program& program = start_client({"--adaptive", "--count", std::to_string(measured + 1)});
  for (std::size_t i = 1; i <= measured; ++i) {
    const std::string number = fmt::format("#{} ", i);
    const auto came = await_request(peer, number);
    peer.send(number + answer_to(message.size()), came.from);
  }
  const auto frames = await_frames(wire, request, measured + 2, "request", 15s);
  const auto answers = wire.frames(answer);
  std::vector<double> round_trips;
  likely_mistake(
      "The first wait does not follow the round trips. RFC 6298: SRTT + 4 * RTTVAR, where the first "
      "measurement R gives SRTT = R and RTTVAR = R/2, and each later one moves RTTVAR by a quarter and then "
      "SRTT by an eighth.");
  // The request after the measured ones as well: it may be the last of them once more.
  for (std::size_t i = 0; i <= measured; ++i) {
    if (i > 0 && frames[i].frame.headers().payload == frames[i - 1].frame.headers().payload) {
      expect_time(frames[i].time - *answers[i - 1].arrived, -patience, 20ms,
                  machine_delay(frames[i - 1].time, program), "the next request after an answer",
                  "the same request once more");
      round_trips.pop_back();
      expect_gaps({frames[i - 1], frames[i]},
                  {round_trips.empty() ? 100ms : in_ms(retransmission_timeout(round_trips))}, program);
      story().cannot_judge("the machine was too busy: a request was repeated before its answer could arrive",
                           true);
    }
    if (i == measured) break;
    round_trips.push_back(std::chrono::duration<double>(answers[i].arrived.value() - frames[i].time).count());
  }
  const double expected = retransmission_timeout(round_trips);
  step(fmt::format("three round trips of about {:.0f} ms make the next first wait {:.0f} ms",
                   1000 * round_trips[0], 1000 * expected));
  expect_gaps({frames[measured], frames[measured + 1]}, {in_ms(expected)}, program);
}

TEST_F(UnreliableUdp, resent_requests_teach_no_round_trip) {
  UdpPeer peer(story(), server, port);
  Program& program = start_client({"--adaptive", "--count", "2"});
  const Address from = await_request(peer, "#1 ").from;
  step("let it be sent twice more");
  for (int i = 0; i < 2; ++i) (void)peer.expect_datagram();
  peer.send("#1 " + answer_to(message.size()), from);
  const Match second = request.containing("#2 ");
  likely_mistake(
      "Karn's rule: the answer to a request that was sent three times may belong to any of the three, so its "
      "time measures nothing. What is kept is the wait that was long enough in the end, 0.4 s here, for the "
      "next request.");
  const auto frames = await_frames(wire, second, 2, "second request", 15s);
  // Three tries, or more where the machine kept this check from answering in time.
  const auto answered = wire.frames(answer).front().arrived.value();
  const auto tries = std::ranges::count_if(wire.frames(request.containing("#1 ")),
                                           [&](const CapturedFrame& one) { return one.time < answered; });
  expect_gaps({frames[0], frames[1]}, {100ms * (1 << (tries - 1))}, program);
}

}  // namespace
}  // namespace wirelab
