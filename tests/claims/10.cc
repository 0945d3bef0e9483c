// What the deck slides/10-ipv6.md claims, and a program can show.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

using testing::Each;
using testing::ElementsAre;

in6_addr parse(const char* text) {
  in6_addr address{};
  EXPECT_EQ(inet_pton(AF_INET6, text, &address), 1) << text;
  return address;
}

std::string written(const in6_addr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  return text.data();
}

/// A TCP socket at `::`, or 0.0.0.0, on this port; bound, and nothing more. Throws when bind fails.
Descriptor bound_everywhere(int family, std::uint16_t port, int v6only) {
  Descriptor fd(must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (family == AF_INET6) {
    must(setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only), "IPV6_V6ONLY");
  }
  const Address here = Address::numeric(family == AF_INET6 ? "::" : "0.0.0.0", port);
  must(bind(fd.get(), here.data(), *here.size()), "bind");
  must(listen(fd.get(), 1), "listen");
  return fd;
}

struct Cable {
  Network net;
  Host& client = net.host("client", "10.10.0.1/24 fd00:10::1/64");
  Host& server = net.host("server", "10.10.0.2/24 fd00:10::2/64");
  Segment& wire = net.link(client, server);

  /// What the server's socket says of a client that connects to this address.
  sockaddr_in6 client_of(const Descriptor& listener, const Address& there) const {
    const auto inside = client.visit();
    const Descriptor fd(must(socket(there.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    must(connect(fd.get(), there.data(), *there.size()), "connect", there.to_string());
    sockaddr_in6 peer{};
    socklen_t size = sizeof peer;
    const Descriptor connection(
        must(accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size), "accept"));
    EXPECT_EQ(size, sizeof peer);
    return peer;
  }
};

TEST(Claims10, sizes_are_the_ones_on_the_slide) {
  EXPECT_EQ(sizeof(sockaddr_in), 16U);
  EXPECT_EQ(sizeof(sockaddr_in6), 28U);
  EXPECT_EQ(sizeof(sockaddr_storage), 128U);
  EXPECT_EQ(sizeof(sockaddr), 16U);
  EXPECT_EQ(sizeof(in6_addr), 16U);
  EXPECT_EQ(INET_ADDRSTRLEN, 16);
  EXPECT_EQ(INET6_ADDRSTRLEN, 46);
}

TEST(Claims10, three_spellings_are_one_address) {
  for (const char* text : {"2001:DB8:0:0:0:0:0:1", "2001:db8::0:1", "2001:0db8::1"}) {
    EXPECT_EQ(written(parse(text)), "2001:db8::1") << text;
  }
}

/// The examples of the slide about RFC 5952.
TEST(Claims10, one_way_to_write_an_address) {
  EXPECT_EQ(written(parse("2001:db8:0:0:1:0:0:1")), "2001:db8::1:0:0:1");     // the first of two equal runs
  EXPECT_EQ(written(parse("2001:0:0:1:0:0:0:1")), "2001:0:0:1::1");           // the longer run
  EXPECT_EQ(written(parse("2001:db8:0:1:1:1:1:1")), "2001:db8:0:1:1:1:1:1");  // one zero group stays
  EXPECT_EQ(written(parse("0:0:0:0:0:0:0:1")), "::1");
}

TEST(Claims10, kernel_writes_no_more_than_there_is_room_for) {
  Cable cable;
  const auto inside = cable.server.visit();
  const Descriptor fd(must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Address here = Address::numeric("fd00:10::2", 1060);
  must(bind(fd.get(), here.data(), *here.size()), "bind");

  sockaddr_storage storage;
  std::memset(&storage, 0x5a, sizeof storage);
  socklen_t size = sizeof(sockaddr_in);                                               // room for 16 bytes
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size), 0);  // no error
  EXPECT_EQ(size, 28U);  // what it would have been
  std::array<unsigned char, sizeof storage> bytes;
  std::memcpy(bytes.data(), &storage, sizeof storage);
  EXPECT_THAT(std::vector(bytes.begin() + 16, bytes.end()), Each(0x5a));  // the rest is not there
  EXPECT_THAT(std::vector(bytes.begin() + 8, bytes.begin() + 12), ElementsAre(0xfd, 0, 0, 0x10));
}

TEST(Claims10, ipv4_client_of_a_dual_stack_socket_has_a_mapped_address) {
  Cable cable;
  const Descriptor listener = [&cable] {
    const auto inside = cable.server.visit();
    return bound_everywhere(AF_INET6, 1060, 0);
  }();
  const sockaddr_in6 over_ipv4 = cable.client_of(listener, Address::numeric("10.10.0.2", 1060));
  EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&over_ipv4.sin6_addr));
  EXPECT_EQ(written(over_ipv4.sin6_addr), "::ffff:10.10.0.1");
  EXPECT_EQ(cable.wire.frames(syn)[0].frame.headers().source.family(), AF_INET);  // on the cable it is IPv4

  const sockaddr_in6 over_ipv6 = cable.client_of(listener, Address::numeric("fd00:10::2", 1060));
  EXPECT_EQ(written(over_ipv6.sin6_addr), "fd00:10::1");
}

