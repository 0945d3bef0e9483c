#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "listener.hh"

// A server holds two kinds of sockets. The listening one has an address and a queue, and never carries a byte
// of data: the kernel does the handshakes, and puts finished connections into the queue. accept(2) takes the
// first out of it, as a new socket. This server serves its clients one after the other: a line of 30 bytes
// always fits into the kernel's buffer, so no client can keep it waiting.

namespace wirelab {

/// A connection that was accepted, and who is at its other end.
struct Client {
  Descriptor socket;  ///< empty when there was none to be had
  Address peer;
};

/// Lets several servers listen at the same address and port: the kernel shares out the clients among them.
/// Every one of them has to ask for it, before bind. See socket(7), SO_REUSEPORT.
void share_port(const Descriptor& socket) {
  // STRETCH(02.8): set SO_REUSEPORT.
  todo("02.8", socket);
}

/// A TCP socket that listens at this address, port 0 being any free port, and whose queue holds `backlog`
/// finished connections.
/// A server that was just stopped leaves connections in TIME_WAIT, which keep its port from the next server
/// for a minute, unless SO_REUSEADDR is set before bind. If `shared`, calls `share_port` there, too.
/// Errors read `bind 10.2.0.1:1060: Address already in use`. See socket(2), socket(7), bind(2), listen(2).
Descriptor open_listener(const Address& address, int backlog, bool shared) {
  // TODO(02.1): make a TCP socket, let its port be used again, bind it and listen.
  todo("02.1", address, backlog, shared);
}

/// Prints `Listening at 10.2.0.1:1060`, with the port that the socket really has: whoever asks for port 0
/// must learn what the kernel chose. See getsockname(2), and local_address in common/address.hh.
void announce(const Descriptor& listener) {
  // TODO(02.2): ask the kernel for the socket's own address, and print it on a line.
  todo("02.2", listener);
}

/// Takes the next connection out of the queue, and waits for one while there is none. accept4(2) fills in the
/// client's address; its `size` goes in as the room there is, and comes out as the room that was used.
/// Returns a Client with its socket and its address (`peer`), or one without a socket when it did not work
/// this time: the caller then calls again. No such error ends a server:
/// - EINTR (a signal came) and ECONNABORTED (this client has gone already): return at once.
/// - Anything else (no descriptor or memory left: EMFILE, ENFILE, ENOBUFS, ENOMEM) may pass, but trying again
///   at once would only burn the processor: return after 100 ms (std::this_thread::sleep_for).
Client accept_client(const Descriptor& listener) {
  // TODO(02.3): accept a connection together with its address; on an error do as told above for its kind.
  todo("02.3", listener);
}

/// Sends the client `You are 10.2.0.7:40831` and a newline. Closing the connection is left to its Descriptor.
/// send(2) says how many bytes the kernel took; with EINTR it has taken none, and is to be called again.
/// Writing to a client that has gone raises SIGPIPE, which ends the whole process, unless MSG_NOSIGNAL asks
/// for the error alone. Errors read `send: Connection reset by peer`; `serve` reports them and goes on.
void greet(const Client& client) {
  // TODO(02.4): send the line, all of it.
  todo("02.4", client);
}

/// A descriptor that becomes readable when somebody asks the server to stop, or none.
/// A signal that is blocked stays pending, and signalfd(2) turns it into something that poll can wait for. (A
/// handler that sets a flag comes too late when the signal strikes between the look at the flag and accept.)
/// See sigprocmask(2).
Descriptor open_stop_signal() {
  // STRETCH(02.7): block SIGTERM and return a signalfd for it.
  return Descriptor();
}

/// Waits until a client is in the queue, or the server is asked to stop. Returns whether to accept: closing
/// the listener would reset those who wait, so the server stops only once the queue is empty: true as long as
/// somebody is in it, also when the signal has come. (Without 02.7 always true: then accept is what waits.)
/// poll(2) passes over a descriptor of -1. Linux keeps even a connection that was reset in the queue until it
/// is accepted, so accept does not wait after this; elsewhere it might (accept(2), NOTES).
bool wait_for_client([[maybe_unused]] const Descriptor& listener,
                     [[maybe_unused]] const Descriptor& stop_signal) {
  // STRETCH(02.7): wait with poll until either can be read, and return whether the listener can.
  return true;
}

/// What goes wrong with one client ends that connection, and no other.
void serve(const Client& client) {
  std::string how = "told";
  try {
    greet(client);
  } catch (const std::system_error& error) {
    how = error.what();
  }
  std::cout << "Client " << client.peer.to_string() << ": " << how << std::endl;
}

void run_server(const Arguments& arguments) {
  const auto backlog = static_cast<int>(arguments.number("--backlog", 128, 1, 65535));
  const double clients = arguments.number("--count", std::numeric_limits<double>::infinity(), 1, 1e9);
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const Descriptor stop_signal = open_stop_signal();
  const Descriptor listener = open_listener(address, backlog, arguments.has("--reuse-port"));
  announce(listener);
  for (unsigned served = 0; served < clients && wait_for_client(listener, stop_signal);) {
    const Client client = accept_client(listener);
    if (!client.socket) continue;
    serve(client);
    ++served;
  }
}

}  // namespace wirelab
