// The launcher: process 1 of every sandbox. It starts the program, watches over it, and takes everything
// along when it ends. Theory of operation and messages: protocol.hh. It is linked statically, since a sandbox
// need not hold our libraries, and it trusts nothing that the program could have touched: it is not dumpable,
// so that its memory and descriptors cannot be reached through /proc/1, and signals from inside do not harm
// process 1.
//
//   wirelab-launcher COMMAND...           as process 1 of a sandbox, with the descriptors of protocol.hh
//   wirelab-launcher --enter COMMAND...   executes COMMAND as root of a new private world

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/program/launcher/census.hh"
#include "grader/program/launcher/program.hh"
#include "grader/program/launcher/protocol.hh"

namespace wirelab::launcher {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

int enter_world_and_execute(char** command) {
  try {
    enter_private_world();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wirelab-launcher: %s\n", error.what());
    return 1;
  }
  execvp(command[0], command);
  std::fprintf(stderr, "wirelab-launcher: execute %s: %s\n", command[0], std::strerror(errno));
  return 1;
}

/// The first message. False when the grader is gone before it said anything.
bool receive_orders(Assignment& assignment) {
  assignment.filter.resize(BPF_MAXINSNS);
  iovec parts[] = {{&assignment.orders, sizeof assignment.orders},
                   {assignment.filter.data(), assignment.filter.size() * sizeof(sock_filter)}};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(control_fd, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (size < static_cast<ssize_t>(sizeof(Orders)) || rights == nullptr) return false;
  int standard[3];
  std::memcpy(standard, CMSG_DATA(rights), sizeof standard);
  for (int i = 0; i < 3; ++i) assignment.standard[i].reset(standard[i]);
  assignment.filter.resize((size - sizeof(Orders)) / sizeof(sock_filter));
  return true;
}

/// The program and its children, from the outside.
class Ward {
 public:
  Ward(pid_t program, std::uint64_t memory) : program_(program), memory_(program, memory) {}

  /// How often to `look_after` it.
  [[nodiscard]] milliseconds interval() const { return milliseconds(stopping_ ? 1 : 50); }

  void obey(Command command) {
    switch (command) {
      case Command::go:
        ::kill(program_, SIGCONT);
        break;
      case Command::stop:
        ::kill(-1, SIGSTOP), stopping_ = true;
        break;
      case Command::resume:
        ::kill(-1, SIGCONT), stopping_ = false;
        break;
      case Command::kill:
        ::kill(-1, SIGKILL);
        break;
    }
  }

  void look_after() {
    if (stopping_ && everyone_stands_still()) {
      stopping_ = false;
      Report report{};
      report.kind = Report::Kind::stopped;
      tell(report);
    }
    if (!over_memory_ && memory_.over()) {
      over_memory_ = true;
      ::kill(-1, SIGKILL);
    }
  }

  /// Collects the dead, orphans included. True when the program itself is among them.
  bool collect_dead() {
    for (siginfo_t dead{}; waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid > 0;
         dead = {}) {
      if (dead.si_pid == program_) starved_ = starved();  // while /proc still knows it
      int status = 0;
      waitpid(dead.si_pid, &status, 0);
      if (dead.si_pid != program_) continue;
      status_ = status;
      return true;
    }
    return false;
  }

  /// The program has ended, and so must all that it left behind.
  void tell_end() {
    ::kill(-1, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    Report report{};
    report.kind = Report::Kind::ended;
    report.status = status_;
    report.over_memory = over_memory_;
    report.starved = starved_;
    getrusage(RUSAGE_CHILDREN, &report.usage);
    tell(report);
  }

 private:
  /// The second number of /proc/PID/schedstat; 0 where the kernel does not count it.
  [[nodiscard]] std::uint64_t starved() const {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/schedstat", program_);
    unsigned long long running = 0, waiting = 0;
    if (FILE* file = std::fopen(path, "re")) {
      if (std::fscanf(file, "%llu %llu", &running, &waiting) != 2) waiting = 0;
      std::fclose(file);
    }
    return waiting;
  }

  pid_t program_;
  std::uint64_t starved_ = 0;
  MemoryWatch memory_;
  int status_ = 0;
  bool over_memory_ = false;
  bool stopping_ = false;
};

void watch_over(Ward ward, int child_signals) {
  // By the clock, not when poll times out: the program can make poll return all the time, with SIGCHLD.
  for (auto last_look = Clock::now();;) {
    pollfd events[] = {{control_fd, POLLIN, 0}, {child_signals, POLLIN, 0}};
    poll(events, 2, static_cast<int>(ward.interval().count()));
    if (events[1].revents != 0) {
      signalfd_siginfo info;
      if (read(child_signals, &info, sizeof info) > 0 && ward.collect_dead()) return ward.tell_end();
    }
    if (events[0].revents != 0) {
      Command command{};
      if (recv(control_fd, &command, sizeof command, 0) != sizeof command) return;  // the grader is gone
      ward.obey(command);
    }
    if (Clock::now() - last_look < ward.interval()) continue;
    ward.look_after();
    last_look = Clock::now();
  }
}

Descriptor hear_of_children() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, nullptr);
  return Descriptor(signalfd(-1, &children, SFD_CLOEXEC));
}

int run(char** command) {
  close(executable_fd);
  fcntl(control_fd, F_SETFD, FD_CLOEXEC);
  const Descriptor child_signals = hear_of_children();
  Assignment assignment{};
  assignment.command = command;
  if (!receive_orders(assignment)) return 1;

  const pid_t program = fork();
  if (program == 0) become_program(assignment);
  if (program < 0) return tell_broken("fork"), 1;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  assignment.standard = {};  // or nobody would see the program close its output

  int status = 0;
  if (waitpid(program, &status, WUNTRACED) != program || !WIFSTOPPED(status)) return 1;
  Report ready{};
  ready.kind = Report::Kind::ready;
  tell(ready);
  watch_over({program, assignment.orders.memory}, child_signals.get());
  return 0;
}

}  // namespace
}  // namespace wirelab::launcher

int main(int argc, char** argv) {
  if (argc > 2 && std::string_view(argv[1]) == "--enter")
    return wirelab::launcher::enter_world_and_execute(argv + 2);
  if (argc > 1) return wirelab::launcher::run(argv + 1);
  std::fprintf(stderr, "wirelab-launcher: started by the grader only\n");
  return 2;
}
