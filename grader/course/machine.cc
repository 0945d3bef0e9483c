#include "grader/course/machine.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/network/network.hh"
#include "grader/program/sandboxed_run.hh"

namespace wirelab {
namespace {

/// What became of an attempt in a process of its own; `said` is empty when it worked.
struct Attempt {
  int error = 0;  ///< errno, where there was one
  std::string said;
};

Attempt attempt(const std::function<void()>& deed) {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const pid_t child = must(fork(), "fork");
  if (child == 0) {
    std::string said;
    int error = 0;
    try {
      deed();
    } catch (const std::system_error& trouble) {
      error = trouble.code().value();
      said = trouble.what();
    } catch (const std::exception& trouble) {
      said = trouble.what();
    }
    _exit(write(write_end.get(), said.data(), said.size()) < 0 ? 255 : error);
  }
  write_end.reset();
  Attempt result;
  std::array<char, 1024> part;
  while (const auto got = must(read(read_end.get(), part.data(), part.size()), "read", "an attempt")) {
    result.said.append(part.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  must(waitpid(child, &status, 0), "wait");
  if (WIFSIGNALED(status)) result.said = fmt::format("killed by signal {}", WTERMSIG(status));
  result.error = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return result;
}

Finding finding(std::string need, const std::function<void()>& deed, std::string remedy) {
  Attempt tried = attempt(deed);
  const bool ok = tried.said.empty();
  return {std::move(need), ok, false, std::move(tried.said), ok ? "" : std::move(remedy)};
}

/// A number under /proc/sys; -1 where there is none.
long sysctl(const std::string& name) {
  std::ifstream file("/proc/sys/" + name);
  long value = -1;
  return file >> value ? value : -1;
}

NamespaceFacts gather_facts(int error) {
  NamespaceFacts facts{error,
                       sysctl("user/max_user_namespaces"),
                       sysctl("user/max_net_namespaces"),
                       sysctl("kernel/unprivileged_userns_clone"),
                       sysctl("kernel/apparmor_restrict_unprivileged_userns"),
                       false};
  facts.in_container = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
                       std::getenv("container") != nullptr;
  return facts;
}

/// The command that sets a variable now, and the one that keeps it set.
std::string set_sysctl(const std::string& name, long value) {
  return fmt::format(
      "sudo sysctl -w {0}={1}    (and for good: echo {0}={1} | sudo tee /etc/sysctl.d/60-wirelab.conf)", name,
      value);
}

void try_hosts() {
  enter_private_world();
  Network net;
  net.host("here", "10.0.0.1/24");
}

void try_cable() {
  enter_private_world();
  Network net;
  Host& here = net.host("here", "10.0.0.1/24");
  Host& there = net.host("there", "10.0.0.2/24");
  net.link(here, there);
}

void try_sandbox() {
  const RunResult run = run_sandboxed(Sandbox{}, {"/bin/true"}, Limits{}, std::chrono::seconds(10));
  if (!run.ok())
    throw std::runtime_error(
        fmt::format("run /bin/true in a sandbox: {} {}", run.exit.to_string(), run.errors));
}

void try_seccomp_notification() {
  const unsigned action = SECCOMP_RET_USER_NOTIF;
  must(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), "seccomp user notification");
}

void try_descriptors() {
  const Descriptor self(static_cast<int>(must(syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open")));
  must(syscall(SYS_pidfd_getfd, self.get(), self.get(), 0), "pidfd_getfd");
}

void try_compiler(const Toolbox& toolbox) {
  const Toolchain tools = Toolchain::load(toolbox.build);
  must(access(tools.compiler.c_str(), X_OK), "run", tools.compiler);
}

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (access(fmt::format("{}/{}", rest.substr(0, end), program).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return false;
}

Finding tshark() {
  const bool ok = on_path("tshark") || on_path("wireshark");
  return {"tshark or Wireshark", ok, true, ok ? "" : "not on the PATH",
          ok ? "" : "to look into captures: sudo apt-get install wireshark"};
}

}  // namespace

std::string namespace_remedy(const NamespaceFacts& facts) {
  if (facts.most_user_namespaces == 0) return set_sysctl("user.max_user_namespaces", 15000);
  if (facts.most_network_namespaces == 0) return set_sysctl("user.max_net_namespaces", 15000);
  if (facts.unprivileged_clone == 0) return set_sysctl("kernel.unprivileged_userns_clone", 1);
  if (facts.apparmor_restricts == 1) return set_sysctl("kernel.apparmor_restrict_unprivileged_userns", 0);
  if (facts.error == ENOSPC || facts.error == EUSERS) {
    return "there are too many namespaces already, or too many within each other: end some containers and "
           "try again";
  }
  if (facts.in_container) {
    return "the container forbids it: start it with --security-opt seccomp=unconfined --security-opt "
           "apparmor=unconfined "
           "--security-opt systempaths=unconfined";
  }
  return "something forbids it (a container, a seccomp filter, a chroot): run wirelab on the machine itself, "
         "or in a virtual machine";
}

Finding examine_namespaces() {
  Finding found{"user and network namespaces", true, false, "", ""};
  const Attempt tried = attempt([] { enter_private_world(); });
  found.ok = tried.said.empty();
  found.trouble = tried.said;
  if (!found.ok) found.remedy = namespace_remedy(gather_facts(tried.error));
  return found;
}

std::vector<Finding> examine_machine(const Toolbox& toolbox) {
  std::vector<Finding> found = {examine_namespaces()};
  if (found.front().ok) {
    found.push_back(
        finding("hosts with settings of their own", try_hosts,
                "/proc/sys must be writable: in a container, --security-opt systempaths=unconfined"));
    found.push_back(finding("cables between hosts (veth, packet sockets)", try_cable,
                            "the kernel needs veth and AF_PACKET: sudo modprobe veth af_packet"));
    found.push_back(
        finding("sandbox (bubblewrap)", try_sandbox,
                "sudo apt-get install bubblewrap; in a container, --security-opt systempaths=unconfined"));
  }
  found.push_back(finding("faults in system calls (seccomp notification)", try_seccomp_notification,
                          "a kernel with CONFIG_SECCOMP_FILTER, 5.0 or newer"));
  found.push_back(finding("a look at a program's sockets (pidfd_getfd)", try_descriptors,
                          "a kernel 5.6 or newer; in a container, --security-opt seccomp=unconfined"));
  found.push_back(finding(
      "compiler for your programs", [&] { try_compiler(toolbox); },
      "sudo apt-get install clang, then ./wirelab again"));
  found.push_back(tshark());
  return found;
}

}  // namespace wirelab
