#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "broadcast.hh"
#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"

// A server needs nothing special to hear a broadcast, but it can easily be deaf: a datagram is handed to a
// socket whose local address is the one the datagram was sent to. A broadcast is sent to 10.7.0.255 or
// 255.255.255.255, so a socket bound to 10.7.0.2 does not get it, and one bound to 0.0.0.0 does.

namespace wirelab {
namespace {

/// A UDP socket bound to this address. With `share`, other sockets that also share may be bound to the same
/// address and port, and each of them is handed every broadcast. Throws std::system_error, `bind
/// 0.0.0.0:1060: Address already in use`. See socket(7) on SO_REUSEADDR, bind(2), udp(7).
Descriptor open_server(const Address& address, bool share) {
  // TODO(07.1): create the socket, let it share its address if that is asked for, and bind it.
  Descriptor fd(must(socket(address.family(), SOCK_DGRAM, 0), "socket"));
  const int on = 1;
  if (share) must(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt SO_REUSEADDR");
  must(bind(fd.get(), address.data(), *address.size()), "bind", address.to_string());
  return fd;
}

/// Makes the host listen to a multicast group: the kernel tells the routers (IGMP), and takes the group's
/// frames from the cable. Throws std::system_error, `join 239.7.0.1: ...`. See ip(7) on IP_ADD_MEMBERSHIP.
void join_group(int fd, const std::string& group) {
  // STRETCH(07.8): join the group, on the interface that the kernel chooses.
  ip_mreqn membership{};
  if (inet_pton(AF_INET, group.c_str(), &membership.imr_multiaddr) != 1)
    throw UsageError("group '" + group + "': no address");
  must(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership), "join", group);
}

struct Datagram {
  Address from;
  std::string bytes;
};

/// Receives one datagram, up to the largest there is (65,507 bytes), and says who sent it. Nothing when a
/// signal interrupted the call (EINTR). Throws std::system_error. See recvfrom(2).
std::optional<Datagram> receive_one(int fd) {
  // TODO(07.2): receive a datagram with its sender's address.
  Datagram datagram{.from = {}, .bytes = std::string(65536, '\0')};
  const ssize_t count = recvfrom(fd, datagram.bytes.data(), datagram.bytes.size(), 0, datagram.from.data(),
                                 datagram.from.size());
  if (count < 0 && errno == EINTR) return std::nullopt;
  must(count, "receive");
  datagram.bytes.resize(static_cast<std::size_t>(count));
  return datagram;
}

/// Answers the sender of discover's question, and nobody else. A sender who cannot be answered is no reason
/// to stop. See sendto(2).
void answer_question(int fd, const Address& from) {
  // STRETCH(07.6): send the answer to whoever asked.
  const std::string_view text = answer;
  if (sendto(fd, text.data(), text.size(), 0, from.data(), *from.size()) < 0) {
    std::cerr << "broadcast: answer " << from.to_string() << ": not sent" << std::endl;
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor fd = open_server(address, arguments.has("--share"));
  if (arguments.has("--group")) join_group(fd.get(), arguments.options.at("--group"));
  std::cout << "Listening at " << local_address(fd.get()).to_string() << std::endl;
  while (true) {
    const std::optional<Datagram> datagram = receive_one(fd.get());
    if (!datagram) continue;
    std::cout << datagram->from.to_string() << ": " << datagram->bytes.size() << " bytes: " << datagram->bytes
              << std::endl;
    if (datagram->bytes == question) answer_question(fd.get(), datagram->from);
  }
}

}  // namespace wirelab
