#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "grader/checks/program.hh"
#include "grader/checks/story.hh"

namespace wirelab {

/// The check's own end of a TCP connection, on some host: the other side that a program under test meets.
/// Every function is a step of the story; those that wait are bounded by `patience`.
class TcpPeer {
 public:
  /// Of all deadlines.
  using Clock = std::chrono::steady_clock;

  /// For a connection that is already there; `name` is for the story.
  TcpPeer(Story& story, std::string name, Descriptor fd);

  /// Sends everything, as fast as the other side takes it, each call in a segment of its own (no Nagle).
  /// Fails the check when the connection is gone or the other side does not take it in time.
  void send(std::string_view bytes);

  /// The next bytes that come are exactly these.
  void expect_receive(std::string_view bytes);

  /// The other side has finished sending (FIN), and nothing came before that.
  void expect_end();

  /// Nothing comes for this long.
  void expect_silence(std::chrono::nanoseconds time);

  /// The other side has broken the connection off (RST) or ended it; whatever came before does not matter.
  void expect_gone();

  /// Sends while it receives, until all has been sent and exactly the same has come back. The first `sent`
  /// bytes have been sent already.
  void expect_echo(std::string_view bytes, std::size_t sent = 0);

  /// Sends without reading, until all is sent or the other side has taken nothing for a while. Returns how
  /// much went.
  std::size_t send_until_stuck(std::string_view bytes);

  /// Sends back what comes, piece by piece, each piece whole before it reads on, as a simple server does;
  /// until the other side has finished sending. Returns what came. Fails the check when the other side stops
  /// reading.
  std::string echo_everything();

  void half_close();  ///< shutdown(SHUT_WR): no more from here, still listening
  void reset();       ///< RST: SO_LINGER with zero time, then close
  void close();  ///< close(2): FIN, or RST when bytes have come that nobody read (RFC 2525, section 2.17)

  /// The socket, for what the functions here do not do; -1 after `reset` and `close`.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Address and port of this end, on the host where the peer is.
  [[nodiscard]] Address local() const { return local_; }
  /// How the story calls it.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  enum class Came { bytes, end, reset, nothing };
  Came receive_some(std::string& into, std::size_t most, Clock::time_point deadline);
  void step(const std::string& text) { story_.step(name_ + ": " + text); }
  [[noreturn]] void fail_receive(std::string_view expected, const std::string& got, Came how);

  Story& story_;
  std::string name_;
  Descriptor fd_;
  Address local_;
};

/// A TCP socket of the check that listens: the server that a client under test meets.
class TcpListener {
 public:
  /// Listens on the host's first address. `receive_buffer` in bytes, 0 for the system's choice: set before
  /// listening, so that connections begin with a small window.
  TcpListener(Story& story, const Host& host, std::uint16_t port, int receive_buffer = 0);

  /// The same on one of the host's other addresses.
  TcpListener(Story& story, const Host& host, const Address& at, int receive_buffer = 0);

  /// Waits for a connection. Fails the check when none comes.
  TcpPeer accept();

  /// Whether a connection comes within this time.
  bool has_connection(std::chrono::nanoseconds within) const;

  /// Where clients reach it, with its port.
  [[nodiscard]] Address address() const { return address_; }

 private:
  Story& story_;
  std::string name_;
  Descriptor fd_;
  Address address_;
};

/// A UDP socket of the check.
class UdpPeer {
 public:
  /// Of all deadlines.
  using Clock = std::chrono::steady_clock;

  /// A datagram that has come.
  struct Datagram {
    Address from;       ///< its source, as the kernel tells it
    std::string bytes;  ///< its payload, whole; may be empty
  };

  /// Bound to the host's first address; port 0 lets the kernel choose.
  UdpPeer(Story& story, const Host& host, std::uint16_t port);

  /// Bound to one of the host's other addresses.
  UdpPeer(Story& story, const Host& host, const Address& at);

  /// Sends one datagram. Throws std::system_error when the kernel refuses it.
  void send(std::string_view bytes, const Address& to);

  /// Waits for the next datagram. Fails the check when none comes.
  Datagram expect_datagram(std::chrono::nanoseconds within = patience);

  /// The next datagram, if one comes within this time. No step of the story.
  std::optional<Datagram> receive(std::chrono::nanoseconds within);

  /// Address and port it is bound to.
  [[nodiscard]] Address local() const { return local_; }
  /// The socket, for options that a check wants to set.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Story& story_;
  std::string name_;
  Descriptor fd_;
  Address local_;
};

}  // namespace wirelab
