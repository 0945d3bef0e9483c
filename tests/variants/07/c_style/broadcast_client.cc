// The same in the manner of C: a connected socket, and the network taken apart with sscanf.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "broadcast.hh"

namespace wirelab {
namespace {

[[noreturn]] void fail(const char* operation, const sockaddr_in& to) {
  const int error = errno;
  std::fprintf(stderr, "broadcast: %s %s:%d: %s\n", operation, inet_ntoa(to.sin_addr), ntohs(to.sin_port),
               std::strerror(error));
  std::exit(1);
}

in_addr_t everybody(const char* network) {
  char host[64] = "";
  int prefix = 32, used = 0;
  in_addr address;
  const bool plain = std::strchr(network, '/') == nullptr;
  if (std::strlen(network) >= sizeof host) throw UsageError("network: too long");
  if (plain) {
    std::strcpy(host, network);
  } else if (std::sscanf(network, "%63[0-9.]/%2d%n", host, &prefix, &used) != 2 || network[used] != '\0') {
    throw UsageError("network: no prefix");
  }
  if (inet_pton(AF_INET, host, &address) != 1 || prefix < 0 || prefix > 32)
    throw UsageError("network: no address");
  for (int bit = prefix; bit < 32; ++bit) address.s_addr |= htonl(1u << (31 - bit));
  return address.s_addr;
}

}  // namespace

void run_client(const Arguments& arguments) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(arguments.port);
  to.sin_addr.s_addr = everybody(arguments.host.c_str());
  const int fd = socket(PF_INET, SOCK_DGRAM, 0);
  const int yes = 1;
  if (!arguments.has("--no-permission")) setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
  if (arguments.has("--from")) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    inet_pton(AF_INET, arguments.options.at("--from").c_str(), &from.sin_addr);
    if (bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) fail("bind", from);
  }
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fail("send to", to);
  const std::string message = arguments.words.empty() ? "Good morning, everybody!" : arguments.words[0];
  if (send(fd, message.data(), message.size(), 0) < 0) fail("send to", to);
  close(fd);
}

void run_discover(const Arguments&) { throw UsageError("discover: not written"); }

}  // namespace wirelab
