#include "grader/program/syscall_filter.hh"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>

#include "common/descriptor.hh"
#include "common/error.hh"

namespace wirelab {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

struct Watchable {
  Call call;
  int number;
};

// select has two numbers on some processors, and others lack some of these calls: libseccomp gives those a
// negative number, for which no rule is needed.
constexpr Watchable watchable[] = {
    {Call::socket, SCMP_SYS(socket)},     {Call::bind, SCMP_SYS(bind)},
    {Call::listen, SCMP_SYS(listen)},     {Call::connect, SCMP_SYS(connect)},
    {Call::accept, SCMP_SYS(accept)},     {Call::accept, SCMP_SYS(accept4)},
    {Call::receive, SCMP_SYS(recvfrom)},  {Call::receive, SCMP_SYS(recvmsg)},
    {Call::receive, SCMP_SYS(recvmmsg)},  {Call::receive, SCMP_SYS(read)},
    {Call::receive, SCMP_SYS(readv)},     {Call::send, SCMP_SYS(sendto)},
    {Call::send, SCMP_SYS(sendmsg)},      {Call::send, SCMP_SYS(sendmmsg)},
    {Call::send, SCMP_SYS(write)},        {Call::send, SCMP_SYS(writev)},
    {Call::wait, SCMP_SYS(poll)},         {Call::wait, SCMP_SYS(ppoll)},
    {Call::wait, SCMP_SYS(select)},       {Call::wait, SCMP_SYS(pselect6)},
    {Call::wait, SCMP_SYS(epoll_wait)},   {Call::wait, SCMP_SYS(epoll_pwait)},
    {Call::wait, SCMP_SYS(epoll_pwait2)}, {Call::close, SCMP_SYS(close)},
};

// By name, so that a libseccomp which does not know the newest of them still builds the rest.
constexpr const char* refused[] = {
    // into other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
    "process_mrelease", "migrate_pages", "move_pages",
    // out of the namespaces, or into new ones, where a program would be root over things of its own
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount",
    "fspick", "move_mount", "open_tree", "mount_setattr", "name_to_handle_at", "open_by_handle_at",
    // things of the machine
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
    "create_module", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "vhangup",
    "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "nfsservctl", "iopl", "ioperm", "modify_ldt", "lookup_dcookie", "uselib", "ustat",
    "_sysctl", "sysfs", "vm86", "vm86old",
    // keys are not in any namespace
    "keyctl", "add_key", "request_key",
    // large and young parts of the kernel that no lab needs
    "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "vmsplice", "memfd_secret"};

// Not "refused" but "unknown": programs and libraries then fall back to the older calls, which can be
// filtered.
constexpr const char* unknown[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

constexpr unsigned long namespace_flags[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                             CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

// Families above this one are not bounded by the network namespace, or are rare and often broken: vsock
// reaches the machine that hosts a virtual one.
constexpr unsigned long last_family = AF_PACKET;

constexpr unsigned long lower_half = 0xffffffff;

/// A condition on one of the call's arguments. (The library's macros for this are C, not C++.)
scmp_arg_cmp argument(unsigned index, scmp_compare comparison, scmp_datum_t value, scmp_datum_t masked = 0) {
  return {index, comparison, value, masked};
}

void add(const Filter& filter, std::uint32_t action, int number, std::vector<scmp_arg_cmp> conditions = {}) {
  if (number < 0) return;  // this processor has no such call
  const int error = seccomp_rule_add_array(filter.get(), action, number,
                                           static_cast<unsigned>(conditions.size()), conditions.data());
  if (error != 0) throw_errno("build system call filter", {}, -error);
}

void add_named(const Filter& filter, std::uint32_t action, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number != __NR_SCMP_ERROR) add(filter, action, number);
}

void add_refusals(const Filter& filter) {
  for (const char* name : refused) add_named(filter, SCMP_ACT_ERRNO(EPERM), name);
  for (const char* name : unknown) add_named(filter, SCMP_ACT_ERRNO(ENOSYS), name);
  for (const unsigned long flag : namespace_flags) {
    add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), {argument(0, SCMP_CMP_MASKED_EQ, flag, flag)});
  }
  // The kernel looks at 32 bits of an ioctl's number. These two type into a terminal for its owner.
  for (const unsigned long request : {TIOCSTI, TIOCLINUX}) {
    add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl),
        {argument(1, SCMP_CMP_MASKED_EQ, lower_half, request)});
  }
  // Another process's limits: a program that shares its user ID with the launcher could end it by these.
  add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), {argument(0, SCMP_CMP_NE, 0)});
  add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), {argument(0, SCMP_CMP_GT, last_family)});
  add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socketpair), {argument(0, SCMP_CMP_GT, last_family)});
}

void add_questions(const Filter& filter, const std::vector<Call>& watched) {
  for (const Watchable& one : watchable) {
    if (std::ranges::count(watched, one.call) == 0) continue;
    // An unconditional rule would replace the refusal of families above.
    std::vector<scmp_arg_cmp> conditions;
    if (one.number == SCMP_SYS(socket)) conditions = {argument(0, SCMP_CMP_LE, last_family)};
    add(filter, SCMP_ACT_NOTIFY, one.number, conditions);
  }
}

std::vector<sock_filter> instructions(const Filter& filter) {
  const Descriptor file(must(memfd_create("filter", MFD_CLOEXEC), "memfd_create"));
  if (const int error = seccomp_export_bpf(filter.get(), file.get()); error != 0) {
    throw_errno("export system call filter", {}, -error);
  }
  const auto size = must(lseek(file.get(), 0, SEEK_END), "lseek", "system call filter");
  std::vector<sock_filter> result(static_cast<std::size_t>(size) / sizeof(sock_filter));
  must(pread(file.get(), result.data(), result.size() * sizeof(sock_filter), 0), "read",
       "system call filter");
  return result;
}

}  // namespace

std::vector<sock_filter> make_syscall_filter(const std::vector<Call>& watched, bool without_ipv6) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (filter == nullptr) throw std::bad_alloc();
  // Calls by the numbers of another instruction set (32-bit on x86-64) would pass the rules below unseen.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree of numbers, not a list
  add_refusals(filter);
  add_questions(filter, watched);
  if (without_ipv6) {
    // Of two rules for the same call the library does not promise which comes first.
    if (std::ranges::count(watched, Call::socket) != 0) {
      throw std::logic_error("system call filter: socket cannot be watched where there is no IPv6");
    }
    add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), {argument(0, SCMP_CMP_EQ, AF_INET6)});
  }
  return instructions(filter);
}

std::optional<Call> call_of(int syscall_number) {
  const auto found = std::ranges::find(watchable, syscall_number, &Watchable::number);
  if (found == std::end(watchable)) return std::nullopt;
  return found->call;
}

}  // namespace wirelab
