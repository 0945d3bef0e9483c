// Lab 03, echo client
// Amina Diallo

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {

namespace {
bool try_later(int err) { return err == EAGAIN || err == EWOULDBLOCK || err == EINTR; }
}

void run_client(const Arguments& arguments) {
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const std::string name = server.to_string();
  Descriptor s(must(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(s.get(), server.data(), *server.size()), "connect", name);

  std::string out;  // still to send
  bool more_input = arguments.words.empty();
  for (size_t i = 0; i < arguments.words.size(); i++) out += (i ? " " : "") + arguments.words[i];

  bool closed = false;
  size_t sent = 0, got = 0;
  while (!closed || got < sent) {
    if (!closed && !more_input && out.empty()) {
      shutdown(s.get(), SHUT_WR);
      closed = true;
      continue;
    }
    pollfd fds[2] = {{s.get(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (!out.empty()) fds[0].events |= POLLOUT;
    if (out.empty() && more_input) fds[1].fd = STDIN_FILENO;
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      throw_errno("poll");
    }

    char buf[32768];
    if (fds[1].revents) {
      ssize_t n = read(STDIN_FILENO, buf, sizeof buf);
      if (n > 0) out.assign(buf, n);
      else if (n == 0) more_input = false;
      else if (!try_later(errno)) throw_errno("read", "standard input");
    }
    if (fds[0].revents & POLLOUT) {
      ssize_t n = send(s.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && !try_later(errno)) throw_errno("send to", name);
      if (n > 0) {
        sent += n;
        out.erase(0, n);
      }
    }
    if (fds[0].revents & ~POLLOUT) {
      ssize_t n = recv(s.get(), buf, sizeof buf, MSG_DONTWAIT);
      if (n < 0 && !try_later(errno)) throw_errno("receive from", name);
      if (n == 0) throw std::runtime_error("receive from " + name + ": server closed the connection after " +
                                           std::to_string(got) + " of " + std::to_string(sent + out.size()) + " bytes");
      if (n > 0) {
        got += n;
        if (got > sent) throw std::runtime_error("receive from " + name + ": more bytes than I sent");
        std::cout.write(buf, n);
        std::cout.flush();
      }
    }
  }
}

}  // namespace wirelab
