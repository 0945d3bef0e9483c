/*
 * TP 3 : client echo
 * Fatima-Zahra Benali
 */
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address serveur = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int s = must(socket(serveur.family(), SOCK_STREAM, 0), "socket");
  must(connect(s, serveur.data(), *serveur.size()), "connect", serveur.to_string());

  char message[1024];
  message[0] = 0;
  size_t taille = 0;
  if (arguments.words.empty()) {
    // lire l'entree standard
    ssize_t n;
    while ((n = read(0, message + taille, 1024)) > 0) taille += n;
  } else {
    for (const std::string& mot : arguments.words) {
      if (taille) message[taille++] = ' ';
      strcpy(message + taille, mot.c_str());
      taille += mot.size();
    }
  }

  size_t envoye = 0;
  while (envoye < taille) envoye += must(send(s, message + envoye, taille - envoye, MSG_NOSIGNAL), "send");
  shutdown(s, SHUT_WR);

  size_t recu = 0;
  char reponse[1024];
  for (;;) {
    ssize_t n = must(recv(s, reponse, sizeof reponse, 0), "recv");
    if (n == 0) break;
    std::cout.write(reponse, n);
    recu += n;
  }
  std::cout.flush();
  if (recu < taille) throw std::runtime_error("la connexion s'est terminee trop tot (connection closed early)");
}

}  // namespace wirelab
