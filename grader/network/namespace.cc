#include "grader/network/namespace.hh"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "common/error.hh"

namespace wirelab {
namespace {

Descriptor current_namespace() {
  return Descriptor(
      must(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open", "/proc/thread-self/ns/net"));
}

void write_file(const std::string& path, const std::string& text) {
  const Descriptor fd(must(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open", path));
  must(write(fd.get(), text.data(), text.size()), "write", path);
}

void map_own_user_only(uid_t uid, gid_t gid) {
  write_file("/proc/self/setgroups",
             "deny");  // asked for by user_namespaces(7) before an unprivileged gid_map
  write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1\n");
  write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1\n");
}

/// A map of more than one user must be written from outside, by a process that is still privileged there.
/// Runs in a child that was forked before the unshare. Only calls that are safe after fork in any process.
bool map_from_outside(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::string map =
      "0 0 1\n" + std::to_string(sandbox_user) + " " + std::to_string(outside_nobody) + " 1\n";
  try {
    write_file(directory + "/uid_map", map);
    write_file(directory + "/gid_map", map);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

/// Whoever asks the kernel for the UDP sockets of a host (sock_diag(7)) has it walk a table that all
/// namespaces share, of tens of thousands of lists: a millisecond each time. Since Linux 6.2 a namespace made
/// from this one gets a small table of its own; older kernels are slow, that is all. See ip-sysctl,
/// udp_child_hash_entries.
void give_children_own_socket_tables() {
  const Descriptor fd(open("/proc/sys/net/ipv4/udp_child_hash_entries", O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const ssize_t refused = fd ? write(fd.get(), "128", 3) : 0;
}

}  // namespace

NetworkNamespace NetworkNamespace::create() {
  const Descriptor home = current_namespace();
  must(unshare(CLONE_NEWNET), "create network namespace");
  NetworkNamespace made(current_namespace());
  must(setns(home.get(), CLONE_NEWNET), "return to the first network namespace");
  return made;
}

NetworkNamespace::Visit::Visit(const NetworkNamespace& there) : home_(current_namespace()) {
  must(setns(there.fd(), CLONE_NEWNET), "enter network namespace");
}

NetworkNamespace::Visit::~Visit() {
  if (setns(home_.get(), CLONE_NEWNET) == 0) return;
  // Going on would make sockets in the wrong place and so wrong verdicts.
  std::perror("wirelab: return to the first network namespace");
  std::abort();
}

static void become_root_of_a_new_world() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (uid != 0) {
    must(unshare(CLONE_NEWUSER | CLONE_NEWNET), "create user and network namespaces");
    map_own_user_only(uid, gid);
    return;
  }

  int ready[2];
  must(pipe2(ready, O_CLOEXEC), "pipe");
  const Descriptor wait_end(ready[0]);
  Descriptor tell_end(ready[1]);
  const pid_t self = getpid();
  const pid_t mapper = must(fork(), "fork");
  if (mapper == 0) {
    tell_end.reset();
    char byte = 0;
    if (read(wait_end.get(), &byte, 1) != 1) _exit(1);
    _exit(map_from_outside(self) ? 0 : 1);
  }
  const int unshared = unshare(CLONE_NEWUSER | CLONE_NEWNET);
  const int error = errno;
  if (unshared == 0 && write(tell_end.get(), "", 1) != 1) throw_errno("write", "the mapper's pipe");
  tell_end.reset();
  int status = 0;
  waitpid(mapper, &status, 0);
  if (unshared != 0) throw_errno("create user and network namespaces", {}, error);
  // Root inside a container may own no other user: then root is mapped alone, as for any user.
  if (status != 0) map_own_user_only(uid, gid);
}

void enter_private_world() {
  become_root_of_a_new_world();
  give_children_own_socket_tables();
}

bool has_user(unsigned id) {
  std::ifstream map("/proc/self/uid_map");
  unsigned long long inside = 0, outside = 0, count = 0;
  while (map >> inside >> outside >> count) {
    if (inside <= id && id - inside < count) return true;
  }
  return false;
}

}  // namespace wirelab
