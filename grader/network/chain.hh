#pragma once

#include <vector>

#include "grader/network/network.hh"

namespace wirelab {

/// A client and a server with any number of routers between them, and routes from each to each:
///
///     client --cables[0]-- routers[0] --cables[1]-- routers[1] --cables[2]-- server
///
/// Cable i is the network 10.B.i.0/24, and fd00:B:i::/64 where IPv6 is wanted; who is on its left has .1
/// (::1) there, who is on its right .2 (::2). So a router's first address is the one that the client's side
/// sees.
struct Chain {
  /// Which addresses the hosts get: IPv4 alone, or IPv6 as well.
  enum class Families { ipv4, both };

  /// One cable for each MTU, from the client on; one router less. `network` is B, from 1 to 255. Throws
  /// std::invalid_argument when there is no cable.
  Chain(Network& net, const std::vector<unsigned>& mtus, unsigned network,
        Families families = Families::ipv4);

  Host& client;                  ///< the end on the left
  std::vector<Host*> routers;    ///< from the client on; they live as long as the network
  Host& server;                  ///< the end on the right
  std::vector<Segment*> cables;  ///< from the client on, one more than routers
};

}  // namespace wirelab
