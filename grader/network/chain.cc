#include "grader/network/chain.hh"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace wirelab {
namespace {

enum Side { left = 1, right = 2 };

/// Addresses on the cables of one chain.
class Plan {
 public:
  Plan(unsigned network, Chain::Families families)
      : network_(network), both_(families == Chain::Families::both) {}

  /// What an interface at this side of a cable gets.
  [[nodiscard]] std::string interface(std::size_t cable, Side side) const {
    return v4(cable, side) + "/24" + (both_ ? " " + v6(cable, side) + "/64" : "");
  }

  void default_route(Host& host, std::size_t cable, Side gateway) const {
    host.default_route(v4(cable, gateway));
    if (both_) host.default_route(v6(cable, gateway));
  }

  void route(Host& host, std::size_t to_cable, std::size_t by_cable, Side gateway) const {
    host.route(fmt::format("10.{}.{}.0/24", network_, to_cable), v4(by_cable, gateway));
    if (both_) host.route(fmt::format("fd00:{}:{}::/64", network_, to_cable), v6(by_cable, gateway));
  }

 private:
  [[nodiscard]] std::string v4(std::size_t cable, Side side) const {
    return fmt::format("10.{}.{}.{}", network_, cable, static_cast<int>(side));
  }
  [[nodiscard]] std::string v6(std::size_t cable, Side side) const {
    return fmt::format("fd00:{}:{}::{}", network_, cable, static_cast<int>(side));
  }

  unsigned network_;
  bool both_;
};

std::size_t last_cable(const std::vector<unsigned>& mtus) {
  if (mtus.empty()) throw std::invalid_argument("chain: without a cable");
  return mtus.size() - 1;
}

}  // namespace

Chain::Chain(Network& net, const std::vector<unsigned>& mtus, unsigned network, Families families)
    : client(net.host("client", Plan(network, families).interface(0, left))),
      server(net.host("server", Plan(network, families).interface(last_cable(mtus), right))) {
  const Plan plan(network, families);
  const std::size_t last = last_cable(mtus);
  for (std::size_t i = 1; i <= last; ++i) {
    routers.push_back(
        &net.router(fmt::format("r{}", i), plan.interface(i - 1, right), plan.interface(i, left)));
  }
  for (std::size_t i = 0; i <= last; ++i) {
    Host& near = i == 0 ? client : *routers[i - 1];
    Host& far = i == last ? server : *routers[i];
    cables.push_back(&net.link(near, far, {.mtu = mtus[i]}));
  }
  if (routers.empty()) return;  // neighbours need no routes
  plan.default_route(client, 0, right);
  plan.default_route(server, last, left);
  for (std::size_t i = 0; i < routers.size(); ++i) {  // between cables i and i + 1
    if (i + 1 < last) plan.default_route(*routers[i], i + 1, right);
    for (std::size_t behind = 0; behind < i; ++behind) plan.route(*routers[i], behind, i, left);
  }
}

}  // namespace wirelab
