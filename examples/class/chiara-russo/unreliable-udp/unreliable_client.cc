// Chiara Russo - laboratorio 5
// il client riprova ogni 0.1 secondi, al massimo 20 volte (2 secondi)

#include <poll.h>
#include <sys/socket.h>

#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  std::string testo = arguments.words.empty() ? "Ciao" : arguments.words[0];
  int s = must(socket(server.family(), SOCK_DGRAM, 0), "socket");

  for (int tentativo = 0; tentativo < 20; tentativo++) {
    must(sendto(s, testo.data(), testo.size(), 0, server.data(), *server.size()), "sendto", server.to_string());
    pollfd attesa{s, POLLIN, 0};
    if (poll(&attesa, 1, 100) > 0) {
      char risposta[2048];
      ssize_t n = must(recv(s, risposta, sizeof(risposta), 0), "recv");
      std::cout << std::string(risposta, n) << std::endl;
      return;
    }
  }
  throw std::runtime_error("il server sembra spento (server is down?)");
}

}  // namespace wirelab
