#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "unreliable_udp.hh"

// A datagram that is lost makes no sound, so the client can only wait for so long and then ask again. The
// hard question is how long. Too short, and the network carries the same request twice for nothing; and if it
// was lost because the network was full, asking again at once is the worst that one can do. So each silent
// try doubles the wait (exponential backoff).

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;  // never set back or forth, as the time of day may be
using Seconds = std::chrono::duration<double>;

constexpr Seconds first_wait{0.1};
constexpr Seconds longest_wait{2.0};  // a server that is silent for longer seems to be down

}  // namespace

/// How long to wait for an answer. Core: 0.1 s at first, and exactly as long as asked.
class Patience {
 public:
  /// `jitter` is from 0 to 1. `adaptive`: learn the first wait from the round trips that were seen.
  Patience(double jitter, bool adaptive) : jitter_(jitter), adaptive_(adaptive) {}

  /// The wait after the first try of a request.
  [[nodiscard]] Seconds first() const { return first_; }

  /// The time really waited: the wait made shorter or longer by chance, by up to the part `jitter_` of it.
  Seconds jittered(Seconds wait);

  /// Told of each answer: how long after the last try it came, how long the wait after that try was (before
  /// jitter), and how many tries there were.
  void learn(Seconds round_trip, Seconds wait, int tries);

 private:
  double jitter_;
  bool adaptive_;
  Seconds first_ = first_wait;
  std::optional<Seconds> smoothed_;  // SRTT, once there was a measurement
  Seconds variation_{};              // RTTVAR
  std::mt19937_64 engine_{std::random_device()()};
};

/// Clients that lost their requests in the same moment would all ask again in the same moment, and once more
/// after the same wait, unless each draws a wait of its own. DHCP does so (RFC 2131, section 4.1).
Seconds Patience::jittered(Seconds wait) {
  if (jitter_ == 0) return wait;
  // STRETCH(05.8): return the wait times a number drawn evenly from 1 - jitter_ to 1 + jitter_.
  return wait * std::uniform_real_distribution<double>(1 - jitter_, 1 + jitter_)(engine_);
}

/// RFC 6298, section 2, with limits of our own: first_ is from 0.01 s to 2 s. The clock's grain G is 0.001 s.
/// Karn's rule: an answer to a request that was sent more than once may belong to any of its tries, so it
/// measures nothing; the wait that had to grow until it was enough is kept for the next request.
void Patience::learn(Seconds round_trip, Seconds wait, int tries) {
  if (!adaptive_) return;
  // STRETCH(05.9): after a single try update smoothed_, variation_ and first_; after more let first_ be wait.
  if (tries > 1) {
    first_ = wait;
    return;
  }
  if (smoothed_) {
    const Seconds error(std::abs((*smoothed_ - round_trip).count()));
    variation_ = 0.75 * variation_ + 0.25 * error;
    smoothed_ = 0.875 * *smoothed_ + 0.125 * round_trip;
  } else {
    variation_ = round_trip / 2;
    smoothed_ = round_trip;
  }
  first_ = std::clamp(*smoothed_ + std::max(Seconds(0.001), 4 * variation_), Seconds(0.01), longest_wait);
}

/// Asks one server, over one socket.
class Client {
 public:
  Client(const Address& server, Patience patience);

  /// The answer to this request: its number, empty in the core part, and its data. Asks as often as needed.
  /// Throws when the server seems to be down, or when the network says that the request cannot be answered.
  std::string ask(const std::string& number, const std::string& data);

 private:
  void send_request(const std::string& request);
  std::optional<std::string> receive_until(Clock::time_point deadline);
  std::optional<std::string> answer_until(Clock::time_point deadline, const std::string& number);

  std::string server_;
  Descriptor socket_;
  Patience patience_;
};

/// A connected UDP socket. connect(2) sends nothing here: it tells the kernel whom we talk to. From then on
/// send and recv need no address, datagrams from anybody else do not reach us, and when the server's host
/// says that nobody uses the port (ICMP port unreachable), the next call on the socket fails with
/// ECONNREFUSED (udp(7)). An unconnected socket would hear nothing of it and wait in vain. Errors read
/// `connect 10.5.0.2:1060: Network is unreachable`.
Descriptor open_connected(const Address& server) {
  // TODO(05.4): make a UDP socket of the server's family and connect it to the server.
  Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  return descriptor;
}

