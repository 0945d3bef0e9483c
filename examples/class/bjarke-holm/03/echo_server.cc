// bjarke holm, gruppe 4
// one thread per client, so every recv() and send() is allowed to block

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

using namespace std;

namespace wirelab {

static bool send_all(int fd, const char* p, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    p += n;
    len -= n;
  }
  return true;
}

static void serve(Descriptor client) {
  char buf[8192];
  while (true) {
    ssize_t n = recv(client.get(), buf, sizeof(buf), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;              // finished or gone
    if (!send_all(client.get(), buf, n)) return;
  }
}

void run_server(const Arguments& args) {
  Address a = Address::resolve(args.host, args.port, SOCK_STREAM).front();
  Descriptor l(must(socket(a.family(), SOCK_STREAM, 0), "socket"));
  int on = 1;
  setsockopt(l.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  must(::bind(l.get(), a.data(), *a.size()), "bind", a.to_string());
  must(listen(l.get(), 1024), "listen", a.to_string());
  cout << "Listening at " << local_address(l.get()).to_string() << endl;

  while (true) {
    Descriptor client(accept(l.get(), nullptr, nullptr));
    if (!client) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) usleep(50000);
      else if (errno != EINTR && errno != ECONNABORTED) throw_errno("accept");
      continue;
    }
    try {
      thread(serve, std::move(client)).detach();
    } catch (const system_error& e) {
      cerr << "no thread for this client: " << e.what() << endl;
    }
  }
}

}  // namespace wirelab
