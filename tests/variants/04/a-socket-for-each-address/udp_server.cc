// Lab 04's server without any ancillary data: a socket for each address of the host, as ntpd has it, and a
// poll on all of them. What is bound to an address answers from it. (Broadcasts do not reach such sockets,
// and addresses that come later are not served.)
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "udp_echo.hh"

namespace wirelab {
namespace {

bool is_wildcard(const Address& address) { return address.host() == "0.0.0.0" || address.host() == "::"; }

/// Every address of this host of the family (both for IPv6), with this port.
std::vector<Address> own_addresses(const Address& wanted) {
  ifaddrs* list = nullptr;
  must(getifaddrs(&list), "getifaddrs");
  std::map<std::string, Address> found;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && (family != AF_INET6 || wanted.family() == AF_INET)) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    const Address address = Address(one->ifa_addr, size).with_port(wanted.port());
    found[address.to_string()] = address;
  }
  freeifaddrs(list);
  std::vector<Address> result;
  for (const auto& [text, address] : found) result.push_back(address);
  return result;
}

Descriptor bind_to(const Address& address) {
  Descriptor descriptor(
      must(socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  must(bind(descriptor.get(), address.data(), *address.size()), "bind", address.to_string());
  return descriptor;
}

void echo(int descriptor) {
  static char buffer[65536];
  for (;;) {
    Address client;
    const ssize_t length = recvfrom(descriptor, buffer, sizeof buffer, 0, client.data(), client.size());
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (length < 0) continue;
    ssize_t sent;
    do sent = sendto(descriptor, buffer, static_cast<size_t>(length), 0, client.data(), *client.size());
    while (sent < 0 && errno == EINTR);
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  std::vector<Descriptor> sockets;
  if (is_wildcard(address)) {
    for (const Address& one : own_addresses(address)) sockets.push_back(bind_to(one));
  } else {
    sockets.push_back(bind_to(address));
  }
  std::vector<pollfd> watched;
  for (const Descriptor& one : sockets) {
    watched.push_back({one.get(), POLLIN, 0});
    std::printf("Listening at %s\n", local_address(one.get()).to_string().c_str());
  }
  std::fflush(stdout);
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    for (const pollfd& one : watched) {
      if (one.revents != 0) echo(one.fd);
    }
  }
}

}  // namespace wirelab
