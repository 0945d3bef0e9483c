// Lab 02: a client that reads through a stream of the C library, line by line.

#include <sys/socket.h>

#include <cstdio>
#include <stdexcept>

#include "common/address.hh"
#include "common/error.hh"
#include "listener.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const int fd = must(socket(server.family(), SOCK_STREAM, 0), "socket");
  must(connect(fd, server.data(), *server.size()), "connect", server.to_string());
  std::FILE* stream = fdopen(fd, "r");
  char* line = nullptr;
  std::size_t room = 0;
  bool whole = false;
  for (ssize_t length = 0; (length = getline(&line, &room, stream)) > 0;) {
    std::fwrite(line, 1, static_cast<std::size_t>(length), stdout);
    whole = line[length - 1] == '\n';
  }
  const bool broken = std::ferror(stream) != 0;
  std::fclose(stream);
  std::free(line);
  if (broken) throw std::runtime_error("receive from " + server.to_string() + ": failed");
  if (!whole) throw std::runtime_error("receive from " + server.to_string() + ": no line came");
}

}  // namespace wirelab
