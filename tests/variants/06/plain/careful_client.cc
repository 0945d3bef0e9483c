// Lab 06's careful client: one blocking socket for all questions, a receive time-out in place of poll, tokens
// of 64 digits out of /dev/urandom, and memcmp. No key.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "spoofed_reply.hh"

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

std::string draw_token() {
  const Descriptor source(must(open("/dev/urandom", O_RDONLY), "open", "/dev/urandom"));
  unsigned char bits[32];
  must(read(source.get(), bits, sizeof bits), "read", "/dev/urandom");
  char text[65];
  for (int i = 0; i < 32; ++i) std::snprintf(text + 2 * i, 3, "%02x", bits[i]);
  return text;
}

std::string ask(int socket, const std::string& question, std::chrono::microseconds wait,
                const std::string& server) {
  static std::array<char, 65536> buffer;
  const std::string request = draw_token() + ' ' + question;
  must(send(socket, request.data(), request.size(), 0), "send to", server);
  const auto deadline = Clock::now() + wait;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - Clock::now()).count();
    if (left <= 0) throw std::runtime_error("receive from " + server + ": nothing but lies");
    const timeval limit{left / 1000000, left % 1000000};
    must(setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "setsockopt");
    const ssize_t count = recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno != EAGAIN && errno != EINTR) throw_errno("receive from", server);
    if (count >= 65 && std::memcmp(buffer.data(), request.data(), 65) == 0) {
      return {buffer.data() + 65, static_cast<std::size_t>(count) - 65};
    }
  }
}

}  // namespace

void run_careful_client(const Arguments& arguments) {
  const std::string question = arguments.words.empty() ? "Where is the bank?" : arguments.words[0];
  const auto wait =
      std::chrono::microseconds(static_cast<long>(arguments.number("--wait", 2, 0.1, 600) * 1e6));
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  const int count = static_cast<int>(arguments.number("--count", 1, 1, 1e9));
  for (int i = 0; i < count; ++i) {
    const std::string answer = ask(descriptor.get(), question, wait, server.to_string());
    std::printf("%.*s\n", static_cast<int>(answer.size()), answer.data());
    std::fflush(stdout);
  }
}

}  // namespace wirelab
