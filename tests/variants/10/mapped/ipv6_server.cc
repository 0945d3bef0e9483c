// Lab 10's server with one thread that polls a dual-stack socket and all its clients. It looks whether the
// machine has IPv6 before it asks for it.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "common/error.hh"
#include "ipv6.hh"

namespace wirelab {
namespace {

bool has_ipv6() {
  const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

void tell(const char* what, const Endpoint& endpoint) {
  std::printf("%s=%s\n", what, to_text(endpoint).c_str());
  std::fflush(stdout);
}

bool echo_some(int client) {
  char bytes[1000];
  const ssize_t count = recv(client, bytes, sizeof bytes, 0);
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t more = send(client, bytes + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (more < 0) return false;
    sent += more;
  }
  return count > 0;
}

}  // namespace

void run_server(const Arguments& arguments) {
  const bool both = arguments.host.empty() && has_ipv6();
  const std::string everywhere = both ? "::" : "0.0.0.0";
  Endpoint here = resolve(arguments.host.empty() ? everywhere : arguments.host, arguments.port).front();
  const int listener = must(socket(here.family(), SOCK_STREAM, 0), "socket for", to_text(here));
  const int yes = 1, v6only = both ? 0 : 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (here.family() == AF_INET6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
  must(bind(listener, here.data(), here.size), "bind", to_text(here));
  must(listen(listener, 64), "listen", to_text(here));
  must(getsockname(listener, here.data(), &here.size), "getsockname");
  tell("listening", here);

  std::vector<pollfd> all = {{listener, POLLIN, 0}};
  while (true) {
    must(poll(all.data(), all.size(), -1), "poll");
    for (std::size_t i = all.size(); i-- > 1;) {
      if (all[i].revents == 0 || echo_some(all[i].fd)) continue;
      close(all[i].fd);
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (all[0].revents == 0) continue;
    Endpoint peer;
    const int client = accept(listener, peer.data(), &peer.size);
    if (client < 0) continue;
    tell("client", peer);
    all.push_back({client, POLLIN, 0});
  }
}

}  // namespace wirelab
