// The same in the manner of C: getaddrinfo and getnameinfo, stdio, gotos' cousin perror in one place, no
// classes.
#include "socket_lifecycle.hh"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace wirelab {
namespace {

[[noreturn]] void fail(const char* operation, const char* object, int fd) {
  const int error = errno;
  if (fd >= 0) close(fd);
  std::fprintf(stderr, "socket_lifecycle: %s%s%s: %s\n", operation, *object != '\0' ? " " : "", object,
               std::strerror(error));
  std::exit(1);
}

void write_address(const sockaddr_storage* address, socklen_t size, char* text, std::size_t room, int* port) {
  char host[NI_MAXHOST], service[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(address), size, host, sizeof host, service,
                  sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    std::strcpy(host, "?");
    std::strcpy(service, "0");
  }
  *port = std::atoi(service);
  std::snprintf(text, room, std::strchr(host, ':') != nullptr ? "[%s]:%s" : "%s:%s", host, service);
}

const char* kind_of(int port) {
  if (port <= 1023) return "SYSTEM";
  if (port <= 49151) return "USER";
  return "DYNAMIC";
}

}  // namespace

void run_lifecycle(const Arguments& arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int trouble =
      getaddrinfo(arguments.host.c_str(), std::to_string(arguments.port).c_str(), &hints, &found);
  if (trouble != 0) {
    std::fprintf(stderr, "socket_lifecycle: resolve %s: %s\n", arguments.host.c_str(), gai_strerror(trouble));
    std::exit(1);
  }
  const int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd < 0) fail("socket", "", -1);
  std::printf("DESCRIPTOR %d\n", fd);

  char text[NI_MAXHOST + 16];
  int port = 0;
  sockaddr_storage address;
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  write_address(&address, size, text, sizeof text, &port);
  std::printf("LOCAL %s\n", text);

  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  write_address(&address, found->ai_addrlen, text, sizeof text, &port);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) fail("connect", text, fd);
  std::printf("REMOTE %s %s\n", text, kind_of(port));
  freeaddrinfo(found);
  size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  write_address(&address, size, text, sizeof text, &port);
  std::printf("LOCAL %s %s\n", text, kind_of(port));

  std::string line = arguments.words.empty() ? "Hello, wire!" : arguments.words[0];
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t now = send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno != EINTR) fail("send", "", fd);
    if (now > 0) sent += static_cast<std::size_t>(now);
  }
  std::printf("SENT %zu\n", line.size());
  if (shutdown(fd, SHUT_WR) != 0) fail("shutdown", "", fd);

  unsigned long received = 0;
  static char buffer[777];
  for (ssize_t count = 1; count != 0;) {
    count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno != EINTR) fail("receive", "", fd);
    if (count > 0) received += static_cast<unsigned long>(count);
  }
  std::printf("RECEIVED %lu\n", received);
  close(fd);
}

}  // namespace wirelab
