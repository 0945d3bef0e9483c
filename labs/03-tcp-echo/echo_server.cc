#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "tcp_echo.hh"

// How this server serves a thousand clients with one thread: no call ever waits for one client. All sockets
// are non-blocking, and the one place that waits is epoll_wait, which waits for whichever client is ready
// first. A Connection remembers where it stands with its client between two visits. See epoll(7).

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether a failed call only had nothing to do now, or was interrupted by a signal: then nothing is wrong
/// and nothing is lost, and epoll tells again when to come back. See recv(2), send(2), signal(7).
bool is_passing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

/// One client: its socket, and the bytes that came from it and have not gone back yet.
class Connection {
 public:
  /// `socket` must be non-blocking.
  Connection(Descriptor socket, const Address& peer) : socket_(std::move(socket)), peer_(peer.to_string()) {}

  /// Does what can be done without waiting. Throws std::system_error when the connection is broken.
  void serve() {
    if (waiting_.empty()) receive();
    if (!waiting_.empty()) send_back();
  }

  /// What to wait for before `serve` can go on: EPOLLIN (something to read) or EPOLLOUT (room to write).
  [[nodiscard]] std::uint32_t interest() const;

  /// Whether the client has ended its side and has got everything back.
  [[nodiscard]] bool finished() const { return ended_; }

  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }

 private:
  void receive();
  void send_back();

  static constexpr std::size_t buffer_size = 64 << 10;

  Descriptor socket_;
  std::string peer_;
  // Not filled with zeros: its pages cost memory only once a client needs them.
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
  std::span<const std::byte> waiting_;  // the part of buffer_ that has to go back
  std::uint64_t echoed_ = 0;
  bool ended_ = false;
};

/// Reads once. Called only when nothing is waiting to go back, so the whole buffer is free.
/// recv(2) returns how many bytes it took: never more than there is room for, and often fewer than the client
/// has sent. 0 means that the client has ended its side. -1 with an error that `is_passing` means: not now.
void Connection::receive() {
  // TODO(03.3): read into buffer_; let waiting_ be what came, or note the end, or throw if it failed.
  todo("03.3", buffer_, ended_, is_passing);
}

/// Writes once. Called only when something is waiting.
/// send(2) returns how many bytes the kernel took, which may be fewer than it was given. Writing to a client
/// that has gone raises SIGPIPE, which ends the whole process, unless MSG_NOSIGNAL asks for the error alone.
void Connection::send_back() {
  // TODO(03.4): send what is waiting, keep in waiting_ what was not taken, or throw if it failed.
  todo("03.4", waiting_, echoed_);
}

/// A client that sends but does not read must not fill our memory: while bytes wait to go back, nothing more
/// is read, so the kernel's buffers fill, and in the end TCP's window makes the client itself wait (RFC 9293,
/// section 3.8.6). Asking for room to write while there is nothing to write would wake us all the time: the
/// echo is right then, but the processor never rests.
std::uint32_t Connection::interest() const {
  // TODO(03.5): return EPOLLIN or EPOLLOUT, whichever lets `serve` go on.
  todo("03.5", waiting_);
}

/// A non-blocking socket that listens at this address, port 0 being any free port.
/// A server that was just stopped leaves connections in TIME_WAIT, which keep its port from the next server
/// for a minute, unless SO_REUSEADDR is set before bind. The backlog SOMAXCONN lets a crowd wait for accept.
/// Errors read `bind 10.3.0.1:1060: Address already in use`. See socket(2), socket(7), bind(2), listen(2).
Descriptor open_listener(const Address& address) {
  // TODO(03.1): make a non-blocking TCP socket, let its port be used again, bind it and listen.
  todo("03.1", address);
}

/// A descriptor that becomes readable when somebody asks the server to stop, or none.
/// A signal that is blocked stays pending, and signalfd(2) turns it into something that epoll can wait for.
/// See sigprocmask(2).
Descriptor open_stop_signal() {
  // STRETCH(03.9): block SIGTERM and return a signalfd for it.
  return Descriptor();
}

/// Listens, and serves everybody who connects.
class Server {
 public:
  explicit Server(const Address& address);

  /// Serves until told to stop.
  void run();

