// Park Hye-jin
// Lab 3: echo server (select)

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <set>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

#define DEBUG(x) std::cout << "[debug] " << x << std::endl

namespace wirelab {

void run_server(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int listener = must(socket(address.family(), SOCK_STREAM, 0), "socket");
  int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  must(bind(listener, address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener, 100), "listen");
  DEBUG("listening at " << local_address(listener).to_string());

  std::set<int> clients;
  while (true) {
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(listener, &readable);
    int highest = listener;
    for (int fd : clients) {
      FD_SET(fd, &readable);
      highest = std::max(highest, fd);
    }
    int ready = select(highest + 1, &readable, nullptr, nullptr, nullptr);
    DEBUG("select returned " << ready);

    if (FD_ISSET(listener, &readable)) {
      int fd = accept(listener, nullptr, nullptr);
      DEBUG("new client " << fd);
      clients.insert(fd);
    }
    for (int fd : clients) {
      if (!FD_ISSET(fd, &readable)) continue;
      char buffer[4096];
      ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      DEBUG("received " << n << " bytes from client " << fd);
      if (n > 0) {
        ssize_t m = send(fd, buffer, n, 0);
        DEBUG("sent " << m << " bytes to client " << fd);
      }
      // if (n == 0) close(fd);    <- crashes in the for loop, why??
    }
  }
}

}  // namespace wirelab
