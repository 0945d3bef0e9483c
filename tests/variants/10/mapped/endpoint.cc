// Lab 10's addresses with getnameinfo, which writes numbers and scopes of either family.
#include <netdb.h>

#include <cstring>
#include <stdexcept>

#include "ipv6.hh"

namespace wirelab {

std::string host_text(const in6_addr& address) {
  Endpoint endpoint{.size = sizeof(sockaddr_in6)};
  endpoint.storage.ss_family = AF_INET6;
  endpoint.v6().sin6_addr = address;
  char host[NI_MAXHOST];
  getnameinfo(endpoint.data(), endpoint.size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

std::string to_text(const Endpoint& endpoint) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  const int error = getnameinfo(endpoint.data(), endpoint.size, host, sizeof host, port, sizeof port,
                                NI_NUMERICHOST | NI_NUMERICSERV);
  if (error != 0) throw std::runtime_error(std::string("write an address: ") + gai_strerror(error));
  if (endpoint.family() == AF_INET) return std::string(host) + ":" + port;
  if (IN6_IS_ADDR_V4MAPPED(&endpoint.v6().sin6_addr))
    return std::string(host + strlen("::ffff:")) + ":" + port;
  return "[" + std::string(host) + "]:" + port;
}

std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  addrinfo *found = nullptr, wanted{};
  wanted.ai_protocol = IPPROTO_TCP;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
      error != 0) {
    throw std::runtime_error("resolve " + host + ": " + gai_strerror(error));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    endpoints.push_back({.size = one->ai_addrlen});
    std::memcpy(endpoints.back().data(), one->ai_addr, one->ai_addrlen);
  }
  freeaddrinfo(found);
  return endpoints;
}

}  // namespace wirelab
