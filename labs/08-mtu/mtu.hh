#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/lab_main.hh"

namespace wirelab {

constexpr std::chrono::milliseconds patience{300};  ///< how long to listen for news of a probe
constexpr int most_tries = 3;                       ///< how often to send a probe of one size
constexpr std::size_t largest_packet = 65535;       ///< the length field of an IPv4 packet has 16 bits

/// What became of a probe, as far as anybody says.
enum class News {
  arrived,    ///< HOST answered, or HOST's kernel says that nobody uses the port: either way it was there
  too_large,  ///< this machine or a router says that it does not fit: see known_mtu for what does
  silence,    ///< nobody said anything: the probe is lost, or the news of it, or both are slow
};

/// Whose word decides how large a packet may be.
enum class Trust {
  reports,   ///< the kernel's, which remembers what routers reported
  arrivals,  ///< nobody's: a size fits when a packet of this size has arrived
};

/// Where the two IP versions differ, in what this lab needs.
struct Family {
  int level;             ///< of the options below: setsockopt(2)
  int mtu_discover;      ///< IP_MTU_DISCOVER: may packets be fragmented?
  int receive_errors;    ///< IP_RECVERR: tell me of every error that the network reports
  int mtu;               ///< IP_MTU: the largest packet for this destination, as far as the kernel knows
  std::size_t headers;   ///< bytes of a UDP datagram's packet that are not data
  std::size_t smallest;  ///< every link takes packets of this size
};

/// The constants of AF_INET or AF_INET6.
Family constants_of(int family);

/// The path to one port of one host: a UDP socket whose packets are never fragmented.
class Path {
 public:
  /// Opens the socket; nothing is sent. Throws std::system_error: `connect 10.8.3.2:1060: Network is
  /// unreachable`.
  Path(const Address& host, Trust trust);

  /// The largest packet for this destination in bytes, as far as the kernel knows.
  [[nodiscard]] std::size_t known_mtu() const;

  /// Sends one packet of `size` bytes, IP and UDP headers included, and waits for news of it, not longer than
  /// `patience`. Throws std::system_error when the network says that HOST cannot be reached.
  News probe(std::size_t size);

 private:
  News send_packet(std::size_t size);
  News wait_for_news(std::size_t size);
  int next_error();

  std::string host_;
  Trust trust_;
  Family family_;
  Descriptor socket_;
};

/// The path MTU to HOST: probes as large as the kernel believes possible, until one arrives. Throws when
/// none does.
std::size_t discover(const Address& host);

/// The path MTU to HOST, found without believing anybody: tries sizes until the largest that arrives is
/// known.
std::size_t search(const Address& host);

/// `mtu HOST [-p PORT] [--search]`: finds the path MTU and prints it, `Path MTU: 1300`.
void run(const Arguments& arguments);

}  // namespace wirelab
