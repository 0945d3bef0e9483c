// Chiara Russo - laboratorio 5

#include <sys/socket.h>

#include <iostream>
#include <random>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  double p = arguments.number("--drop", 0.5, 0, 1);
  std::mt19937_64 generatore(static_cast<unsigned long>(arguments.number("--seed", std::random_device()(), 0, 9e15)));
  std::uniform_real_distribution<double> caso(0, 1);

  Address qui = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int s = must(socket(qui.family(), SOCK_DGRAM, 0), "socket");
  must(bind(s, qui.data(), *qui.size()), "bind", qui.to_string());
  std::cout << "In ascolto su " << local_address(s).to_string() << std::endl;

  char dati[65535];
  while (true) {
    Address mittente;
    ssize_t n = recvfrom(s, dati, sizeof(dati), 0, mittente.data(), mittente.size());
    if (n < 0) continue;
    std::cout << n << " bytes from " << mittente.to_string() << ": ";
    if (caso(generatore) < p) {
      std::cout << "dropped" << std::endl;
      continue;
    }
    std::string risposta = "Your data was " + std::to_string(n) + " bytes long";
    sendto(s, risposta.data(), risposta.size(), 0, mittente.data(), *mittente.size());
    std::cout << "answered" << std::endl;
  }
}

}  // namespace wirelab
