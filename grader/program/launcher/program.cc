#include "grader/program/launcher/program.hh"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "grader/network/namespace.hh"

namespace wirelab::launcher {
namespace {

/// The sandbox cannot be built: says so and ends this process.
void need(bool done, const char* operation) {
  if (done) return;
  tell_broken(operation);
  _exit(1);
}

bool write_text(const char* path, const char* text) {
  const Descriptor fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text, std::strlen(text)) >= 0;
}

void take_standard_descriptors(const Assignment& assignment) {
  for (int i = 0; i < 3; ++i) need(dup2(assignment.standard[i].get(), i) == i, "dup2");
  // All but the control socket, which exec closes. Number 3 becomes free for the listener.
  static_assert(listener_fd == 3 && control_fd == 4);
  need(close_range(3, 3, 0) == 0 && close_range(5, ~0u, 0) == 0, "close_range");
}

/// Sets the limit, and `grace` more for the hard one; never above what the machine allows anyway.
void limit(decltype(RLIMIT_CPU) resource, std::uint64_t value, const char* operation,
           std::uint64_t grace = 0) {
  rlimit now{};
  getrlimit(resource, &now);
  const rlimit limits{std::min<rlim_t>(value, now.rlim_max), std::min<rlim_t>(value + grace, now.rlim_max)};
  need(setrlimit(resource, &limits) == 0, operation);
}

/// No RLIMIT_AS: AddressSanitizer, Go and Java reserve terabytes that they never touch. The launcher watches
/// what is resident instead.
void set_limits(const Orders& orders) {
  limit(RLIMIT_CPU, orders.cpu_seconds, "limit processor time", 1);  // SIGXCPU says why; SIGKILL follows
  limit(RLIMIT_NPROC, orders.processes, "limit processes");
  limit(RLIMIT_NOFILE, orders.files, "limit open files");
  limit(RLIMIT_FSIZE, orders.file_size, "limit file size");
  limit(RLIMIT_CORE, 0, "limit core files");
  // Should memory run out all the same, the kernel ends this first. Some containers forbid it: no harm.
  write_text("/proc/self/oom_score_adj", "1000");
}

void keep_capabilities(std::uint64_t wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  for (int i = 0; i < 2; ++i) {
    const auto half = static_cast<std::uint32_t>(wanted >> (32 * i));
    sets[i] = {half, half, half};
  }
  need(syscall(SYS_capset, &header, sets) == 0, "drop capabilities");
}

/// An ordinary user on the machine has one user ID to give, which is root in the private world. The program
/// gets a user namespace below that one, where the same ID is an ordinary user's and has no power over the
/// host.
void become_user_of_nested_namespace() {
  need(unshare(CLONE_NEWUSER) == 0, "create user namespace");
  const std::string map = std::to_string(sandbox_user) + " 0 1\n";
  need(write_text("/proc/self/uid_map", map.c_str()), "write /proc/self/uid_map");
  need(write_text("/proc/self/gid_map", map.c_str()), "write /proc/self/gid_map");
}

/// With raw sockets and without a second user ID the program stays root of the private world, by name only: a
/// capability over the host's network cannot be held from a nested user namespace.
void become_ordinary_user(bool raw_sockets) {
  need(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0, "clear ambient capabilities");
  need(prctl(PR_SET_KEEPCAPS, raw_sockets ? 1 : 0, 0, 0, 0) == 0, "keep capabilities");
  if (setresgid(sandbox_user, sandbox_user, sandbox_user) == 0) {
    need(setgroups(0, nullptr) == 0, "setgroups");
    need(setresuid(sandbox_user, sandbox_user, sandbox_user) == 0, "setresuid");
  } else if (!raw_sockets) {
    become_user_of_nested_namespace();
  }
  keep_capabilities(raw_sockets ? 1ull << CAP_NET_RAW : 0);
  // Ambient, or an exec as an ordinary user would drop it: capabilities(7).
  if (raw_sockets) {
    need(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0, "keep CAP_NET_RAW");
  }
}

void install_filter(const Assignment& assignment) {
  need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "set no_new_privs");
  sock_fprog program{static_cast<unsigned short>(assignment.filter.size()),
                     const_cast<sock_filter*>(assignment.filter.data())};
  if (!assignment.orders.listen) {
    need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "install system call filter");
    return;
  }
  // A call that the grader has taken in hand is not torn out of it by a signal (Linux 5.19); older kernels do
  // that.
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0 && errno == EINVAL) {
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  }
  need(listener == listener_fd, "install system call filter with a listener");
}

}  // namespace

void tell(const Report& report) { send(control_fd, &report, sizeof report, MSG_NOSIGNAL); }

void tell_broken(const char* operation) {
  Report report{};
  report.kind = Report::Kind::broken;
  report.error = errno;
  std::snprintf(report.operation, sizeof report.operation, "%s", operation);
  tell(report);
}

void become_program(const Assignment& assignment) {
  Report born{};
  born.kind = Report::Kind::born;
  tell(born);
  sigset_t none;
  sigemptyset(&none);
  need(sigprocmask(SIG_SETMASK, &none, nullptr) == 0, "sigprocmask");
  need(setsid() > 0, "setsid");
  umask(022);
  take_standard_descriptors(assignment);
  set_limits(assignment.orders);
  become_ordinary_user(assignment.orders.raw_sockets);
  install_filter(assignment);

  // From here on a call may be one that the grader is to be asked about, and it does not listen before `go`.
  // kill, which is what raise makes, never is.
  raise(SIGSTOP);
  execvp(assignment.command[0], assignment.command);
  dprintf(STDERR_FILENO, "%s: %s\n", assignment.command[0], std::strerror(errno));
  _exit(127);
}

}  // namespace wirelab::launcher
