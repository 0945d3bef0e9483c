#include "raw_icmp.hh"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"

// A raw socket hears every ICMP message that reaches this machine: answers to other programs, requests of
// other machines, its own requests when it asks its own machine, errors about packets it never sent. So most
// of the work is to tell what is ours, and what of that can be believed.

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;  // never set back or forth, as the time of day may be
using Seconds = std::chrono::duration<double>;

/// `0.123 ms`.
std::string in_milliseconds(Clock::duration time) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << std::chrono::duration<double, std::milli>(time).count()
       << " ms";
  return text.str();
}

/// An answer, who sent it, and when it came.
struct Reply {
  Answer answer;
  Address from;
  Clock::time_point time;
};

/// `10.9.0.254: seq=3 `: how a line about a reply begins.
std::string about(const Reply& reply) {
  return reply.from.host() + ": seq=" + std::to_string(reply.answer.sequence) + " ";
}

/// Why a request did not arrive.
std::string reason(const Answer& answer) {
  if (answer.kind == Answer::Kind::time_exceeded) return "time exceeded";
  return "unreachable (code " + std::to_string(answer.code) + ")";
}

}  // namespace

/// A socket for ICMP messages to and from one host.
class EchoSocket {
 public:
  /// `host` has port 0. Throws std::system_error when there is no right to raw sockets.
  EchoSocket(const Address& host, bool unprivileged);

  [[nodiscard]] std::uint16_t identifier() const { return identifier_; }

  /// How many routers a request may pass, less one: from 1 to 255.
  void set_time_to_live(int hops);

  /// Sends an echo request; returns the moment before that.
  Clock::time_point send(std::uint16_t sequence, const Bytes& data);

  /// The next answer to a request of ours, from whomever; nothing when none came until `deadline`.
  [[maybe_unused]] std::optional<Reply> receive_until(Clock::time_point deadline);

 private:
  [[maybe_unused]] std::optional<Reply> receive_now();

  Address host_;
  bool unprivileged_;
  Descriptor socket_;
  std::uint16_t identifier_;
};

/// A raw socket for ICMP of this family: IPPROTO_ICMP or IPPROTO_ICMPV6. The kernel writes and removes IP
/// headers for it (but shows that of IPv4 on what it received), and asks for the capability CAP_NET_RAW: else
/// `socket: Operation not permitted`. See raw(7), capabilities(7). A socket that needs no privilege is of
/// type SOCK_DGRAM, with the same protocol; see icmp(7), ping_group_range.
Descriptor open_socket(int family, bool unprivileged) {
  const int type = unprivileged ? SOCK_DGRAM : SOCK_RAW;
  // TODO(09.5): make a socket of this family and type for ICMP.
  todo("09.5", family, type);
}

/// What tells our requests from those of other programs. Not the process number: in two containers two
/// processes may have the same. Without privilege the kernel chooses, and keeps it where UDP has the port. It
/// does so when the socket is bound to port 0; before that there is nothing to ask for. So bind(2) first, to
/// any address of the socket's family, and then getsockname(2): local_address does that, and its port() is in
/// host byte order. (Of a socket that is not bound yet, local_address gives just what to bind to: any
/// address, port 0.)
std::uint16_t choose_identifier(const Descriptor& descriptor, bool unprivileged) {
  if (unprivileged) {
    // STRETCH(09.16): bind the socket to any address and port 0, then return the port that it got by that.
    todo("09.16", descriptor);
  }
  // TODO(09.6): return 16 bits drawn by chance, anew in each run.
  todo("09.6");
}

EchoSocket::EchoSocket(const Address& host, bool unprivileged)
    : host_(host),
      unprivileged_(unprivileged),
      socket_(open_socket(host.family(), unprivileged)),
      identifier_(choose_identifier(socket_, unprivileged)) {}

/// The option IP_TTL of ip(7); its name for IPv6 is IPV6_UNICAST_HOPS, see ipv6(7).
void EchoSocket::set_time_to_live(int hops) {
  // TODO(09.7): set the socket's option to this number.
  todo("09.7", hops);
}

