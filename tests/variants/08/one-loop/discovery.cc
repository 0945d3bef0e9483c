// One loop that waits, reads whatever there is, and decides. The first question to the kernel is a datagram
// that fits no link: its EMSGSIZE brings the MTU with it. So IP_MTU is not needed: the error queue tells
// every time. Blocking calls with a time limit (SO_RCVTIMEO) in place of poll. Says on the way what it
// learns.

#include <ctime>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "common/error.hh"
#include "mtu.hh"

namespace wirelab {
namespace {

struct Option {
  int level, errors, discover;
  unsigned headers, least;
};

class Wire {
 public:
  Wire(const Address& host, int discover)
      : name(host.to_string()),
        option(host.family() == AF_INET6 ? Option{IPPROTO_IPV6, IPV6_RECVERR, IPV6_MTU_DISCOVER, 48, 1280}
                                         : Option{IPPROTO_IP, IP_RECVERR, IP_MTU_DISCOVER, 28, 68}),
        fd(must(socket(host.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")) {
    set(option.level, option.errors, 1);
    set(option.level, option.discover, discover);
    must(connect(fd.get(), host.data(), *host.size()), "connect", name);
  }

  /// 0, or the errno value. More data than any link takes when size is 0.
  int send_packet(unsigned size) {
    const std::vector<char> data(size == 0 ? 65507 : size - option.headers);
    while (send(fd.get(), data.data(), data.size(), 0) < 0) {
      if (errno != EINTR) return errno;
    }
    return 0;
  }

  /// Takes all reports out; the smallest MTU among those about packets that were too large, and below `size`.
  unsigned largest_reported(unsigned size) {
    for (;;) {
      char control[512];
      msghdr message{};
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      if (recvmsg(fd.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return size;
      sock_extended_err report;
      std::memcpy(&report, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof report);
      // A report that is read takes its error from the socket: recv will not tell it any more.
      if (report.ee_errno != EMSGSIZE) other = static_cast<int>(report.ee_errno);
      if (report.ee_errno == EMSGSIZE) size = std::min(size, report.ee_info);
    }
  }

  /// 0 for an answer, else the errno value; EAGAIN when nothing came until then.
  int receive(std::chrono::steady_clock::time_point until) {
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
      char byte;
      if (other != 0) return other;
      const bool over = left.count() <= 0;
      const timeval limit{0, over ? 1 : std::min<suseconds_t>(left.count(), 999999)};
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      if (recv(fd.get(), &byte, 1, over ? MSG_DONTWAIT : 0) >= 0) return 0;
      if (errno != EINTR && (errno != EAGAIN || over)) return errno;
    }
  }

  std::string name;
  Option option;
  Descriptor fd;
  int other = 0;  // an error among the reports that was none about sizes

 private:
  void set(int level, int name_of_option, int value) {
    must(setsockopt(fd.get(), level, name_of_option, &value, sizeof value), "setsockopt");
  }
};

unsigned ask(const Address& host) {
  Wire wire(host, IP_PMTUDISC_DO);
  unsigned size = 65535;
  if (wire.send_packet(0) == EMSGSIZE) size = wire.largest_reported(size);
  std::cout << "The kernel begins with " << size << std::endl;
  for (int tries = 0; tries < 3;) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    int error = wire.send_packet(size);
    unsigned smaller = wire.largest_reported(size);
    if (wire.other != 0) error = wire.other;
    while (smaller == size && (error == 0 || error == EMSGSIZE)) {
      error = wire.receive(until);
      if (error == 0 || error == ECONNREFUSED) return size;
      smaller = wire.largest_reported(size);
      if (error == EMSGSIZE) error = 0;  // nothing new in it: wait on
    }
    if (error == ECONNREFUSED) return size;
    if (smaller < size) {
      std::cout << "A router says " << smaller << std::endl;
      size = smaller;
      tries = 0;
      continue;
    }
    if (error != EAGAIN) throw_errno("probe", wire.name, error);
    ++tries;
  }
  throw std::runtime_error("probe " + wire.name + ": silence");
}

bool arrives(const Address& host, unsigned size) {
  Wire wire(host, IP_PMTUDISC_PROBE);
  for (int tries = 0; tries < 3; ++tries) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    int error = wire.send_packet(size);
    if (error == EMSGSIZE && wire.largest_reported(size) < size && tries == 0) return false;
    while (error == 0 || error == EMSGSIZE) {
      error = wire.receive(until);
      if (error == 0 || error == ECONNREFUSED) return true;
    }
    if (error == ECONNREFUSED) return true;
    if (error != EAGAIN) throw_errno("probe", wire.name, error);
  }
  return false;
}

unsigned bisect(const Address& host) {
  Wire wire(host, IP_PMTUDISC_PROBE);
  unsigned size = 65535;
  if (wire.send_packet(0) == EMSGSIZE) size = wire.largest_reported(size);  // the first link's
  if (arrives(host, size)) return size;
  unsigned low = wire.option.least;
  if (!arrives(host, low)) throw std::runtime_error("probe " + wire.name + ": silence");
  while (size - low > 1) {
    const unsigned middle = (low + size) / 2;
    (arrives(host, middle) ? low : size) = middle;
  }
  return low;
}

}  // namespace

void run(const Arguments& arguments) {
  const Address host = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  std::cout << "MTU of the path to " << host.to_string() << " found: ";
  std::cout << std::endl << (arguments.has("--search") ? bisect(host) : ask(host)) << std::endl;
}

}  // namespace wirelab
