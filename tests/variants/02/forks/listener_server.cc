// Lab 02 with a non-blocking listener, poll, and a process for each client.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "listener.hh"

namespace wirelab {
namespace {

void serve(const Descriptor& client, const std::string& peer) {
  const std::string line = "You are " + peer + "\n";
  signal(SIGPIPE, SIG_IGN);
  if (write(client.get(), line.data(), line.size()) < 0)
    std::cerr << "listener: send to " << peer << std::endl;
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const Descriptor listener(must(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK, 0), "socket"));
  const int yes = 1;
  must(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), static_cast<int>(arguments.number("--backlog", 128, 1, 65535))), "listen",
       address.to_string());
  std::cout << "server on " << local_address(listener.get()).to_string() << std::endl;
  signal(SIGCHLD, SIG_IGN);  // no zombies

  double left = arguments.number("--count", 1e18, 1, 1e9);
  while (left > 0) {
    pollfd ready{listener.get(), POLLIN, 0};
    if (poll(&ready, 1, -1) <= 0) continue;
    Address peer;
    const Descriptor client(accept(listener.get(), peer.data(), peer.size()));
    if (!client) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) poll(nullptr, 0, 50);
      continue;
    }
    --left;
    std::cout << "serving " << peer.to_string() << std::endl;
    if (fork() == 0) {
      serve(client, peer.to_string());
      _exit(0);
    }
  }
  while (wait(nullptr) >= 0 || errno == EINTR) {  // SIGCHLD being ignored, this waits for all of them
  }
}

}  // namespace wirelab
