#include "grader/network/port.hh"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "common/error.hh"

namespace wirelab {
namespace {

using namespace std::chrono;

constexpr unsigned batch = 32;               // frames a system call
constexpr std::size_t ethernet_header = 18;  // with a VLAN tag
constexpr int wanted_buffer = 4 << 20;  // bytes; the kernel gives as much of it as net.core.rmem_max allows

void set_option(int fd, int level, int option, int value, const char* name) {
  must(setsockopt(fd, level, option, &value, sizeof value), "set", name);
}

/// The kernel stamps frames with the time of day; we want the clock that never jumps.
nanoseconds steady_minus_day() {
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()) -
         duration_cast<nanoseconds>(system_clock::now().time_since_epoch());
}

/// When the kernel saw the frame; now, should it not say.
steady_clock::time_point stamp_of(msghdr& message, nanoseconds offset) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec day{};
    std::memcpy(&day, CMSG_DATA(one), sizeof day);
    return steady_clock::time_point(seconds(day.tv_sec) + nanoseconds(day.tv_nsec) + offset);
  }
  return steady_clock::now();
}

}  // namespace

Port::Port(const std::string& interface, unsigned mtu)
    : fd_(must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket", "AF_PACKET")),
      longest_(mtu + ethernet_header),
      buffers_(std::make_unique_for_overwrite<std::byte[]>(longest_ * batch)) {
  set_option(fd_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  // Until the kernel's link watch has come by, a new interface's queue throws frames away without a word.
  set_option(fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
  set_option(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, wanted_buffer, "SO_RCVBUF");

  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ETH_P_ALL);
  here.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  must(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), "bind packet socket to",
       interface);
}

void Port::receive(const Receiver& receiver) {
  std::array<mmsghdr, batch> messages{};
  std::array<iovec, batch> parts;
  std::array<std::array<std::byte, CMSG_SPACE(sizeof(timespec))>, batch> stamps;
  for (unsigned i = 0; i < batch; ++i) {
    parts[i] = {buffers_.get() + i * longest_, longest_};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = stamps[i].data();
    messages[i].msg_hdr.msg_controllen = stamps[i].size();
  }
  const int count = recvmmsg(fd_.get(), messages.data(), batch, MSG_DONTWAIT, nullptr);
  const nanoseconds offset = steady_minus_day();
  for (int i = 0; i < count; ++i) {
    mmsghdr& one = messages[static_cast<std::size_t>(i)];
    receiver({static_cast<const std::byte*>(one.msg_hdr.msg_iov->iov_base), one.msg_len},
             stamp_of(one.msg_hdr, offset));
  }
}

bool Port::send(std::span<const std::byte> frame) const {
  while (::send(fd_.get(), frame.data(), frame.size(), 0) < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
      return false;  // else the other kernel side is behind
  }
  return true;
}

unsigned Port::overflowed() const {
  tpacket_stats stats{};  // the kernel counts from zero again after each reading
  socklen_t size = sizeof stats;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) overflowed_ += stats.tp_drops;
  return overflowed_;
}

}  // namespace wirelab
