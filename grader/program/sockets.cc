#include "grader/program/sockets.hh"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "common/error.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;

int option(const Descriptor& socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(socket.get(), SOL_SOCKET, name, &value, &size);
  return value;
}

bool is_internet(int family) { return family == AF_INET || family == AF_INET6; }

HeldSocket describe(int number, Descriptor fd) {
  HeldSocket held;
  held.number = number;
  held.family = option(fd, SO_DOMAIN);
  held.type = option(fd, SO_TYPE);
  held.listening = option(fd, SO_ACCEPTCONN) != 0;
  Address peer;
  if (is_internet(held.family)) {
    held.local = local_address(fd.get());
    if (getpeername(fd.get(), peer.data(), peer.size()) == 0) held.peer = peer;
  }
  held.fd = std::move(fd);
  return held;
}

std::optional<int> descriptor_of_socket(const fs::directory_entry& entry) {
  std::error_code gone;
  if (!fs::read_symlink(entry.path(), gone).string().starts_with("socket:")) return std::nullopt;
  const std::string name = entry.path().filename().string();
  int number = -1;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

// ------------------------------------------------------------------------------------------------
// sock_diag(7)

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

Descriptor open_diagnostics() {
  return Descriptor(must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), "open sock_diag"));
}

void ask(const Descriptor& diagnostics, int family, int type, std::uint32_t states) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  request.body.idiag_states = states;
  must(send(diagnostics.get(), &request, sizeof request, 0), "ask sock_diag");
}

Address address_of(int family, const __be32* bytes, __be16 port) {
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    std::memcpy(&v4.sin_addr, bytes, sizeof v4.sin_addr);
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  std::memcpy(&v6.sin6_addr, bytes, sizeof v6.sin6_addr);
  return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
}

BoundSocket row(const inet_diag_msg& message) {
  BoundSocket socket;
  socket.local = address_of(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  socket.peer = address_of(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  socket.state = message.idiag_state;
  socket.receive_queue = message.idiag_rqueue;
  socket.send_queue = message.idiag_wqueue;
  return socket;
}

/// Reads one datagram of the answer; false when it was the last.
bool collect(const Descriptor& diagnostics, std::vector<BoundSocket>& rows) {
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  auto left =
      static_cast<unsigned>(must(recv(diagnostics.get(), buffer.data(), buffer.size(), 0), "read sock_diag"));
  for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
       header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_type == NLMSG_DONE) return false;
    if (header->nlmsg_type == NLMSG_ERROR) {
      const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
      if (error == ENOENT) return false;  // a kernel without this family
      throw_errno("ask sock_diag", {}, error);
    }
    rows.push_back(row(*static_cast<const inet_diag_msg*>(NLMSG_DATA(header))));
  }
  return true;
}

}  // namespace

std::vector<HeldSocket> sockets_of(pid_t pid) {
  const Descriptor process(must(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
  std::vector<HeldSocket> held;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    const std::optional<int> number = descriptor_of_socket(entry);
    if (!number) continue;
    Descriptor fd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), *number, 0)));
    if (!fd && errno == EBADF) continue;  // closed meanwhile
    if (!fd) throw_errno("pidfd_getfd");
    held.push_back(describe(*number, std::move(fd)));
  }
  return held;
}

std::vector<BoundSocket> sockets_in(const NetworkNamespace& network, int type, std::uint32_t states) {
  Descriptor diagnostics;
  {
    const auto visit = network.visit();
    diagnostics = open_diagnostics();
  }
  std::vector<BoundSocket> rows;
  for (const int family : {AF_INET, AF_INET6}) {
    ask(diagnostics, family, type, states);
    while (collect(diagnostics, rows)) {
    }
  }
  return rows;
}

std::vector<BoundSocket> sockets_in(const Host& host, int type, std::uint32_t states) {
  return sockets_in(host.network_namespace(), type, states);
}

}  // namespace wirelab
