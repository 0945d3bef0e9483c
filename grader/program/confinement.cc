#include "grader/program/confinement.hh"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "common/error.hh"
#include "grader/program/syscall_filter.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using launcher::Orders;
using launcher::Report;

/// Far more than a busy machine needs; a sandbox that takes longer hangs.
constexpr int start_patience_ms = 60'000;

/// A copy with a number that no target of dup2 in the new process has.
Descriptor out_of_the_way(const Descriptor& fd) {
  return Descriptor(must(fcntl(fd.get(), F_DUPFD_CLOEXEC, 16), "duplicate descriptor"));
}

/// Beside this program, or in the build that WIRELAB_BUILD names.
Descriptor open_launcher() {
  fs::path path = fs::read_symlink("/proc/self/exe").parent_path() / "wirelab-launcher";
  if (const char* build = std::getenv("WIRELAB_BUILD"); build != nullptr && !fs::exists(path)) {
    path = fs::path(build) / "bin" / "wirelab-launcher";
  }
  return Descriptor(must(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path.string()));
}

/// The launcher's rights: to become the sandbox user, or to map itself into a nested user namespace (which
/// takes CAP_SETFCAP where it is user 0: user_namespaces(7)); to signal and to look at processes of that
/// user.
std::vector<std::string> capabilities(const Confinement& confinement) {
  std::vector<std::string> names = {"CAP_SETUID", "CAP_SETGID", "CAP_SETFCAP", "CAP_KILL", "CAP_SYS_PTRACE"};
  if (confinement.raw_sockets) names.push_back("CAP_NET_RAW");
  return names;
}

std::vector<std::string> whole_command_line(const Confinement& confinement) {
  const std::string self = "/proc/self/fd/" + std::to_string(launcher::executable_fd);
  std::vector<std::string> inside = {self};
  inside.insert(inside.end(), confinement.command.begin(), confinement.command.end());
  std::vector<std::string> words = confinement.sandbox.command_line(inside, capabilities(confinement));
  if (confinement.network == nullptr) words.insert(words.begin(), {self, "--enter"});
  return words;
}

