// Lab 03 edge-triggered: epoll tells only of changes, so each visit goes on until the kernel says EAGAIN.
// Reads ahead while it writes, up to a bound.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_waiting = 256 << 10;
volatile std::sig_atomic_t stop_wanted = 0;

struct Client {
  Descriptor socket;
  std::string peer;
  std::string waiting;
  bool ended = false;
};

enum class Progress { some, none, broken };

Progress result(ssize_t count) {
  if (count > 0 || (count < 0 && errno == EINTR)) return Progress::some;
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Progress::none : Progress::broken;
}

Progress receive(Client& client) {
  if (client.ended || client.waiting.size() >= most_waiting) return Progress::none;
  char bytes[32 << 10];
  const ssize_t count = recv(client.socket.get(), bytes, sizeof bytes, 0);
  if (count == 0) {
    client.ended = true;
    return Progress::none;
  }
  if (count > 0) client.waiting.append(bytes, static_cast<std::size_t>(count));
  return result(count);
}

Progress send_back(Client& client) {
  if (client.waiting.empty()) return Progress::none;
  const ssize_t count = send(client.socket.get(), client.waiting.data(), client.waiting.size(), MSG_NOSIGNAL);
  if (count > 0) client.waiting.erase(0, static_cast<std::size_t>(count));
  return result(count);
}

/// Whether the connection goes on.
bool serve(Client& client) {
  while (true) {
    const Progress in = receive(client);
    const Progress out = send_back(client);
    if (in == Progress::broken || out == Progress::broken) return false;
    if (in == Progress::none && out == Progress::none) return !client.ended || !client.waiting.empty();
  }
}

/// Accepts whoever waits; whether something is left for later.
bool accept_all(int listener, int epoll, std::map<int, Client>& clients) {
  while (true) {
    Address peer;
    Descriptor socket(accept4(listener, peer.data(), peer.size(), SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (!socket) return errno != EAGAIN;
    const int fd = socket.get();
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    std::cout << "Connection from " << peer.to_string() << std::endl;
    clients[fd] = {std::move(socket), peer.to_string(), {}, false};
  }
}

Descriptor open_listener(const Address& address) {
  Descriptor listener(
      must(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  const int yes = 1;
  must(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), SOMAXCONN), "listen", address.to_string());
  return listener;
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Descriptor listener = open_listener(address);

  // SIGTERM is let in only while epoll_pwait waits.
  sigset_t blocked;
  sigset_t normal;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &normal);
  struct sigaction action {};
  action.sa_handler = [](int) { stop_wanted = 1; };
  sigaction(SIGTERM, &action, nullptr);

  const Descriptor epoll(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = listener.get()}};
  must(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event), "epoll_ctl");
  std::cout << "Listening at " << local_address(listener.get()).to_string() << std::endl;

  std::map<int, Client> clients;
  bool later = false;
  Clock::time_point stop_at{};
  while (listener || (!clients.empty() && Clock::now() < stop_at)) {
    epoll_event events[64];
    const int count = epoll_pwait(epoll.get(), events, 64, later || !listener ? 50 : -1, &normal);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener.get()) later = true;
      const auto found = clients.find(fd);
      if (found == clients.end() || serve(found->second)) continue;
      std::cout << "Closed " << found->second.peer << std::endl;
      clients.erase(found);
    }
    if (later) later = accept_all(listener.get(), epoll.get(), clients);
    if (stop_wanted == 0 || !listener) continue;
    accept_all(listener.get(), epoll.get(), clients);
    later = false;
    listener.reset();
    stop_at = Clock::now() + std::chrono::seconds(5);
  }
}

}  // namespace wirelab
