#include <ctime>  // linux/errqueue.h needs it, and does not say so

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "mtu.hh"

// A socket that asks the network one question: does a packet of this size get through in one piece? The
// answer comes in three ways. The other host says something, anything: then it got through. A router says
// that the packet is larger than its next link and may not be fragmented: then the kernel has made a note of
// what that link takes, and tells us the error. Or nobody says anything.

namespace wirelab {

/// IPv4 headers have 20 bytes without options (RFC 791), UDP's has 8 (RFC 768), and every IPv4 link takes 68
/// bytes. IPv6 headers have 40, and every IPv6 link takes 1280 (RFC 8200, section 5). The options of IPv6
/// sockets have names of their own, at a level of their own: see ip(7) and ipv6(7).
Family constants_of(int family) {
  if (family == AF_INET6) {
    // STRETCH(08.8): return the same six for IPv6.
    return {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_MTU, 40 + 8, 1280};
  }
  return {IPPROTO_IP, IP_MTU_DISCOVER, IP_RECVERR, IP_MTU, 20 + 8, 68};
}

/// A UDP socket that is connected to the host: connect(2) sends nothing, but only for a connected socket does
/// the kernel know a path whose MTU it can tell, and whose errors it can hand over. Errors read `connect
/// 10.8.3.2:1060: Network is unreachable`.
Descriptor open_connected(const Address& host) {
  // TODO(08.1): make a UDP socket of the host's family and connect it to the host.
  Descriptor descriptor(must(socket(host.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(connect(descriptor.get(), host.data(), *host.size()), "connect", host.to_string());
  return descriptor;
}

/// Two options of the socket, both of type int (ip(7)).
/// IP_MTU_DISCOVER: with IP_PMTUDISC_DO every packet carries the don't-fragment bit, and one that is larger
/// than the kernel knows to fit is refused with EMSGSIZE before it leaves. IP_PMTUDISC_PROBE is the same, but
/// passes over what the kernel remembers of the path: only the first link decides. Unless told, the kernel
/// does what the machine's owner has set (net.ipv4.ip_no_pmtu_disc). IP_RECVERR: without it, a UDP socket is
/// not told that a host or a network cannot be reached.
void set_options(int descriptor, const Family& family, Trust trust) {
  const int discover = trust == Trust::reports ? IP_PMTUDISC_DO : IP_PMTUDISC_PROBE;
  const int on = 1;
  // TODO(08.2): set family.mtu_discover to `discover`, and family.receive_errors to `on`.
  must(setsockopt(descriptor, family.level, family.mtu_discover, &discover, sizeof discover),
       "forbid fragmentation");
  must(setsockopt(descriptor, family.level, family.receive_errors, &on, sizeof on), "ask for errors");
}

Path::Path(const Address& host, Trust trust)
    : host_(host.to_string()),
      trust_(trust),
      family_(constants_of(host.family())),
      socket_(open_connected(host)) {
  set_options(socket_.get(), family_, trust_);
}

/// IP_MTU, an int: at first the MTU of the link that the packet leaves by; then the smallest that routers
/// have reported for this destination, also to other programs and up to ten minutes ago. Take the value as it
/// is, also that of the loopback: to 127.0.0.1 65535 at most, all that IPv4's length field can say; to ::1
/// usually 65536, for IPv6's length field does not count the header. See ip(7).
std::size_t Path::known_mtu() const {
  int mtu = 0;
  socklen_t size = sizeof mtu;
  // TODO(08.3): ask the socket for family_.mtu.
  must(getsockopt(socket_.get(), family_.level, family_.mtu, &mtu, &size), "ask for the MTU to", host_);
  return static_cast<std::size_t>(mtu);
}

/// Sends one datagram with as much data as makes a packet of `size` bytes. What the data is does not matter.
/// EMSGSIZE: the kernel knows that the packet does not fit, and has not sent it; or this is late news of an
/// earlier probe, which the kernel tells with the next call, and only once. Either way nothing was sent, and
/// that was no try. So send again at once, and if it is EMSGSIZE again: too_large. ECONNREFUSED is such late
/// news, too: arrived. EINTR: nothing was sent, send it now. When it is sent, there is no news yet: silence.
/// Errors read `send to 10.8.3.2:1060: No route to host`.
News Path::send_packet(std::size_t size) {
  const std::string data(size - family_.headers, 'm');
  // TODO(08.4): send the data, and say what is known after that.
  for (int refused = 0; send(socket_.get(), data.data(), data.size(), 0) < 0;) {
    if (errno == EMSGSIZE && ++refused == 2) return News::too_large;
    if (errno == ECONNREFUSED) return News::arrived;
    if (errno != EMSGSIZE && errno != EINTR) throw_errno("send to", host_);
  }
  return News::silence;
}

/// Takes the oldest error report out of the socket's error queue and returns its errno value; 0 when there is
/// none. recvmsg(2) with MSG_ERRQUEUE returns the data of the packet that the report is about, and beside it,
/// as a control message of this family's level and type `receive_errors`, a sock_extended_err. It never waits
/// (EAGAIN: no report). As long as a report lies in the queue, poll says POLLERR. See IP_RECVERR in ip(7),
/// and cmsg(3) for how to walk over control messages.
int Path::next_error() {
  alignas(cmsghdr) std::array<std::byte, 512> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  // TODO(08.5): receive a report, and return the ee_errno of its sock_extended_err.
  if (recvmsg(socket_.get(), &message, MSG_ERRQUEUE) < 0) return 0;
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != family_.level || one->cmsg_type != family_.receive_errors) continue;
    sock_extended_err report;
    std::memcpy(&report, CMSG_DATA(one), sizeof report);
    return static_cast<int>(report.ee_errno);
  }
  return 0;
}

/// Waits for news of the probe, up to `patience` from now; silence when none came. Waits with poll(2) for
/// what is left until a fixed moment, so that interruptions (EINTR) make it neither longer nor shorter. Then
/// looks for an error report first, for a datagram after that (recv with MSG_DONTWAIT; the error may be the
/// socket's own). A datagram, or ECONNREFUSED: arrived. EMSGSIZE: too_large, if the trust is in reports and
/// known_mtu is now below `size`; else it is an old report, or one that makes no sense, and the wait goes on.
/// EAGAIN, EINTR: no news. Errors read `probe 10.8.3.2:1060: No route to host`.
News Path::wait_for_news(std::size_t size) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  // TODO(08.6): wait for an error or a datagram, until the deadline.
  while (true) {
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    pollfd watched{socket_.get(), POLLIN, 0};
    const int ready =
        poll(&watched, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    if (ready == 0) return News::silence;
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready < 0) continue;

    int error = next_error();
    char answer = 0;  // one byte of it is enough
    if (error == 0 && recv(socket_.get(), &answer, sizeof answer, MSG_DONTWAIT) >= 0) return News::arrived;
    if (error == 0) error = errno;
    if (error == ECONNREFUSED) return News::arrived;
    if (error == EMSGSIZE && trust_ == Trust::reports && known_mtu() < size) return News::too_large;
    if (error != EMSGSIZE && error != EAGAIN && error != EINTR) throw_errno("probe", host_, error);
  }
}

News Path::probe(std::size_t size) {
  const News news = send_packet(size);
  return news == News::silence ? wait_for_news(size) : news;
}

}  // namespace wirelab
