#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "tcp_echo.hh"

// How this client avoids the deadlock of two full buffers: it never waits for one direction alone. One poll
// waits for whatever can be done next (the server takes bytes, bytes came back, input came), and no call on
// the socket blocks (MSG_DONTWAIT).

namespace wirelab {
namespace {

constexpr std::size_t chunk = 64 << 10;

/// Whether a failed call only had nothing to do now, or was interrupted by a signal: then nothing is wrong
/// and nothing is lost, and poll tells again when to come back.
bool is_passing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// The words of a message as the bytes to send: joined by single spaces, with no newline at the end.
std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(word).append(" ");
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

/// A TCP socket connected to the server: connect(2) sends the SYN and returns when the handshake is done.
/// Errors read `connect 10.3.0.1:1060: Connection refused`. See socket(2), connect(2).
Descriptor open_connection(const Address& server) {
  // TODO(03.6): make a TCP socket of the server's family and connect it.
  Descriptor connection(must(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(connection.get(), server.data(), *server.size()), "connect", server.to_string());
  return connection;
}

/// Sends one input and writes what comes back.
class Conversation {
 public:
  /// Connects. The input is the message, or standard input when there are no words.
  Conversation(const Address& server, const std::vector<std::string>& words)
      : server_(server.to_string()),
        socket_(open_connection(server)),
        buffer_(join(words)),
        waiting_(buffer_),
        input_ended_(!words.empty()) {}

  /// Returns when all that was sent came back. Throws when it cannot.
  void run();

 private:
  void read_input();
  void send_some();
  void receive_some();

  /// Whether there are bytes to send, or the end to tell.
  [[nodiscard]] bool wants_to_send() const { return !half_closed_ && (!waiting_.empty() || input_ended_); }
  [[nodiscard]] bool wants_input() const { return waiting_.empty() && !input_ended_; }
  [[nodiscard]] bool finished() const { return half_closed_ && received_ == sent_; }

  std::string server_;
  Descriptor socket_;
  std::string buffer_;
  std::string_view waiting_;  // the part of buffer_ that has to be sent
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool input_ended_;
  bool half_closed_ = false;
};

/// Reads once from standard input. Called only when nothing is waiting, so the buffer is free; a big input
/// thus passes through in pieces, however slowly the server takes it.
void Conversation::read_input() {
  buffer_.resize(chunk);
  const ssize_t count = read(STDIN_FILENO, buffer_.data(), buffer_.size());
  if (count > 0) waiting_ = std::string_view(buffer_).substr(0, static_cast<std::size_t>(count));
  if (count == 0) input_ended_ = true;
  if (count < 0 && !is_passing(errno)) throw_errno("read", "standard input");
}

/// Receives once, and writes what came to standard output. The end of the server's side is an error here:
/// `run` stops before it when everything came back.
void Conversation::receive_some() {
  char bytes[chunk];
  const ssize_t count = recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) {
    if (is_passing(errno)) return;
    throw_errno("receive from", server_);
  }
  if (count == 0) {
    throw std::runtime_error("receive from " + server_ + ": connection closed after " +
                             std::to_string(received_) + " of " + std::to_string(sent_ + waiting_.size()) +
                             " bytes");
  }
  if (!std::cout.write(bytes, count).flush()) throw std::runtime_error("write standard output: failed");
  received_ += static_cast<std::uint64_t>(count);
  if (received_ > sent_) {
    throw std::runtime_error("receive from " + server_ + ": " + std::to_string(received_) +
                             " bytes came back, only " + std::to_string(sent_) + " were sent");
  }
}

/// Sends once without waiting (MSG_DONTWAIT), and without SIGPIPE when the server has gone (MSG_NOSIGNAL).
/// send(2) may take fewer bytes than it is given. When the input has ended and nothing of it is left, this
/// tells the server so by closing this direction alone, SHUT_WR, which sends a FIN: the answer can still
/// come. See shutdown(2). Errors read `send to 10.3.0.1:1060: Broken pipe`.
void Conversation::send_some() {
  // TODO(03.7): send what is waiting and count it in sent_; half-close once input has ended and all is sent.
  const ssize_t count = send(socket_.get(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) {
    if (is_passing(errno)) return;
    throw_errno("send to", server_);
  }
  waiting_.remove_prefix(static_cast<std::size_t>(count));
  sent_ += static_cast<std::uint64_t>(count);
  if (!input_ended_ || !waiting_.empty()) return;
  must(shutdown(socket_.get(), SHUT_WR), "shutdown", server_);
  half_closed_ = true;
}

/// If this client first sent all and then received all, a large input would stop both sides for ever: the
/// server waits for us to read, we wait for the server to read. So each round waits for either. poll(2)
/// watches the socket for bytes that came (POLLIN, always) and for room to send (POLLOUT, only when we want
/// to send: there nearly always is room), and standard input only when we want more of it (a negative
/// descriptor is left out). An event beside the one asked for (POLLERR, POLLHUP) means: make the call, and it
/// will tell what happened. EINTR: wait again.
void Conversation::run() {
  // TODO(03.8): until finished, poll, and then call receive_some, send_some or read_input, as poll says.
  while (!finished()) {
    const auto wanted = static_cast<short>(wants_to_send() ? POLLIN | POLLOUT : POLLIN);
    pollfd watched[] = {{socket_.get(), wanted, 0}, {wants_input() ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(watched, std::size(watched), -1) < 0) {
      if (errno == EINTR) continue;
      throw_errno("poll");
    }
    if ((watched[0].revents & ~POLLOUT) != 0) receive_some();
    if ((watched[0].revents & POLLOUT) != 0) send_some();
    if (watched[1].revents != 0) read_input();
  }
}

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Conversation(server, arguments.words).run();
}

}  // namespace wirelab
