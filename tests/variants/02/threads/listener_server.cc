// Lab 02 with a thread for each client, in the style of C: sockaddr_storage, getaddrinfo, getnameinfo, stdio.

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "listener.hh"

namespace wirelab {
namespace {

std::string name_of(const sockaddr* address, socklen_t size) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getnameinfo(address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "?";
  return std::strchr(host, ':') != nullptr ? std::string("[") + host + "]:" + port
                                           : std::string(host) + ":" + port;
}

void tell(int fd, std::string who) {
  char line[128];
  const int length = std::snprintf(line, sizeof line, "You are %s\n", who.c_str());
  for (int sent = 0; sent < length;) {
    const ssize_t count = send(fd, line + sent, static_cast<std::size_t>(length - sent), MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) break;
    if (count > 0) sent += static_cast<int>(count);
  }
  shutdown(fd, SHUT_WR);
  close(fd);
  std::printf("%s\n", who.c_str());
  std::fflush(stdout);
}

[[noreturn]] void fail(const char* operation, const std::string& object, int error) {
  std::fprintf(stderr, "listener: %s %s: %s\n", operation, object.c_str(), std::strerror(error));
  std::exit(1);
}

int listen_at(const Arguments& arguments, int backlog) {
  const std::string port = std::to_string(arguments.port);
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = arguments.host.empty() ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  if (const int error = getaddrinfo(arguments.host.empty() ? nullptr : arguments.host.c_str(), port.c_str(),
                                    &hints, &found);
      error != 0) {
    std::fprintf(stderr, "listener: resolve %s: %s\n", arguments.host.c_str(), gai_strerror(error));
    std::exit(1);
  }
  const std::string name = name_of(found->ai_addr, found->ai_addrlen);
  const int fd = socket(found->ai_family, found->ai_socktype, 0);
  if (fd < 0) fail("socket", name, errno);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (arguments.has("--reuse-port")) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) fail("bind", name, errno);
  if (listen(fd, backlog) != 0) fail("listen", name, errno);
  freeaddrinfo(found);
  return fd;
}

}  // namespace

void run_server(const Arguments& arguments) {
  const int listener = listen_at(arguments, static_cast<int>(arguments.number("--backlog", 128, 1, 65535)));
  const bool endless = !arguments.has("--count");
  auto left = static_cast<unsigned long>(arguments.number("--count", 1, 1, 1e9));

  sockaddr_storage own{};
  socklen_t own_size = sizeof own;
  getsockname(listener, reinterpret_cast<sockaddr*>(&own), &own_size);
  std::printf("Listening at %s\n", name_of(reinterpret_cast<sockaddr*>(&own), own_size).c_str());
  std::fflush(stdout);

  std::atomic<unsigned long> busy = 0;
  while (endless || left > 0) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = accept(listener, reinterpret_cast<sockaddr*>(&peer), &size);
    if (fd < 0) {
      if (errno != EINTR && errno != ECONNABORTED) usleep(250000);
      continue;
    }
    --left;
    ++busy;
    std::thread([fd, &busy, who = name_of(reinterpret_cast<sockaddr*>(&peer), size)] {
      tell(fd, who);
      --busy;
    }).detach();
  }
  close(listener);
  while (busy > 0) usleep(1000);
}

}  // namespace wirelab