TEST(Claims10, v6only_leaves_the_port_to_ipv4) {
  Cable cable;
  const auto inside = cable.server.visit();
  {
    const Descriptor ipv6 = bound_everywhere(AF_INET6, 1060, 1);
    EXPECT_NO_THROW(bound_everywhere(AF_INET, 1060, 0));
  }
  const Descriptor both = bound_everywhere(AF_INET6, 1060, 0);
  try {
    bound_everywhere(AF_INET, 1060, 0);
    FAIL() << "the port is taken";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
  }
}

TEST(Claims10, v6only_cannot_be_set_after_bind) {
  Cable cable;
  const auto inside = cable.server.visit();
  const Descriptor fd = bound_everywhere(AF_INET6, 1060, 0);
  const int on = 1;
  EXPECT_EQ(setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), -1);
  EXPECT_EQ(errno, EINVAL);
}

std::vector<int> types_of_addresses(int socktype) {
  addrinfo wanted{};
  wanted.ai_socktype = socktype;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  EXPECT_EQ(getaddrinfo("::1", "1060", &wanted, &found), 0);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<int> types;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) types.push_back(one->ai_socktype);
  return types;
}

TEST(Claims10, every_address_comes_three_times_if_no_type_is_asked_for) {
  EXPECT_THAT(types_of_addresses(0), ElementsAre(SOCK_STREAM, SOCK_DGRAM, SOCK_RAW));
  EXPECT_THAT(types_of_addresses(SOCK_STREAM), ElementsAre(SOCK_STREAM));
}

TEST(Claims10, link_local_address_needs_its_interface) {
  Cable cable;
  const auto inside = cable.client.visit();
  const Address there = Address::numeric("fe80::2", 1060);
  const Descriptor fd(must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  EXPECT_EQ(connect(fd.get(), there.data(), *there.size()), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Claims10, getaddrinfo_reads_the_interface) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  Cable cable;
  const auto inside = cable.client.visit();
  ASSERT_EQ(getaddrinfo("fe80::2%eth0", nullptr, &wanted, &found), 0);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  sockaddr_in6 address{};
  std::memcpy(&address, found->ai_addr, sizeof address);
  EXPECT_NE(address.sin6_scope_id, 0U);  // the number of eth0
  EXPECT_TRUE(IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr));
}

TEST(Claims10, socket_keeps_its_family) {
  Cable cable;
  const auto inside = cable.client.visit();
  const Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Address there = Address::numeric("fd00:10::2", 1060);
  EXPECT_EQ(connect(fd.get(), there.data(), *there.size()), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
}

/// A SYN that nobody answers is sent again and again, and connect waits: a client that tries one address
/// after the other waits as long. (How long in all: tcp_syn_retries of tcp(7).)
TEST(Claims10, black_hole_gives_no_error) {
  Cable cable;
  cable.wire.rule(drop(tcp));
  const auto inside = cable.client.visit();
  const Descriptor fd(must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const Address there = Address::numeric("fd00:10::2", 1060);
  EXPECT_EQ(connect(fd.get(), there.data(), *there.size()), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  EXPECT_TRUE(cable.wire.wait_for(syn, 2, std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  int error = -1;
  socklen_t size = sizeof error;
  must(getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size), "SO_ERROR");
  EXPECT_EQ(error, 0);
}

}  // namespace
}  // namespace wirelab
