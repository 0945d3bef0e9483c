// Lab 10's client with IPv6 sockets alone, where there are any: IPv4 addresses are mapped. The core alone.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "ipv6.hh"

namespace wirelab {
namespace {

Endpoint mapped(const Endpoint& endpoint) {
  if (endpoint.family() != AF_INET) return endpoint;
  Endpoint result{.size = sizeof(sockaddr_in6)};
  result.storage.ss_family = AF_INET6;
  result.v6().sin6_port = endpoint.v4().sin_port;
  result.v6().sin6_addr.s6_addr[10] = result.v6().sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&result.v6().sin6_addr.s6_addr[12], &endpoint.v4().sin_addr, 4);
  return result;
}

int try_to_connect(const Endpoint& to, bool map) {
  const Endpoint place = map ? mapped(to) : to;
  const int fd = socket(place.family(), SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, place.data(), place.size) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

void run_client(const Arguments& arguments) {
  if (arguments.words.empty()) throw UsageError("MESSAGE is missing");
  const std::string message = arguments.words.front();
  const int probe = socket(AF_INET6, SOCK_STREAM, 0);
  std::string tried;
  for (const Endpoint& server : resolve(arguments.host, arguments.port)) {
    const int fd = try_to_connect(server, probe >= 0);
    if (fd < 0) {
      tried += "; " + to_text(server) + ": " + std::strerror(errno);
      continue;
    }
    Endpoint there;
    must(getpeername(fd, there.data(), &there.size), "getpeername");
    std::printf("server=%s\n", to_text(there).c_str());
    must(send(fd, message.data(), message.size(), 0), "send to", to_text(there));
    shutdown(fd, SHUT_WR);
    std::string answer;
    char byte = 0;
    while (must(recv(fd, &byte, 1, 0), "receive from", to_text(there)) > 0) answer += byte;
    std::puts(answer.c_str());
    if (answer != message) throw std::runtime_error("receive from " + to_text(there) + ": something else");
    return;
  }
  throw std::runtime_error("connect" + tried);
}

}  // namespace wirelab