 private:
  void handle(int ready);
  void accept_clients();
  void add(Descriptor socket, const Address& peer);
  void serve(int client);
  void close(int client, const std::string& how);
  void stop();
  void control(int operation, int fd, std::uint32_t events);
  [[nodiscard]] bool is_running() const;

  // Closing a descriptor also takes it out of the epoll set.
  Descriptor epoll_{must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  Descriptor listener_;
  Descriptor stop_signal_ = open_stop_signal();
  // The clients, by descriptor.
  std::unordered_map<int, Connection> connections_;
  // Whether clients may be waiting whom accept could not take.
  bool accept_later_ = false;
  // Once the listener is closed: when to leave the clients that have not finished.
  Clock::time_point stop_at_{};
};

Server::Server(const Address& address) : listener_(open_listener(address)) {
  // Edge-triggered: told once of a new client, not again and again while accept_clients has to put it off.
  control(EPOLL_CTL_ADD, listener_.get(), EPOLLIN | EPOLLET);
  if (stop_signal_) control(EPOLL_CTL_ADD, stop_signal_.get(), EPOLLIN);
  std::cout << "Listening at " << local_address(listener_.get()).to_string() << std::endl;
}

void Server::run() {
  std::array<epoll_event, 256> events{};
  while (is_running()) {
    const int patience_ms = accept_later_ || !listener_ ? 100 : -1;
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience_ms);
    if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)].data.fd);
    if (accept_later_) accept_clients();
  }
}

void Server::handle(int ready) {
  if (ready == listener_.get()) return accept_clients();
  if (ready == stop_signal_.get()) return stop();
  serve(ready);
}

/// Takes every client that is waiting: calls accept4(2) until it says EAGAIN. No other error ends a server:
/// - EINTR (a signal came) and ECONNABORTED (this client has gone already): go on with the next one.
/// - Anything else (no descriptor or memory left: EMFILE, ENFILE, ENOBUFS, ENOMEM) may pass, but trying again
///   at once would only burn the processor: set accept_later_ and return, and `run` comes back in 100 ms.
/// - EAGAIN: nobody waits any more. Clear accept_later_ and return, or `run` would come back for ever.
/// New sockets are to be non-blocking, and TCP_NODELAY keeps a small answer from waiting for the
/// acknowledgment of the one before (tcp(7)).
void Server::accept_clients() {
  // TODO(03.2): accept every waiting client and `add` it; sort the errors as told above.
  todo("03.2", accept_later_);
}

void Server::add(Descriptor socket, const Address& peer) {
  const int fd = socket.get();
  const auto& connection = connections_.emplace(fd, Connection(std::move(socket), peer)).first->second;
  control(EPOLL_CTL_ADD, fd, connection.interest());
  std::cout << "Connection from " << connection.peer() << std::endl;
}

/// What goes wrong with one client ends that connection, and no other.
void Server::serve(int client) {
  const auto found = connections_.find(client);
  if (found == connections_.end())
    return;  // the listener, told of in one breath with the signal that closed it
  Connection& connection = found->second;
  const std::uint32_t before = connection.interest();
  try {
    connection.serve();
  } catch (const std::system_error& error) {
    return close(client, error.what());
  }
  if (connection.finished()) return close(client, std::to_string(connection.echoed()) + " bytes echoed");
  if (connection.interest() != before) control(EPOLL_CTL_MOD, client, connection.interest());
}

void Server::close(int client, const std::string& how) {
  std::cout << "Closed " << connections_.at(client).peer() << ": " << how << std::endl;
  connections_.erase(client);
}

/// Somebody asked the server to stop: no new clients from now on, and those in hand have five seconds to
/// finish. (A container's stop waits ten before it kills.) Connections that the kernel has made already wait
/// in the backlog, and closing the listener would reset them: they count as clients in hand.
void Server::stop() {
  // STRETCH(03.9): take those who wait, close the listener and the signal's descriptor, and set stop_at_.
  todo("03.9", stop_at_);
}

void Server::control(int operation, int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  must(epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
}

bool Server::is_running() const { return listener_ || (!connections_.empty() && Clock::now() < stop_at_); }

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  Server(address).run();
}

}  // namespace wirelab
