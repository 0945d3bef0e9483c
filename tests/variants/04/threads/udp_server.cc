// Lab 04's server with four threads that receive on the same socket, each with its own buffers, and with the
// answer's control message built from nothing. A socket on one address needs no ancillary data: it answers
// from there anyway.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "udp_echo.hh"

namespace wirelab {
namespace {

union Control {
  char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + 64];
  cmsghdr aligned;
};

template <typename Info>
bool find(msghdr& message, int level, int type, Info& info) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != level || one->cmsg_type != type) continue;
    std::memcpy(&info, CMSG_DATA(one), sizeof info);
    return true;
  }
  return false;
}

template <typename Info>
void put(msghdr& message, Control& control, int level, int type, const Info& info) {
  std::memset(&control, 0, sizeof control);
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

void echo_for_ever(int fd) {
  std::vector<char> buffer(1 << 16);
  for (;;) {
    sockaddr_storage client;
    Control control, back;
    iovec part{buffer.data(), buffer.size()};
    msghdr request{};
    request.msg_name = &client;
    request.msg_namelen = sizeof client;
    request.msg_iov = &part;
    request.msg_iovlen = 1;
    request.msg_control = control.bytes;
    request.msg_controllen = sizeof control.bytes;
    const ssize_t length = recvmsg(fd, &request, 0);
    if (length < 0) continue;

    part.iov_len = static_cast<std::size_t>(length);
    msghdr answer{};
    answer.msg_name = &client;
    answer.msg_namelen = request.msg_namelen;
    answer.msg_iov = &part;
    answer.msg_iovlen = 1;
    in_pktinfo v4{}, v4_answer{};
    in6_pktinfo v6{};
    if (find(request, IPPROTO_IP, IP_PKTINFO, v4)) {
      v4_answer.ipi_spec_dst = v4.ipi_spec_dst;
      put(answer, back, IPPROTO_IP, IP_PKTINFO, v4_answer);
    } else if (find(request, IPPROTO_IPV6, IPV6_PKTINFO, v6)) {
      if (!IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr)) v6.ipi6_ifindex = 0;
      put(answer, back, IPPROTO_IPV6, IPV6_PKTINFO, v6);
    }
    while (sendmsg(fd, &answer, 0) < 0 && errno == EINTR) continue;
  }
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor fd(must(socket(address.family(), SOCK_DGRAM, 0), "socket"));
  const int on = 1;
  if (address.host() == "0.0.0.0") setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (address.host() == "::") setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  must(bind(fd.get(), address.data(), *address.size()), "bind", address.to_string());
  std::cout << "ready at " << local_address(fd.get()).to_string() << std::endl;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(echo_for_ever, fd.get());
  echo_for_ever(fd.get());
}

}  // namespace wirelab
