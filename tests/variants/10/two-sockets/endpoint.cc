// Lab 10's addresses with the C library's own functions: inet_ntop and if_indextoname.
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <cstring>
#include <stdexcept>

#include "ipv6.hh"

namespace wirelab {

std::string host_text(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, text, sizeof text);
}

std::string to_text(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN];
  if (endpoint.family() == AF_INET) {
    inet_ntop(AF_INET, &endpoint.v4().sin_addr, text, sizeof text);
    return text + (":" + std::to_string(ntohs(endpoint.v4().sin_port)));
  }
  const sockaddr_in6& v6 = endpoint.v6();
  const std::string port = std::to_string(ntohs(v6.sin6_port)), host = host_text(v6.sin6_addr);
  if (host.starts_with("::ffff:") && host.find('.') != std::string::npos) return host.substr(7) + ":" + port;
  char zone[IF_NAMESIZE + 1] = "%";
  if (v6.sin6_scope_id == 0 || if_indextoname(v6.sin6_scope_id, zone + 1) == nullptr) zone[0] = '\0';
  return "[" + host + zone + "]:" + port;
}

std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  addrinfo* found = nullptr;
  const addrinfo hints{.ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo wanted = hints;
  if (host.find_first_not_of("0123456789.:abcdefABCDEF") == std::string::npos)
    wanted.ai_flags = AI_NUMERICHOST;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
      error != 0) {
    throw std::runtime_error("resolve " + host + ": " + gai_strerror(error));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Endpoint endpoint{.size = one->ai_addrlen};
    std::memcpy(&endpoint.storage, one->ai_addr, one->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  freeaddrinfo(found);
  return endpoints;
}

}  // namespace wirelab
