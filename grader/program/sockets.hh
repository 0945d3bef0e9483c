#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "grader/network/host.hh"

namespace wirelab {

/// A socket of the program under test, taken out of it with pidfd_getfd(2): a second descriptor for the very
/// same socket, so that getsockopt(2) and getsockname(2) tell the truth about it.
struct HeldSocket {
  int number = -1;              ///< the descriptor's number in the program
  Descriptor fd;                ///< our own descriptor for it
  int family = 0;               ///< AF_INET, AF_INET6, ...
  int type = 0;                 ///< SOCK_STREAM, ...
  Address local;                ///< AF_UNSPEC when it has none
  std::optional<Address> peer;  ///< set when connected
  bool listening = false;       ///< TCP: listen(2) was called on it
};

/// The sockets a process holds at this moment. Throws std::system_error when the process cannot be looked at.
std::vector<HeldSocket> sockets_of(pid_t pid);

/// One row of the kernel's table of sockets of a host, as sock_diag(7) tells it.
struct BoundSocket {
  Address local;               ///< what it is bound to; 0.0.0.0 or :: for every address
  Address peer;                ///< port 0 when not connected
  int state = 0;               ///< TCP_LISTEN, TCP_ESTABLISHED, ... (UDP: TCP_CLOSE when not connected)
  unsigned receive_queue = 0;  ///< bytes waiting; for a listening socket the connections waiting
  unsigned send_queue = 0;     ///< for a listening socket the backlog in force
};

/// A set of states, one bit for each (1 << TCP_LISTEN), as in sock_diag(7): here, all of them.
inline constexpr std::uint32_t any_state = ~0u;
inline constexpr std::uint32_t listen_state = 1u << 10;  ///< TCP_LISTEN alone

/// The TCP (SOCK_STREAM) or UDP (SOCK_DGRAM) sockets inside a host, both families, in any of these states.
/// Who wants TCP listeners alone should say so: for the others the kernel walks the table of all connections
/// of the machine. Throws std::system_error.
std::vector<BoundSocket> sockets_in(const Host& host, int type, std::uint32_t states = any_state);
/// The same for a namespace that need not be a host's.
std::vector<BoundSocket> sockets_in(const NetworkNamespace& network, int type,
                                    std::uint32_t states = any_state);

}  // namespace wirelab
