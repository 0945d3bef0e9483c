#pragma once

#include "common/descriptor.hh"

namespace wirelab {

/// A network namespace of ours: interfaces, addresses, routes, ports and sockets of its own. It lives as long
/// as this object, a socket created inside, or a process running inside. See network_namespaces(7).
class NetworkNamespace {
 public:
  /// Makes a new, empty one. The calling thread stays where it is. Needs CAP_SYS_ADMIN: see
  /// enter_private_world.
  static NetworkNamespace create();

  /// The calling thread is inside for the life of the guard: sockets it creates and processes it starts
  /// belong to the namespace, and keep belonging to it afterwards.
  class Visit {
   public:
    /// Enters. `there` need not outlive the visit. Throws std::system_error. See setns(2).
    explicit Visit(const NetworkNamespace& there);
    /// Goes back to where the thread was.
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Descriptor home_;
  };
  /// A guard for the calling thread: `const auto inside = there.visit();`. Throws std::system_error.
  [[nodiscard]] Visit visit() const { return Visit(*this); }

  /// The descriptor that stands for the namespace, for setns(2) and IFLA_NET_NS_FD.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit NetworkNamespace(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

/// Puts the whole process into a new user and network namespace, in which it is root over what it makes and
/// over nothing else. Must be called before the process has a second thread. The outside user becomes user 0
/// inside. When the outside user is the machine's root, `sandbox_user` is mapped as well (to nobody), so that
/// programs under test need not run as root. Throws std::system_error when the machine does not allow it;
/// then nothing has changed. See user_namespaces(7).
void enter_private_world();

/// The user and group that programs under test have inside, where it is mapped (see enter_private_world).
inline constexpr unsigned sandbox_user = 1000;

/// Who that is on the machine: nobody.
inline constexpr unsigned outside_nobody = 65534;

/// Whether a user ID is mapped in the calling process's user namespace, as /proc/self/uid_map says.
bool has_user(unsigned id);

/// Whether programs under test can run as another user than the grader, `sandbox_user`, here.
inline bool has_sandbox_user() { return has_user(sandbox_user); }

}  // namespace wirelab
