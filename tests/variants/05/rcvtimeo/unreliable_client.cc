// Lab 05's client with a receive time-out of the socket (SO_RCVTIMEO) in place of poll.
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

/// Receives into `bytes` until the deadline; -1 when nothing came.
ssize_t receive_until(int socket, Clock::time_point deadline, std::array<char, 65536>& bytes,
                      const std::string& server) {
  while (true) {
    const auto left = std::chrono::ceil<microseconds>(deadline - Clock::now()).count();
    if (left > 0) {
      const timeval time_out{left / 1000000, left % 1000000};
      must(setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time_out, sizeof time_out), "setsockopt");
    }
    const ssize_t count = recv(socket, bytes.data(), bytes.size(), left > 0 ? 0 : MSG_DONTWAIT);
    if (count >= 0) return count;
    if (errno != EAGAIN && errno != EINTR) throw_errno("receive from", server);
    if (left <= 0 && errno == EAGAIN) return -1;
  }
}

}  // namespace

void run_client(const Arguments& arguments) {
  const std::string request = arguments.words.empty() ? "Is anybody there?" : arguments.words.front();
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());

  static std::array<char, 65536> bytes;
  for (std::chrono::milliseconds patience(100); patience <= std::chrono::seconds(2); patience *= 2) {
    ssize_t sent = 0;
    do sent = send(descriptor.get(), request.data(), request.size(), 0);
    while (sent < 0 && errno == EINTR);
    must(sent, "send to", server.to_string());
    const ssize_t count = receive_until(descriptor.get(), Clock::now() + patience, bytes, server.to_string());
    if (count < 0) continue;
    std::cout << std::string(bytes.data(), static_cast<std::size_t>(count)) << std::endl;
    return;
  }
  throw std::runtime_error("receive from " + server.to_string() + ": gave up, the server seems to be down");
}

}  // namespace wirelab