/// Takes the time before it sends, so that nothing of the way is missed. A signal may interrupt the call
/// before anything is sent (EINTR): then it is repeated. Errors read `send to 10.9.0.2: Network is
/// unreachable`.
Clock::time_point EchoSocket::send(std::uint16_t sequence, const Bytes& data) {
  const Bytes message = echo_request(host_.family(), identifier_, sequence, data);
  const auto now = Clock::now();
  // TODO(09.8): send the message to the host.
  todo("09.8", message, now);
}

/// Reads one packet that is there, without waiting (MSG_DONTWAIT). Nothing when there was none after all
/// (EAGAIN), when a signal came first (EINTR), and when the packet is no answer to us. What a raw socket
/// receives begins with the IP header, if it is IPv4 (raw(7)); with IPv6, and without privilege, it is the
/// ICMP message alone.
std::optional<Reply> EchoSocket::receive_now() {
  static std::array<std::uint8_t, 65535> buffer;  // no packet is longer: its length has 16 bits
  Reply reply;
  // TODO(09.9): receive, note the time, find the answer in it, and return it if the identifier is ours.
  todo("09.9", buffer, reply, unprivileged_);
}

/// poll(2) waits for a span of time, and returns early for signals (EINTR) and for messages that are not for
/// us; so the span that is left is worked out anew each time, rounded up to whole milliseconds, and never
/// less than 0. A packet that receive_now does not return was not for us: go on. That the deadline has passed
/// does not end it by itself: with a span of 0 poll only looks, and what lies there may have come in time,
/// behind other programs' packets. Nothing is returned when poll says that nothing is there (0), and only
/// then. Errors read `poll: ...`.
std::optional<Reply> EchoSocket::receive_until(Clock::time_point deadline) {
  // TODO(09.10): wait with poll for what is left, and receive, until there is a reply or the time is over.
  todo("09.10", deadline);
}

/// What ping tells at the end.
class Statistics {
 public:
  void count_request() { ++sent_; }
  void count_answer(Clock::duration round_trip) { round_trips_.push_back(round_trip); }
  [[nodiscard]] bool any_answer() const { return !round_trips_.empty(); }
  void print() const;

 private:
  int sent_ = 0;
  std::vector<Clock::duration> round_trips_;  // of good answers
};

/// `7 sent, 5 received, 29% loss`, and, if there were answers, `min/avg/max = 0.101/0.122/0.150 ms`. The loss
/// is the part of all requests that have no good answer, rounded to whole percent.
void Statistics::print() const {
  // TODO(09.11): print the two lines.
  todo("09.11", sent_, round_trips_, in_milliseconds);
}

/// Asks one host again and again, one request after the other.
class Ping {
 public:
  Ping(const Address& host, EchoSocket& socket, Bytes data)
      : host_(host), socket_(socket), data_(std::move(data)) {}

  /// Sends this request, prints what becomes of it within `limit`, and listens at least until `interval` has
  /// passed since it was sent.
  void ask(std::uint16_t sequence, Seconds limit, Seconds interval);

  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  [[maybe_unused]] void take(const Reply& reply);

  Address host_;
  EchoSocket& socket_;
  Bytes data_;
  Statistics statistics_;
  std::uint16_t current_ = 0;         // the request at hand
  Clock::time_point sent_;            // when it was sent
  bool waiting_ = false;              // it has neither an answer yet, nor was it given up
  std::set<std::uint16_t> answered_;  // requests with a good answer
};

