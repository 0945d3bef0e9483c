/*
 * TP 5 : client UDP
 * Fatima-Zahra Benali
 */
#include <poll.h>
#include <sys/socket.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

// renvoie la reponse, ou un pointeur nul apres le delai
static std::unique_ptr<std::string> attendre(int s, int ms) {
  pollfd p{s, POLLIN, 0};
  if (poll(&p, 1, ms) <= 0) return nullptr;
  auto reponse = std::make_unique<std::string>(65535, '\0');
  reponse->resize(must(recv(s, reponse->data(), reponse->size(), 0), "recv"));
  return reponse;
}

void run_client(const Arguments& arguments) {
  Address serveur = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  int s = must(socket(serveur.family(), SOCK_DGRAM, 0), "socket");
  must(connect(s, serveur.data(), *serveur.size()), "connect", serveur.to_string());
  const std::string message = arguments.words.empty() ? "Bonjour" : arguments.words[0];

  std::unique_ptr<std::string> reponse;
  int delai = 100;
  do {
    must(send(s, message.data(), message.size(), 0), "send", serveur.to_string());
    reponse = attendre(s, delai);
    delai *= 2;
  } while (!reponse && delai <= 2000);

  std::cout << *reponse << std::endl;  // afficher la reponse
  if (!reponse) throw std::runtime_error("le serveur ne repond pas (server is down)");
}

}  // namespace wirelab
