// Lab 10's server with a socket for each family, and a process for each client.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <vector>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "ipv6.hh"

namespace wirelab {
namespace {

void listen_at(const Endpoint& at, std::vector<pollfd>& listeners) {
  const int fd = must(socket(at.family(), SOCK_STREAM, 0), "socket for", to_text(at));
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (at.family() == AF_INET6)
    must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes), "setsockopt");
  must(bind(fd, at.data(), at.size), "bind", to_text(at));
  must(listen(fd, 64), "listen");
  Endpoint here;
  must(getsockname(fd, here.data(), &here.size), "getsockname");
  std::cout << "Listening at " << to_text(here) << std::endl;
  listeners.push_back({fd, POLLIN, 0});
}

void echo(int client) {
  char bytes[4096];
  for (ssize_t count; (count = read(client, bytes, sizeof bytes)) > 0;) {
    for (ssize_t sent = 0; sent < count;) sent += must(write(client, bytes + sent, count - sent), "write");
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  signal(SIGCHLD, SIG_IGN);  // nobody waits for the children
  std::vector<pollfd> listeners;
  if (!arguments.host.empty()) {
    listen_at(resolve(arguments.host, arguments.port).front(), listeners);
  } else {
    try {
      listen_at(resolve("::", arguments.port).front(), listeners);
    } catch (const std::system_error& error) {
      if (error.code().value() != EAFNOSUPPORT) throw;
    }
    listen_at(resolve("0.0.0.0", arguments.port).front(), listeners);
  }
  while (true) {
    if (poll(listeners.data(), listeners.size(), -1) < 0) continue;
    for (const pollfd& one : listeners) {
      if (one.revents == 0) continue;
      Endpoint peer;
      const Descriptor client(accept(one.fd, nullptr, nullptr));
      if (!client || getpeername(client.get(), peer.data(), &peer.size) != 0) continue;
      std::cout << "A client from \"" << to_text(peer) << "\"." << std::endl;
      if (fork() == 0) {
        echo(client.get());
        _exit(0);
      }
    }
  }
}

}  // namespace wirelab
