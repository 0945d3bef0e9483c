// Lab 02: a client that collects everything before it prints it.

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/address.hh"
#include "listener.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const std::string name = server.to_string();
  const auto fail = [&](const char* operation, const char* reason) {
    std::fprintf(stderr, "listener: %s %s: %s\n", operation, name.c_str(), reason);
    std::exit(1);
  };
  const int fd = socket(server.family(), SOCK_STREAM, 0);
  if (fd < 0) fail("socket", std::strerror(errno));
  if (connect(fd, server.data(), *server.size()) != 0) fail("connect", std::strerror(errno));
  std::string text;
  for (char byte = 0;;) {
    const ssize_t count = read(fd, &byte, 1);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("receive from", std::strerror(errno));
    text += byte;
  }
  close(fd);
  if (text.empty() || text.back() != '\n') fail("receive from", "the connection ended before the line did");
  std::fputs(text.c_str(), stdout);
}

}  // namespace wirelab
