// Lab 10's client in one function, as one writes it in C; the core alone.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "ipv6.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  if (arguments.words.empty()) throw UsageError("MESSAGE is missing");
  const std::string message = arguments.words.front();
  std::string tried;
  for (const Endpoint& server : resolve(arguments.host, arguments.port)) {
    const int fd = socket(server.family(), SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, server.data(), server.size) < 0) {
      tried += " " + to_text(server) + " (" + std::strerror(errno) + ")";
      if (fd >= 0) close(fd);
      continue;
    }
    std::cout << "Talking to " << to_text(server) << ":" << std::endl;
    must(send(fd, message.data(), message.size(), 0), "send to", to_text(server));
    shutdown(fd, SHUT_WR);
    std::string answer(message.size() + 1, '\0');
    const ssize_t count =
        must(recv(fd, answer.data(), answer.size(), MSG_WAITALL), "receive from", to_text(server));
    answer.resize(static_cast<std::size_t>(count));
    std::cout << answer << std::endl;
    if (answer != message) throw std::runtime_error("receive from " + to_text(server) + ": something else");
    return;
  }
  throw std::runtime_error("connect" + tried + ": no address is left");
}

}  // namespace wirelab
