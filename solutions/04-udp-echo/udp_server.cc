#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "udp_echo.hh"

// A UDP server has one socket for everybody. Whom it talks to is said anew with each datagram: recvmsg tells
// who sent it, and where it was sent to; sendmsg is told where the answer goes, and from where. That last
// matters on a host with several addresses: the client asked one of them and believes no other.

namespace wirelab {

/// A UDP socket that receives what is sent to this address; 0.0.0.0 is every address of this host, port 0 is
/// any free port. The socket is asked to tell of each datagram which address it was sent to: that is the
/// option IP_PKTINFO (ip(7)), for IPv6 IPV6_RECVPKTINFO (ipv6(7), RFC 3542, section 6). It goes before bind:
/// afterwards there may be datagrams already that were stored without. Errors read
/// `bind 10.4.0.2:1060: Address already in use`. See socket(2), setsockopt(2), bind(2), udp(7).
Descriptor open_socket(const Address& address) {
  const int on = 1;
  // TODO(04.1): make a UDP socket of the address's family, set the option on it, and bind it to the address.
  Descriptor descriptor(must(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const bool is_ipv6 = address.family() == AF_INET6;
  must(setsockopt(descriptor.get(), is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                  is_ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on),
       "set packet information");
  must(bind(descriptor.get(), address.data(), *address.size()), "bind", address.to_string());
  return descriptor;
}

/// Readies a message for recvmsg: its header points to the bytes, the peer and the ancillary data, and says
/// how much room there is for each. To be done before each call, because the kernel overwrites the lengths
/// with what it has used: a message used twice would have room for no more than the first time. See
/// recvmsg(2) for the fields of msghdr.
void make_ready(Message& message) {
  // TODO(04.2): fill in message.part, and all of message.header.
  message.part = {message.bytes.data(), message.bytes.size()};
  message.header = {};
  message.header.msg_name = message.peer.data();
  message.header.msg_namelen = sizeof(sockaddr_storage);
  message.header.msg_iov = &message.part;
  message.header.msg_iovlen = 1;
  message.header.msg_control = message.ancillary.data();
  message.header.msg_controllen = message.ancillary.size();
}

/// Stretch: what turn_round does, for IPV6_PKTINFO (RFC 3542, section 6): the interface of the in6_pktinfo
/// that follows `header` becomes 0. Two kinds of addresses need more. One of the link (IN6_IS_ADDR_LINKLOCAL)
/// exists once on every link, so there the interface stays. And from a group's address
/// (IN6_IS_ADDR_MULTICAST) nothing can be sent; in6addr_any lets the kernel choose one.
void turn_round_ipv6(cmsghdr* header) {
  // STRETCH(04.9): copy the in6_pktinfo out, let the routing table choose the way, and copy it back.
  in6_pktinfo info{};
  std::memcpy(&info, CMSG_DATA(header), sizeof info);
  if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
  if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) info.ipi6_addr = in6addr_any;
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

/// Makes the answer out of a request of `length` bytes. Most of it stands there already: sendmsg reads from
/// msg_name where the datagram goes, and there stands who sent the request. From IP_PKTINFO it reads two more
/// things (ip(7)):
///   ipi_spec_dst   the source address. recvmsg left there the address that was asked; for a broadcast, one
///   of
///                  this host's own. (ipi_addr is what stood in the packet, and is not read.)
///   ipi_ifindex    the interface. recvmsg left there the one by which the request came. The answer may have
///                  to take another way: 0 leaves that to the routing table.
/// Ancillary data is a row of cmsghdr, each followed by its data. CMSG_FIRSTHDR, CMSG_NXTHDR and CMSG_DATA
/// walk through it (cmsg(3)). An in_pktinfo follows the one of level IPPROTO_IP and type IP_PKTINFO; for
/// IPPROTO_IPV6 and IPV6_PKTINFO there is turn_round_ipv6.
void turn_round(Message& message, std::size_t length) {
  message.part.iov_len = length;
  // TODO(04.3): find IP_PKTINFO, copy the in_pktinfo out, set its interface to 0, and copy it back.
  msghdr* all = &message.header;
  for (cmsghdr* one = CMSG_FIRSTHDR(all); one != nullptr; one = CMSG_NXTHDR(all, one)) {
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(one), sizeof info);
      info.ipi_ifindex = 0;
      std::memcpy(CMSG_DATA(one), &info, sizeof info);
    }
    if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) turn_round_ipv6(one);
  }
}

/// One line on standard error, `udp_echo: send to 10.4.0.1:0: Invalid argument`: what went wrong with one
/// datagram, while the server goes on.
void report_failure(const char* operation, const Address& peer, int error) {
  std::cerr << "udp_echo: " << operation << " " << peer.to_string() << ": " << std::strerror(error)
            << std::endl;
}

/// Whether a server that failed to receive may simply receive again. A signal may have come first (EINTR), or
/// memory was short (ENOMEM, ENOBUFS). Other errors are not about this call at all: the network reports that
/// an earlier answer did not arrive, because its port was closed (ECONNREFUSED, from ICMP port unreachable)
/// or because no way leads there (EHOSTUNREACH, ENETUNREACH), and on some systems and sockets the next call,
/// whichever it is, brings the news (udp(7), ip(7)). A closed or wrong descriptor, on the other hand, would
/// fail for ever.
bool is_passing(int error) {
  // TODO(04.4): say which errors pass.
  switch (error) {
    case EINTR:
    case EAGAIN:
    case ENOMEM:
    case ENOBUFS:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
      return true;
    default:
      return false;
  }
}

/// Receives one datagram and sends it back. recvmsg returns its length, which may be 0: an empty datagram is
/// a datagram, and no end of anything. Were it larger than the room for it, the rest would be thrown away
/// without an error, and only MSG_TRUNC in msg_flags would tell; half an echo is none, so such a datagram
/// would be reported and not answered. A sendmsg that a signal interrupted (EINTR) has sent nothing and is
/// repeated. An answer that cannot be sent, to port 0 for example, is reported: that is one client's
/// misfortune. recvmsg throws only when the error will not pass: `receive: Bad file descriptor`.
void serve_one(int descriptor, Message& message) {
  make_ready(message);
  // TODO(04.5): receive, turn the message round, and send it; report what fails.
  const ssize_t length = recvmsg(descriptor, &message.header, 0);
  if (length < 0 && is_passing(errno)) return;
  must(length, "receive");
  if ((message.header.msg_flags & MSG_TRUNC) != 0)
    return report_failure("receive from", message.peer, EMSGSIZE);
  turn_round(message, static_cast<std::size_t>(length));
  while (sendmsg(descriptor, &message.header, 0) < 0) {
    if (errno != EINTR) return report_failure("send to", message.peer, errno);
  }
}

void run_server(const Arguments& arguments) {
  const auto batch = static_cast<std::size_t>(arguments.number("--batch", 1, 1, 256));
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();

  std::vector<Message> messages(batch);
  const Descriptor descriptor = open_socket(address);
  std::cout << "Listening at " << local_address(descriptor.get()).to_string() << std::endl;
  while (true) {
    if (batch == 1) serve_one(descriptor.get(), messages.front());
    if (batch > 1) serve_batch(descriptor.get(), messages);
  }
}

}  // namespace wirelab
