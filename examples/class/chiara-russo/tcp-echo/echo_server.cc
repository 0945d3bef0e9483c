// Chiara Russo - laboratorio 3
// server: riceve il messaggio e lo rimanda al client

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  Address indirizzo = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int ascolto = must(socket(indirizzo.family(), SOCK_STREAM, 0), "socket");
  int si = 1;
  setsockopt(ascolto, SOL_SOCKET, SO_REUSEADDR, &si, sizeof(si));
  must(bind(ascolto, indirizzo.data(), *indirizzo.size()), "bind", indirizzo.to_string());
  must(listen(ascolto, 10), "listen", indirizzo.to_string());
  std::cout << "In ascolto su " << local_address(ascolto).to_string() << std::endl;

  char messaggio[4096];
  while (true) {
    Address chi;
    int client = accept(ascolto, chi.data(), chi.size());
    if (client < 0) continue;
    std::cout << "Nuovo client " << chi.to_string() << std::endl;

    // leggo il messaggio e lo rimando indietro
    ssize_t quanti = recv(client, messaggio, sizeof(messaggio), 0);
    if (quanti > 0) {
      send(client, messaggio, quanti, 0);
    }
    close(client);
  }
}

}  // namespace wirelab
