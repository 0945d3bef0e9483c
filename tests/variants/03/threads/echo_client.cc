// Lab 03 with blocking calls and two threads: one sends, the other receives.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {
namespace {

/// What both threads share. The sender may outlive the role, waiting for input that never comes.
struct Talk {
  Descriptor socket;
  std::mutex mutex;  // guards what follows
  std::uint64_t read = 0;
  std::uint64_t received = 0;
  bool ended = false;

  bool complete() {
    const std::lock_guard lock(mutex);
    return ended && received == read;
  }
};

bool send_all(Talk& talk, const char* bytes, std::size_t length) {
  {
    const std::lock_guard lock(talk.mutex);
    talk.read += length;
  }
  while (length > 0) {
    const ssize_t sent = send(talk.socket.get(), bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) bytes += sent, length -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool send_input(Talk& talk) {
  char bytes[32 << 10];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    if (!send_all(talk, bytes, static_cast<std::size_t>(count))) return false;
  }
}

/// The sending thread. What goes wrong here, the receiving thread sees too: it only stops.
void send_everything(const std::shared_ptr<Talk>& talk, const std::string& message, bool from_input) {
  if (!(from_input ? send_input(*talk) : send_all(*talk, message.data(), message.size()))) return;
  const std::lock_guard lock(talk->mutex);
  talk->ended = true;  // before the server can hear of it, and answer with its own end
  shutdown(talk->socket.get(), SHUT_WR);
  // All is back already, and nothing may come any more that wakes the receiver: wake it with an end of file.
  if (talk->received == talk->read) shutdown(talk->socket.get(), SHUT_RD);
}

void receive_everything(Talk& talk, const std::string& server) {
  char bytes[32 << 10];
  while (!talk.complete()) {
    const ssize_t count = recv(talk.socket.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && talk.complete()) return;
    if (count < 0) throw_errno("receive from", server);
    if (count == 0 && talk.complete()) return;
    const std::lock_guard lock(talk.mutex);
    if (count == 0) {
      throw std::runtime_error("receive from " + server + ": connection closed after " +
                               std::to_string(talk.received) + " of " + std::to_string(talk.read) + " bytes");
    }
    std::cout.write(bytes, count).flush();
    talk.received += static_cast<std::uint64_t>(count);
    if (talk.received > talk.read) {
      throw std::runtime_error("receive from " + server + ": more came back than was sent");
    }
  }
}

}  // namespace

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const auto talk = std::make_shared<Talk>();
  talk->socket.reset(must(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(talk->socket.get(), server.data(), *server.size()), "connect", server.to_string());

  std::string message;
  for (const std::string& word : arguments.words)
    message += (&word == &arguments.words.front() ? "" : " ") + word;
  std::thread(send_everything, talk, message, arguments.words.empty()).detach();
  receive_everything(*talk, server.to_string());
}

}  // namespace wirelab
