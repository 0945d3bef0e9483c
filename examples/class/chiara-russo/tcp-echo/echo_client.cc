// Chiara Russo - laboratorio 3

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <string>

#include "common/address.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  int s = must(socket(server.family(), SOCK_STREAM, 0), "socket");
  must(connect(s, server.data(), *server.size()), "connect", server.to_string());

  std::string testo;
  if (arguments.words.empty()) {
    testo = std::string(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    for (const std::string& parola : arguments.words) {
      if (!testo.empty()) testo += " ";
      testo += parola;
    }
  }

  must(send(s, testo.data(), testo.size(), 0), "send");
  char risposta[4096];
  ssize_t n = must(recv(s, risposta, sizeof(risposta), 0), "recv");
  std::cout.write(risposta, n);
  std::cout.flush();
  close(s);
}

}  // namespace wirelab
