// The same in the manner of C, with recvmsg, SO_REUSEPORT for sharing, and write in place of streams.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "broadcast.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(arguments.port);
  if (!arguments.host.empty() && inet_pton(AF_INET, arguments.host.c_str(), &here.sin_addr) != 1) {
    throw UsageError("host: no address");
  }
  const int fd = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP);
  const int yes = 1;
  if (arguments.has("--share")) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) {
    std::fprintf(stderr, "broadcast: bind %s:%d: %s\n", inet_ntoa(here.sin_addr), arguments.port,
                 std::strerror(errno));
    std::exit(1);
  }
  static char bytes[1 << 17];
  for (;;) {
    sockaddr_in from;
    iovec part{bytes, 65507};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t count = recvmsg(fd, &message, 0);
    if (count < 0) continue;
    char line[64];
    const int length =
        std::snprintf(line, sizeof line, "%s:%d ", inet_ntoa(from.sin_addr), ntohs(from.sin_port));
    bytes[count] = '\n';
    const iovec parts[] = {{line, static_cast<std::size_t>(length)},
                           {bytes, static_cast<std::size_t>(count) + 1}};
    if (writev(STDOUT_FILENO, parts, 2) < 0) std::exit(1);
  }
}

}  // namespace wirelab
