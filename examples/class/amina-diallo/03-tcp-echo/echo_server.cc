// Lab 03, echo server
// Amina Diallo
//
// I started from the skeleton but then wrote it again with poll(), because I wanted to see every call myself.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {
namespace {

const size_t MAX_PENDING = 128 * 1024;  // stop reading from a client that does not read its echo

struct Client {
  Descriptor sock;
  std::string pending;    // received, not sent back yet
  bool eof = false;       // client has done shutdown / close
};

bool try_later(int err) { return err == EAGAIN || err == EWOULDBLOCK || err == EINTR; }

// returns false when this client is finished (or broken)
bool do_read(Client& c) {
  char buf[16384];
  ssize_t n = recv(c.sock.get(), buf, sizeof(buf), 0);
  if (n > 0) {
    c.pending.append(buf, n);
    return true;
  }
  if (n == 0) {
    c.eof = true;
    return !c.pending.empty();
  }
  return try_later(errno);
}

bool do_write(Client& c) {
  ssize_t n = send(c.sock.get(), c.pending.data(), c.pending.size(), MSG_NOSIGNAL);
  if (n < 0) return try_later(errno);
  c.pending.erase(0, n);
  return !(c.eof && c.pending.empty());
}

Descriptor make_listener(const Address& addr) {
  Descriptor s(must(socket(addr.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  int yes = 1;
  must(setsockopt(s.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  must(bind(s.get(), addr.data(), *addr.size()), "bind", addr.to_string());
  must(listen(s.get(), SOMAXCONN), "listen", addr.to_string());
  return s;
}

// returns true if we have to wait a little before accepting again (no more descriptors)
bool accept_all(int listener, std::map<int, Client>& clients) {
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      clients[fd].sock.reset(fd);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return true;
    }
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  Address addr = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor listener = make_listener(addr);
  std::cout << "Listening at " << local_address(listener.get()).to_string() << std::endl;

  std::map<int, Client> clients;
  bool pause = false;
  for (;;) {
    std::vector<pollfd> fds;
    if (!pause) fds.push_back({listener.get(), POLLIN, 0});
    for (auto& [fd, c] : clients) {
      short events = 0;
      if (!c.eof && c.pending.size() < MAX_PENDING) events |= POLLIN;
      if (!c.pending.empty()) events |= POLLOUT;
      fds.push_back({fd, events, 0});
    }
    if (poll(fds.data(), fds.size(), pause ? 100 : -1) < 0 && errno != EINTR) throw_errno("poll");
    pause = false;

    for (const pollfd& p : fds) {
      if (p.revents == 0) continue;
      if (p.fd == listener.get()) {
        pause = accept_all(p.fd, clients);
        continue;
      }
      Client& c = clients.at(p.fd);
      bool alive = true;
      if (p.revents & POLLOUT) alive = do_write(c);
      else if (p.revents & (POLLIN | POLLHUP | POLLERR)) alive = do_read(c);
      if (!alive) clients.erase(p.fd);
    }
  }
}

}  // namespace wirelab