Client::Client(const Address& server, Patience patience)
    : server_(server.to_string()), socket_(open_connected(server)), patience_(patience) {}

/// Sends one datagram. A signal may interrupt the call before anything is sent (EINTR): then it is repeated.
void Client::send_request(const std::string& request) {
  while (send(socket_.get(), request.data(), request.size(), 0) < 0) {
    if (errno != EINTR) throw_errno("send to", server_);
  }
}

/// Waits for a datagram from the server, not longer than until `deadline`; nothing when none came.
/// poll(2) waits for a span of time, not until a moment, and a signal can interrupt it (EINTR); so the span
/// that is left is worked out anew each time: otherwise every interruption would make the wait longer. Round
/// it up to whole milliseconds: rounded down, the last try would come too early. When the deadline has
/// passed, ask poll once more with a span of 0: an answer that came in the last moment counts, even if this
/// process was kept waiting for a processor. That poll reports a datagram does not promise that recv finds
/// one (see BUGS in select(2)), so recv is not to wait (MSG_DONTWAIT); EAGAIN and EINTR mean: go on waiting.
/// Errors read `receive from 10.5.0.2:1060: Connection refused`.
std::optional<std::string> Client::receive_until(Clock::time_point deadline) {
  std::string datagram(65535, '\0');
  // TODO(05.5): wait with poll until the deadline for a datagram and return it; else return std::nullopt.
  while (true) {
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    pollfd watched{socket_.get(), POLLIN, 0};
    const int ready =
        poll(&watched, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    if (ready == 0) return std::nullopt;
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready < 0) continue;
    const ssize_t count = recv(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (count >= 0) return datagram.substr(0, static_cast<std::size_t>(count));
    if (errno != EAGAIN && errno != EINTR) throw_errno("receive from", server_);
  }
}

/// Waits for the answer to the request with this number. A late answer to an earlier request may come first:
/// its number is another. It is passed over, and does not make the wait longer or shorter.
std::optional<std::string> Client::answer_until(Clock::time_point deadline, const std::string& number) {
  if (number.empty()) return receive_until(deadline);
  // STRETCH(05.7): receive until a datagram begins with the number, or the deadline has passed.
  while (auto datagram = receive_until(deadline)) {
    if (datagram->starts_with(number)) return datagram;
  }
  return std::nullopt;
}

/// The request is number and data in one datagram, the same for every try. After each try it waits for the
/// answer: patience_.first() at first, twice as long after each silent try, always passed through
/// patience_.jittered. The deadline counts from the moment when the try has been sent; Seconds become the
/// clock's own unit by std::chrono::ceil<Clock::duration>. An answer is reported to patience_.learn. Once the
/// next wait would be longer than longest_wait, the server seems to be down:
/// `receive from 10.5.0.2:1060: no answer after 5 tries, the server seems to be down` (a std::runtime_error).
std::string Client::ask(const std::string& number, const std::string& data) {
  // TODO(05.6): send and wait for the answer, twice as long after each silence; give up in the end.
  int tries = 0;
  for (Seconds wait = patience_.first(); wait <= longest_wait; wait *= 2) {
    send_request(number + data);
    ++tries;
    const auto sent = Clock::now();
    const auto deadline = sent + std::chrono::ceil<Clock::duration>(patience_.jittered(wait));
    if (const auto answer = answer_until(deadline, number)) {
      patience_.learn(Clock::now() - sent, wait, tries);
      return *answer;
    }
  }
  throw std::runtime_error("receive from " + server_ + ": no answer after " + std::to_string(tries) +
                           " tries, the server seems to be down");
}

void run_client(const Arguments& arguments) {
  const double jitter = arguments.number("--jitter", 0, 0, 1);
  const double count = arguments.number("--count", 0, 1, 1e9);
  const std::string data = arguments.words.empty() ? "Is anybody there?" : arguments.words.front();
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();

  Client client(server, Patience(jitter, arguments.has("--adaptive")));
  if (!arguments.has("--count")) std::cout << client.ask("", data) << std::endl;
  for (int i = 1; i <= count; ++i) std::cout << client.ask("#" + std::to_string(i) + " ", data) << std::endl;
}

}  // namespace wirelab