/// What posix_spawn(3) is told about the new process, released at the end of the scope.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    // A session of its own: Ctrl-C on the grader's terminal is for the grader. No signal blocked or ignored.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void give(const Descriptor& fd, int number) {
    posix_spawn_file_actions_adddup2(&actions_, fd.get(), number);
  }

  pid_t spawn(const std::vector<std::string>& words) {
    posix_spawn_file_actions_addclosefrom_np(&actions_, launcher::control_fd + 1);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    if (error != 0) throw_errno("start", words[0], error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

struct Pair {
  Descriptor ours, theirs;
};

Pair control_socket() {
  int ends[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
  Pair pair{Descriptor(ends[0]), Descriptor(ends[1])};
  const int on = 1;  // credentials(7): the kernel tells a sender's PID as it is in our PID namespace
  must(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), "setsockopt SO_PASSCRED");
  return pair;
}

Pair complaints_pipe() {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

pid_t spawn_bubblewrap(const Confinement& confinement, const Descriptor& control,
                       const Descriptor& complaints) {
  const Descriptor nothing(must(open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"));
  const Descriptor source[] = {out_of_the_way(nothing), out_of_the_way(complaints),
                               out_of_the_way(open_launcher()), out_of_the_way(control)};
  SpawnSettings settings;
  settings.give(source[0], STDIN_FILENO);
  settings.give(source[1], STDOUT_FILENO);
  settings.give(source[1], STDERR_FILENO);
  settings.give(source[2], launcher::executable_fd);
  settings.give(source[3], launcher::control_fd);
  const std::vector<std::string> words = whole_command_line(confinement);
  std::optional<NetworkNamespace::Visit> visit;
  if (confinement.network != nullptr) visit.emplace(*confinement.network);
  return settings.spawn(words);
}

void send_orders(const Descriptor& control, const Confinement& confinement) {
  const Limits& limits = confinement.limits;
  Orders orders{};
  orders.memory = limits.memory;
  orders.file_size = limits.file_size;
  orders.cpu_seconds = static_cast<std::uint64_t>(limits.cpu.count());
  orders.processes = limits.processes;
  orders.files = limits.files;
  orders.listen = !confinement.watched.empty();
  orders.raw_sockets = confinement.raw_sockets;
  std::vector<sock_filter> filter = make_syscall_filter(confinement.watched, confinement.without_ipv6);

  iovec parts[] = {{&orders, sizeof orders}, {filter.data(), filter.size() * sizeof(sock_filter)}};
  alignas(cmsghdr) char rights[CMSG_SPACE(sizeof confinement.standard)] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = rights;
  message.msg_controllen = sizeof rights;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof confinement.standard);
  std::memcpy(CMSG_DATA(header), confinement.standard.data(), sizeof confinement.standard);
  // Whether bubblewrap has failed meanwhile is seen when the launcher should answer.
  if (sendmsg(control.get(), &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    throw_errno("give orders to the launcher");
}

/// The sandbox ended before it began: bubblewrap said why on what it has for standard error.
[[noreturn]] void throw_complaint(const Descriptor& complaints) {
  char text[1024];
  const ssize_t size = read(complaints.get(), text, sizeof text);
  std::string reason(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  throw std::runtime_error("start sandbox: " + (reason.empty() ? "it ended at once" : reason));
}

/// The next report, and the PID of who sent it.
Report next_report(const Descriptor& control, const Descriptor& complaints, pid_t& sender) {
  pollfd event{control.get(), POLLIN, 0};
  if (must(poll(&event, 1, start_patience_ms), "poll", "launcher") == 0) {
    throw std::runtime_error("start sandbox: nothing happened for a minute");
  }
  Report report{};
  iovec part{&report, sizeof report};
  alignas(cmsghdr) char credentials[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = credentials;
  message.msg_controllen = sizeof credentials;
  if (recvmsg(control.get(), &message, MSG_CMSG_CLOEXEC) != sizeof report) throw_complaint(complaints);
  if (report.kind == Report::Kind::broken) {
    report.operation[sizeof report.operation - 1] = '\0';
    throw_errno(std::string("start sandbox: ") + report.operation, {}, report.error);
  }
  ucred from{};
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) std::memcpy(&from, CMSG_DATA(header), sizeof from);
  sender = from.pid;
  return report;
}

/// Takes hold of the program while it stands still before exec, so that nothing can be missed.
void take_hold(Confined& confined, const Descriptor& complaints, bool listens) {
  pid_t sender = -1;
  next_report(confined.control, complaints, confined.pid);
  confined.program.reset(must(static_cast<int>(syscall(SYS_pidfd_open, confined.pid, 0)), "pidfd_open"));
  next_report(confined.control, complaints, sender);
  if (!listens) return;
  const auto fd = syscall(SYS_pidfd_getfd, confined.program.get(), launcher::listener_fd, 0);
  confined.listener.reset(must(static_cast<int>(fd), "pidfd_getfd", "the listener of the program's filter"));
}

}  // namespace

Confined confine(const Confinement& confinement) {
  Pair control = control_socket();
  Pair complaints = complaints_pipe();
  Confined confined;
  confined.bubblewrap = spawn_bubblewrap(confinement, control.theirs, complaints.theirs);
  confined.control = std::move(control.ours);
  control.theirs.reset();
  complaints.theirs.reset();
  try {
    send_orders(confined.control, confinement);
    take_hold(confined, complaints.ours, !confinement.watched.empty());
  } catch (...) {
    confined.control.reset();
    kill(confined.bubblewrap, SIGKILL);
    waitpid(confined.bubblewrap, nullptr, 0);
    throw;
  }
  return confined;
}

void command(const Confined& confined, launcher::Command what) {
  send(confined.control.get(), &what, sizeof what, MSG_NOSIGNAL);
}

}  // namespace wirelab
