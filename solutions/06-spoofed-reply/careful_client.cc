#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/hmac.hh"
#include "common/todo.hh"
#include "spoofed_reply.hh"

// Whoever answers must show that he has seen the question: it begins with a token that nobody can guess, and
// the answer must begin with the same. DNS does it with 16 bits and the port (RFC 5452), QUIC with 64 bits
// and more.

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

/// A UDP socket that is connected to the server: the kernel then hands over only what comes from the server's
/// address and port, and refuses everything else on our behalf (ICMP port unreachable), as if nobody used
/// this port. Binding it is left to connect(2), which picks a free port by chance. Errors read
/// `connect 10.6.0.2:1060: Network is unreachable`.
Descriptor open_connected(const Address& server) {
  // TODO(06.6): make a UDP socket of the server's family and connect it to the server.
  Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  return descriptor;
}

/// 16 lower-case hexadecimal digits that nobody can foresee, not even from all tokens before: 64 bits from
/// the kernel's own generator for secrets (getrandom(2), which gives up to 256 bytes whole). rand() and the
/// engines of <random> are made for simulations: whoever has seen a few of their numbers, or knows when they
/// were seeded, can work out the rest.
std::string draw_token() {
  std::array<std::uint8_t, 8> bits{};
  // TODO(06.7): fill the bytes with random bits, and return them as hexadecimal digits.
  must(getrandom(bits.data(), bits.size(), 0), "getrandom");
  constexpr std::string_view digits = "0123456789abcdef";
  std::string token;
  for (const std::uint8_t byte : bits) {
    token += digits[byte >> 4];
    token += digits[byte & 15];
  }
  return token;
}

/// What a datagram answers to the question with this token: all that follows the token and one space. Nothing
/// when the datagram does not begin with exactly that.
std::optional<std::string> answer_in(const std::string& datagram, const std::string& token) {
  // TODO(06.8): return what follows the token and the space, or std::nullopt.
  if (!datagram.starts_with(token + " ")) return std::nullopt;
  return datagram.substr(token.size() + 1);
}

/// Asks one server.
class CarefulClient {
 public:
  CarefulClient(const Address& server, std::chrono::duration<double> wait, std::optional<std::string> key)
      : server_(server), wait_(wait), key_(std::move(key)) {}

  /// The true answer to the question. Throws when none comes in time.
  std::string ask(const std::string& question);

 private:
  void renew_socket();
  std::optional<std::string> receive_until(Clock::time_point deadline);
  std::optional<std::string> believe(const std::string& datagram, const std::string& token,
                                     const std::string& question) const;

  Address server_;
  std::chrono::duration<double> wait_;
  std::optional<std::string> key_;  // shared with the server, if there is one
  Descriptor socket_;
};

/// One socket is enough for all questions. But then it has the same port each time, and who has found that
/// out knows it for good. A new socket for each question has a new port, drawn by the kernel: some 14 bits
/// more to guess (RFC 5452, section 9.2; RFC 6056).
void CarefulClient::renew_socket() {
  // STRETCH(06.10): open the socket anew each time.
  socket_ = open_connected(server_);
}

/// Waits for a datagram, not longer than until `deadline`; nothing when none came (lab 05 says more about
/// it). Errors read `receive from 10.6.0.2:1060: Connection refused`. Given.
std::optional<std::string> CarefulClient::receive_until(Clock::time_point deadline) {
  static std::array<char, 65535> buffer;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd watched{socket_.get(), POLLIN, 0};
    const int ready = poll(&watched, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready == 0) return std::nullopt;
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready < 0) continue;
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count >= 0) return std::string(buffer.data(), static_cast<std::size_t>(count));
    if (errno != EAGAIN && errno != EINTR) throw_errno("receive from", server_.to_string());
  }
}

/// The answer that this datagram brings, or nothing when it is not to be believed. Without a key the token is
/// enough. With one, the datagram is `TOKEN TAG ANSWER`, and the tag must be tag_of the token that we sent,
/// the question that we asked and the answer that came: then whoever made it knows the key, and made it for
/// this question and no other. Compare tags with same_bytes.
std::optional<std::string> CarefulClient::believe(const std::string& datagram, const std::string& token,
                                                  const std::string& question) const {
  auto answer = answer_in(datagram, token);
  if (!answer || !key_) return answer;
  constexpr std::size_t tag_size = 64;
  // STRETCH(06.11): take tag and answer apart, and return the answer only if the tag is right.
  if (answer->size() <= tag_size || (*answer)[tag_size] != ' ') return std::nullopt;
  const std::string text = answer->substr(tag_size + 1);
  const bool authentic = same_bytes(answer->substr(0, tag_size), tag_of(*key_, token, question, text));
  return authentic ? std::optional(text) : std::nullopt;
}

/// Sends `TOKEN QUESTION`, with a token of its own, and receives until a datagram comes that is to be
/// believed. Whatever else comes makes the wait neither longer nor shorter: it ends `wait_` after the
/// question was sent: `receive from 10.6.0.2:1060: no answer that can be believed` (a std::runtime_error).
/// After the deadline receive_until still returns what is there already, without waiting. Take one such
/// datagram, which may have come in time; if that is not the answer either, give up: in a flood there would
/// always be another. Errors of send read `send to 10.6.0.2:1060: Message too long`.
std::string CarefulClient::ask(const std::string& question) {
  renew_socket();
  // TODO(06.9): send the question with a new token; return the first answer to believe, or give up in time.
  const std::string token = draw_token();
  const std::string request = token + " " + question;
  must(send(socket_.get(), request.data(), request.size(), 0), "send to", server_.to_string());
  const auto deadline = Clock::now() + std::chrono::ceil<Clock::duration>(wait_);
  while (const auto datagram = receive_until(deadline)) {
    if (const auto answer = believe(*datagram, token, question)) return *answer;
    if (Clock::now() >= deadline) break;  // who never stops sending must not keep us here
  }
  throw std::runtime_error("receive from " + server_.to_string() + ": no answer that can be believed");
}

void run_careful_client(const Arguments& arguments) {
  const std::string question = arguments.words.empty() ? "Where is the bank?" : arguments.words.front();
  const std::chrono::duration<double> wait(arguments.number("--wait", 2, 0.1, 600));
  const double count = arguments.number("--count", 1, 1, 1e9);
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  std::optional<std::string> key;
  if (arguments.has("--key")) key = arguments.options.at("--key");

  CarefulClient client(server, wait, key);
  for (int i = 0; i < count; ++i) std::cout << client.ask(question) << std::endl;
}

}  // namespace wirelab
