#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/in6.h>  // flow labels; behind netinet/in.h, which it would clash with otherwise

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "ipv6.hh"

// A name has several addresses, and some of them may be dead from where we are: no route, no such family,
// nobody there. A client that tries only the first fails where it could have worked.

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds attempt_delay{250};  // RFC 8305, section 5

/// What has failed so far, for people: `[fd00::1]:1060: Connection refused, 10.10.0.1:1060: No route to
/// host`.
class Failures {
 public:
  /// `error` is an errno value.
  void add(const Endpoint& to, int error) {
    text_ += (text_.empty() ? "" : ", ") + to_text(to) + ": " + std::strerror(error);
  }

  [[noreturn]] void give_up() const { throw std::runtime_error("connect " + text_); }

 private:
  std::string text_;
};

}  // namespace

/// An attempt to connect, or a connection.
struct Attempt {
  Descriptor descriptor;
  Endpoint to;
};

/// Marks what the socket is going to send to `to` with a flow label, 20 bits of the IPv6 header (RFC 6437).
/// The kernel wants the label to be taken from its manager first: IPV6_FLOWLABEL_MGR with an
/// in6_flowlabel_req for the destination, IPV6_FL_A_GET, IPV6_FL_F_CREATE, and IPV6_FL_S_ANY to let others
/// share it. Then IPV6_FLOWINFO_SEND makes connect take the label from sin6_flowinfo. Labels are in network
/// order: htonl.
void set_flow_label(int descriptor, Endpoint& to, std::uint32_t label) {
  if (label == 0 || to.family() != AF_INET6) return;
  // STRETCH(10.9): take the label from the kernel, put it into the address, and have it sent.
  todo("10.9", descriptor, to, label);
}

/// Tries one endpoint after the other, and returns the first connection that comes about; the rest are not
/// tried. Each attempt needs a socket of its own, of that endpoint's family. One that fails, for whatever
/// reason (no such family, no route, refused), is noted in `failures`, with errno as it was; when none is
/// left, `failures.give_up()`. See socket(2), connect(2).
Attempt connect_first(const std::vector<Endpoint>& endpoints, std::uint32_t label) {
  Failures failures;
  // TODO(10.8): for each endpoint make a socket, set its flow label and connect; note failures, or return.
  todo("10.8", endpoints, label, failures);
}

/// Happy eyeballs (RFC 8305): several attempts run at the same time, and the first to connect wins. The next
/// one begins when the last has been running for attempt_delay, or as soon as one has failed.
class Race {
 public:
  Race(std::vector<Endpoint> endpoints, std::uint32_t label)
      : waiting_(take_turns(std::move(endpoints))), label_(label) {}

  /// The connection that won; the other attempts are closed. Throws when all have failed.
  Attempt run();

 private:
  static std::vector<Endpoint> take_turns(std::vector<Endpoint> endpoints);
  void begin_next();
  std::optional<Attempt> take_winner();

  std::vector<Endpoint> waiting_;  // not yet begun, in order
  std::uint32_t label_;
  std::vector<Attempt> running_;
  Failures failures_;
  Clock::time_point next_begin_ = Clock::now();
};

/// The first endpoint stays the first; from there on the families take turns while both last, each in its own
/// order (RFC 8305, section 4): when one family is a black hole, the second attempt shows it.
std::vector<Endpoint> Race::take_turns(std::vector<Endpoint> endpoints) {
  // STRETCH(10.10): put the endpoints in the order in which they are to be tried.
  todo("10.10", endpoints);
}

/// Begins the attempt whose turn it is. connect on a non-blocking socket sends the SYN and fails with
/// EINPROGRESS, which is no failure: poll tells when the attempt is decided. Another error is one at once.
void Race::begin_next() {
  Endpoint to = waiting_.front();
  waiting_.erase(waiting_.begin());
  next_begin_ = Clock::now() + attempt_delay;
  // STRETCH(10.11): begin to connect without waiting; note a failure and let the next attempt begin at once.
  todo("10.11", to, label_, running_, failures_);
}

/// Waits until an attempt is decided (its socket can be written to, POLLOUT, or has an error) or the next may
/// begin. SO_ERROR tells how each of those has ended, 0 for success: see connect(2), EINPROGRESS. Failures
/// are noted, taken out of running_, and let the next attempt begin at once.
std::optional<Attempt> Race::take_winner() {
  // STRETCH(10.12): poll the running attempts until next_begin_ (without limit if none waits), and sort them.
  todo("10.12", running_, failures_, next_begin_);
}

Attempt Race::run() {
  while (!waiting_.empty() || !running_.empty()) {
    if (!waiting_.empty() && (running_.empty() || Clock::now() >= next_begin_)) begin_next();
    if (running_.empty()) continue;
    if (auto winner = take_winner()) {
      running_.clear();                                            // closes the others
      must(fcntl(winner->descriptor.get(), F_SETFL, 0), "fcntl");  // blocking again
      return std::move(*winner);
    }
  }
  failures_.give_up();
}

/// Sends the message, tells the server that this was all, and returns what comes back until the server has
/// finished as well.
std::string converse(const Attempt& connection, std::string_view message) {
  const int descriptor = connection.descriptor.get();
  const std::string server = to_text(connection.to);
  while (!message.empty()) {
    const ssize_t count = send(descriptor, message.data(), message.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    message.remove_prefix(static_cast<std::size_t>(must(count, "send to", server)));
  }
  must(shutdown(descriptor, SHUT_WR), "shutdown", server);
  std::string answer;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t count = recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (must(count, "receive from", server) == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

void run_client(const Arguments& arguments) {
  constexpr double largest_label = 0xfffff;
  const auto label = static_cast<std::uint32_t>(arguments.number("--flow-label", 0, 1, largest_label));
  if (arguments.words.empty()) throw UsageError("MESSAGE is missing");
  const std::string& message = arguments.words.front();

  const std::vector<Endpoint> endpoints = resolve(arguments.host, arguments.port);
  const Attempt server =
      arguments.has("--happy") ? Race(endpoints, label).run() : connect_first(endpoints, label);
  std::cout << "Connected to " << to_text(server.to) << std::endl;
  const std::string answer = converse(server, message);
  std::cout << answer << std::endl;
  if (answer != message)
    throw std::runtime_error("receive from " + to_text(server.to) + ": not what was sent");
}

}  // namespace wirelab