/// Prints one line about a reply, and sets waiting_ to false if the reply settles the request at hand. The
/// first of these cases that fits decides:
///   1. An error, from whatever address: about(reply) and reason(answer), `10.9.0.254: seq=3 time exceeded`.
///      It settles the request at hand if it names that one; one about an earlier request gets its line, too.
///   2. An echo from another address than host_: no line.
///   3. An echo whose data is not data_, in length or bytes: a line that says `changed`. It settles nothing.
///   4. An echo of the request at hand, which is still waited for: `10.9.0.2: seq=3 time=0.123 ms`, the time
///      from sent_ to the reply's own. It settles the request, and is the only kind that is counted as an
///      answer and noted in answered_.
///   5. An echo of a request that is in answered_: a line that says `duplicate`.
///   6. Any other echo: its request was given up, or never made. A line that says `late`.
void Ping::take(const Reply& reply) {
  const Answer& answer = reply.answer;
  const bool settles = waiting_ && answer.sequence == current_;
  // TODO(09.12): tell these cases apart, print their line, count a good answer, and set waiting_.
  todo("09.12", answer, settles, about, reason, in_milliseconds);
}

/// The limit and the interval count from the moment when the request was sent. A request for which nothing
/// comes gets the line `seq=2 no answer`. Replies that come during the rest of the interval are taken, too.
void Ping::ask(std::uint16_t sequence, Seconds limit, Seconds interval) {
  const auto in = [](Seconds time) { return std::chrono::ceil<Clock::duration>(time); };
  // TODO(09.13): send, count, and take replies while waiting_ and within the limit; then until the interval
  // is over.
  todo("09.13", socket_, sequence, limit, interval, in);
}

/// The routers on the way. A router takes one from a packet's time to live, and when nothing is left, it
/// throws the packet away and tells its sender: time exceeded. So the request with 1 hop to live makes the
/// first router known, the one with 2 the second, until the host itself answers. Each request has its hop's
/// number as its sequence number; what comes about another one comes too late, and is passed over. Prints a
/// line for each hop, `3  10.9.2.1  0.123 ms`, or `3  *` when nothing came within `limit`. Throws when the
/// host is reported unreachable (`trace 10.9.0.2: unreachable (code 0) says 10.9.1.1`), and after 30 hops
/// (`... not reached`).
void trace(const Address& host, EchoSocket& socket, const Bytes& data, Seconds limit) {
  constexpr std::uint16_t most_hops = 30;
  // STRETCH(09.15): for each hop set the time to live, send, wait for the reply to it, and print its line.
  todo("09.15", host, socket, data, limit, most_hops, reason, in_milliseconds);
}

/// What the requests are to carry: the text given, or so many bytes (56 if nothing is said) that count up.
Bytes request_data(const Arguments& arguments) {
  constexpr std::size_t largest = 65535 - 20 - icmp_header_length;  // an IPv4 packet less its headers
  if (arguments.has("-s") && arguments.has("--data")) throw UsageError("only one of -s and --data");
  if (arguments.has("--data")) {
    const std::string& text = arguments.options.at("--data");
    if (text.size() > largest) throw UsageError("option --data: the text is too long");
    return {text.begin(), text.end()};
  }
  Bytes data(static_cast<std::size_t>(arguments.number("-s", 56, 0, largest)));
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  return data;
}

void run_raw_icmp(const Arguments& arguments) {
  constexpr double longest = 3600;
  const auto count = static_cast<std::uint16_t>(arguments.number("-c", 4, 1, 65535));
  const Seconds interval(arguments.number("-i", 1, 0, longest));
  const Seconds limit(arguments.number("-W", 1, 0.001, longest));
  const int hops = static_cast<int>(arguments.number("-t", 0, 1, 255));
  const Bytes data = request_data(arguments);
  const Address host = Address::resolve(arguments.host, 0, SOCK_DGRAM).front();

  EchoSocket socket(host, arguments.has("--unprivileged"));
  if (arguments.has("--trace")) return trace(host, socket, data, limit);
  if (arguments.has("-t")) socket.set_time_to_live(hops);
  std::cout << host.host() << ": id=" << socket.identifier() << ", " << data.size()
            << " bytes in each request" << std::endl;
  Ping ping(host, socket, data);
  for (int i = 1; i <= count; ++i) {
    ping.ask(static_cast<std::uint16_t>(i), limit, i == count ? Seconds::zero() : interval);
  }
  ping.statistics().print();
  if (!ping.statistics().any_answer())
    throw std::runtime_error("receive from " + host.host() + ": no answer at all");
}

}  // namespace wirelab
