// Lab 03 with select and a non-blocking socket. Reads its input ahead of what the server takes, up to a
// bound.
#include <fcntl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {
namespace {

constexpr std::size_t most_waiting = 128 << 10;

/// The count, or 0 when the call is to be made again later.
std::size_t moved(ssize_t count, const char* operation, const std::string& object) {
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno != EAGAIN && errno != EINTR) throw_errno(operation, object);
  return 0;
}

class Exchange {
 public:
  Exchange(Descriptor socket, std::string server, std::string message, bool from_input)
      : socket_(std::move(socket)),
        server_(std::move(server)),
        waiting_(std::move(message)),
        taken_(waiting_.size()),
        ended_(!from_input) {}

  void run() {
    while (!closed_ || received_ < taken_) {
      if (ended_ && waiting_.empty() && !closed_) {
        must(shutdown(socket_.get(), SHUT_WR), "shutdown", server_);
        closed_ = true;
      } else {
        step();
      }
    }
  }

 private:
  void step() {
    fd_set readable;
    fd_set writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(socket_.get(), &readable);
    if (!ended_ && waiting_.size() < most_waiting) FD_SET(STDIN_FILENO, &readable);
    if (!waiting_.empty()) FD_SET(socket_.get(), &writable);
    if (select(socket_.get() + 1, &readable, &writable, nullptr, nullptr) < 0) {
      if (errno == EINTR) return;
      throw_errno("select");
    }
    if (FD_ISSET(socket_.get(), &readable)) receive();
    if (FD_ISSET(socket_.get(), &writable)) {
      waiting_.erase(
          0, moved(send(socket_.get(), waiting_.data(), waiting_.size(), MSG_NOSIGNAL), "send to", server_));
    }
    if (FD_ISSET(STDIN_FILENO, &readable)) take_input();
  }

  void take_input() {
    char bytes[4 << 10];
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    ended_ = count == 0;
    const std::size_t length = moved(count, "read", "standard input");
    waiting_.append(bytes, length);
    taken_ += length;
  }

  void receive() {
    char bytes[16 << 10];
    const ssize_t count = recv(socket_.get(), bytes, sizeof bytes, 0);
    if (count == 0) {
      throw std::runtime_error("receive from " + server_ + ": connection closed after " +
                               std::to_string(received_) + " of " + std::to_string(taken_) + " bytes");
    }
    const std::size_t length = moved(count, "receive from", server_);
    std::cout.write(bytes, static_cast<std::streamsize>(length)).flush();
    received_ += length;
    if (received_ > taken_ - waiting_.size()) {
      throw std::runtime_error("receive from " + server_ + ": more bytes came back than were sent");
    }
  }

  Descriptor socket_;
  std::string server_;
  std::string waiting_;
  std::uint64_t taken_;
  std::uint64_t received_ = 0;
  bool ended_;
  bool closed_ = false;
};

}  // namespace

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor socket(must(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(socket.get(), server.data(), *server.size()), "connect", server.to_string());
  must(fcntl(socket.get(), F_SETFL, O_NONBLOCK), "fcntl");

  std::string message;
  for (std::size_t i = 0; i < arguments.words.size(); ++i)
    message += (i == 0 ? "" : " ") + arguments.words[i];
  Exchange(std::move(socket), server.to_string(), std::move(message), arguments.words.empty()).run();
}

}  // namespace wirelab
