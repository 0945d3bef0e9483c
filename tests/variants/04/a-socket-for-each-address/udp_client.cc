// Lab 04's client with select, whose time limit Linux counts down in place, and with the answer's length
// asked for first.
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "udp_echo.hh"

namespace wirelab {
namespace {

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

void run_client(const Arguments& arguments) {
  if (arguments.words.empty()) throw UsageError("MESSAGE is missing");
  const double limit = arguments.number("--timeout", 2, 0.01, 3600);
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor fd(must(socket(server.family(), SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket"));
  must(connect(fd.get(), server.data(), *server.size()), "connect", server.to_string());
  const std::string& message = arguments.words.front();
  while (write(fd.get(), message.data(), message.size()) < 0) {
    if (errno != EINTR) throw_errno("send to", server.to_string());
  }

  const double end = now() + limit;
  for (;;) {
    const double left = std::max(0.0, end - now());
    timeval wait{static_cast<time_t>(left), static_cast<suseconds_t>(1e6 * (left - std::floor(left)))};
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd.get(), &readable);
    const int ready = select(fd.get() + 1, &readable, nullptr, nullptr, &wait);
    if (ready < 0) continue;
    if (ready == 0) throw std::runtime_error("receive from " + server.to_string() + ": no answer in time");
    const ssize_t length = recv(fd.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
    if (length < 0 && errno != EAGAIN && errno != EINTR) throw_errno("receive from", server.to_string());
    if (length < 0) continue;
    std::vector<char> answer(static_cast<std::size_t>(length));
    while (recv(fd.get(), answer.data(), answer.size(), 0) < 0 && errno == EINTR) continue;
    std::fwrite(answer.data(), 1, answer.size(), stdout);
    std::fputc('\n', stdout);
    return;
  }
}

}  // namespace wirelab
