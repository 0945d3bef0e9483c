// Lab 04's client with SO_RCVTIMEO, set anew for what is left before each call.
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "udp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  using namespace std::chrono;
  if (arguments.words.size() != 1) throw UsageError("one MESSAGE is needed");
  const auto limit =
      duration_cast<microseconds>(duration<double>(arguments.number("--timeout", 2, 0.01, 3600)));
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor fd(must(socket(server.family(), SOCK_DGRAM, 0), "socket"));
  must(connect(fd.get(), server.data(), *server.size()), "connect", server.to_string());
  const std::string& text = arguments.words[0];
  ssize_t count;
  do count = send(fd.get(), text.data(), text.size(), 0);
  while (count < 0 && errno == EINTR);
  must(count, "send to", server.to_string());

  std::string answer(1 << 16, '\0');
  const auto end = steady_clock::now() + limit;
  do {
    const std::int64_t left =
        std::max<std::int64_t>(1, duration_cast<microseconds>(end - steady_clock::now()).count());
    const timeval wait{left / 1000000, left % 1000000};
    must(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), "set SO_RCVTIMEO");
    count = recv(fd.get(), answer.data(), answer.size(), 0);
  } while (count < 0 && (errno == EINTR || (errno == EAGAIN && steady_clock::now() < end)));
  if (count < 0 && errno == EAGAIN)
    throw std::runtime_error("receive from " + server.to_string() + ": nobody answers");
  must(count, "receive from", server.to_string());
  answer.resize(static_cast<std::size_t>(count));
  std::cout << answer << std::endl;
}

}  // namespace wirelab
