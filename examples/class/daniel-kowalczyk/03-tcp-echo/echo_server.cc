// Daniel Kowalczyk
// Echo server. One client after another.

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

#define BUFSIZE 1024

namespace wirelab {

void run_server(const Arguments& arguments) {
  Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor listener(must(socket(address.family(), SOCK_STREAM, 0), "socket"));
  // without this: "Address already in use" after each restart!!
  int opt = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &opt, sizeof(opt));
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), 5), "listen");
  std::cout << "Listening at " << local_address(listener.get()).to_string() << std::endl;

  for (;;) {
    Descriptor client(must(accept(listener.get(), NULL, NULL), "accept"));
    char buffer[BUFSIZE];
    int n;
    // recv gives 0 when the client is done
    while ((n = recv(client.get(), buffer, BUFSIZE, 0)) > 0) {
      send(client.get(), buffer, n, 0);
    }
  }
}

}  // namespace wirelab
