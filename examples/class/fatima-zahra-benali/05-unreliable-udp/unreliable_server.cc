/*
 * TP 5 : serveur UDP
 * Fatima-Zahra Benali
 */
#include <sys/socket.h>

#include <cstdio>
#include <iostream>
#include <random>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

void run_server(const Arguments& arguments) {
  const double p = arguments.number("--drop", 0.5, 0, 1);
  std::mt19937 alea(static_cast<unsigned>(arguments.number("--seed", 42, 0, 4e9)));
  std::uniform_real_distribution<> tirage(0, 1);

  Address ici = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int s = must(socket(ici.family(), SOCK_DGRAM, 0), "socket");
  must(bind(s, ici.data(), *ici.size()), "bind", ici.to_string());
  std::cout << "Listening at " << local_address(s).to_string() << std::endl;

  static char donnees[65535];
  for (;;) {
    Address client;
    ssize_t n = recvfrom(s, donnees, sizeof donnees, 0, client.data(), client.size());
    if (n < 0) continue;
    bool perdu = tirage(alea) < p;
    std::cout << n << " bytes from " << client.to_string() << ": " << (perdu ? "dropped" : "answered") << std::endl;
    if (perdu) continue;
    char reponse[64];
    int longueur = std::sprintf(reponse, "Your data was %zd bytes long", n);
    sendto(s, reponse, longueur, 0, client.data(), *client.size());
  }
}

}  // namespace wirelab
