/*
 * TP 3 : serveur echo
 * Fatima-Zahra Benali
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <vector>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

struct ClientEcho {
  int fd;
  std::vector<char>* tampon;
};

static std::vector<ClientEcho*> clients;

static void fermer(ClientEcho* c) {
  close(c->fd);
  delete c->tampon;
  delete c;
  // enlever de la liste
  for (auto it = clients.begin(); it != clients.end(); ++it)
    if (*it == c) clients.erase(it);
}

void run_server(const Arguments& arguments) {
  Address ici = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int ecoute = must(socket(ici.family(), SOCK_STREAM, 0), "socket");
  int un = 1;
  setsockopt(ecoute, SOL_SOCKET, SO_REUSEADDR, &un, sizeof un);
  must(bind(ecoute, ici.data(), *ici.size()), "bind", ici.to_string());
  must(listen(ecoute, 128), "listen");
  std::cout << "Listening at " << local_address(ecoute).to_string() << std::endl;

  for (;;) {
    std::vector<pollfd> fds{{ecoute, POLLIN, 0}};
    for (ClientEcho* c : clients) fds.push_back({c->fd, POLLIN, 0});
    poll(fds.data(), fds.size(), -1);

    if (fds[0].revents & POLLIN) {
      int fd = accept(ecoute, nullptr, nullptr);
      if (fd >= 0) clients.push_back(new ClientEcho{fd, new std::vector<char>(65536)});
    }
    for (size_t i = 1; i < fds.size(); i++) {
      if (!fds[i].revents) continue;
      ClientEcho* c = clients[i - 1];
      ssize_t n = recv(c->fd, c->tampon->data(), c->tampon->size(), 0);
      if (n <= 0) fermer(c);
      for (ssize_t envoye = 0; envoye < n;) {
        ssize_t k = send(c->fd, c->tampon->data() + envoye, n - envoye, MSG_NOSIGNAL);
        if (k < 0) {
          fermer(c);
          break;
        }
        envoye += k;
      }
    }
  }
}

}  // namespace wirelab
