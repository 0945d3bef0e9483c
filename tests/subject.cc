// The program under test of our own tests: one sub-command for each thing that a program may do, or should
// not be able to do. Prints what came of it.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Words = std::vector<std::string>;

const char* outcome(long result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

void say(const std::string& what, long result) {
  const char* text = outcome(result);
  std::cout << what << " " << text << std::endl;
}

// -------------------------------------------------------------------------------------------------------
// limits

[[noreturn]] void burn() {
  for (unsigned long i = 0;; ++i) asm volatile("" : : "r"(i));
}

int spin(const Words&) { burn(); }

/// The parent of a vfork(2) stands in state D until the child is gone: as one that waits for a lock of the
/// kernel. Then it takes its time by itself.
int be_held_up(const Words& words) {
  const long ms = std::stol(words.at(0));
  if (vfork() == 0) {
    const timespec time{ms / 1000, ms % 1000 * 1'000'000};
    nanosleep(&time, nullptr);
    _exit(0);
  }
  if (words.size() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(std::stol(words[1])));
  return 0;
}

int eat(const Words& words) {
  const std::size_t size = std::stoull(words.at(0)) << 20;
  const int kind = words.size() > 1 && words[1] == "shared" ? MAP_SHARED : MAP_PRIVATE;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
  std::memset(memory, 1, size);
  const int children = words.size() > 2 ? std::stoi(words[2]) : 0;
  for (int i = 0; i < children; ++i) {
    if (fork() == 0) pause();
  }
  std::cout << "eaten" << std::endl;
  return pause();
}

int fork_bomb(const Words&) {
  int children = 0;
  for (pid_t pid; (pid = fork()) >= 0; ++children) {
    if (pid == 0) pause();
  }
  say("fork", -1);
  std::cout << children << std::endl;
  return 0;
}

int open_files(const Words&) {
  int count = 0;
  while (open("/dev/null", O_RDONLY) >= 0) ++count;
  say("open", -1);
  std::cout << count << std::endl;
  return 0;
}

int write_file(const Words& words) {
  const std::string path = words.at(0), block(1 << 20, 'x');
  signal(SIGXFSZ, SIG_IGN);
  long long written = 0;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return say("open", fd), 1;
  for (ssize_t size; (size = write(fd, block.data(), block.size())) > 0;) written += size;
  say("write", -1);
  std::cout << written << std::endl;
  return 0;
}

int flood(const Words& words) {
  const std::string line(1000, 'f');
  std::ostream& stream = !words.empty() && words[0] == "errors" ? std::cerr : std::cout;
  for (;;) stream << line << '\n';
}

// --------------------------------------------------------------------------------------------------- what is
// seen

int environment(const Words&) {
  for (char** entry = environ; *entry != nullptr; ++entry) std::cout << *entry << "\n";
  return 0;
}

int identity(const Words&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  syscall(SYS_capget, &header, sets);
  std::cout << "uid " << getuid() << " " << geteuid() << "\ngid " << getgid() << " " << getegid()
            << "\ncapabilities "
            << (sets[0].permitted | sets[1].permitted | sets[0].effective | sets[1].effective)
            << "\nno_new_privs " << prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << "\npid " << getpid()
            << std::endl;
  return 0;
}

int descriptors(const Words&) {
  const int highest = 4096;
  for (int fd = 0; fd < highest; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) std::cout << fd << " ";
  }
  std::cout << std::endl;
  return 0;
}

int list(const Words& words) {
  for (const std::string& folder : words) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      std::cout << entry.path().string() << "\n";
    if (error) std::cout << folder << ": " << error.message() << "\n";
  }
  return 0;
}

int touch(const Words& words) {
  for (const std::string& path : words) say(path, open(path.c_str(), O_WRONLY | O_CREAT, 0600));
  return 0;
}

int read_files(const Words& words) {
  for (const std::string& path : words) say(path, open(path.c_str(), O_RDONLY));
  return 0;
}

// ----------------------------------------------------------------------------------------------------- break
// out

int break_out(const Words&) {
  iovec part{};
  rlimit limits{1, 1};
  say("ptrace", ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  say("process_vm_readv", process_vm_readv(1, &part, 1, &part, 1, 0));
  say("unshare user", unshare(CLONE_NEWUSER));
  say("unshare net", unshare(CLONE_NEWNET));
  say("clone user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  say("clone net with bits above",
      syscall(SYS_clone, CLONE_NEWNET | SIGCHLD | (1ul << 40), nullptr, nullptr, nullptr, nullptr));
  say("clone3", syscall(SYS_clone3, nullptr, 0));
  say("setns", setns(0, 0));
  say("mount", mount("none", "/tmp", "tmpfs", 0, nullptr));
  say("chroot", chroot("/tmp"));
  say("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  say("bpf", syscall(SYS_bpf, 0, nullptr, 0));
  say("io_uring", syscall(SYS_io_uring_setup, 1, nullptr));
  say("tiocsti", ioctl(0, TIOCSTI, "x"));
  say("tiocsti with bits above", syscall(SYS_ioctl, 0, TIOCSTI | (1ul << 40), "x"));
  say("prlimit of launcher", prlimit(1, RLIMIT_CPU, &limits, nullptr));
  say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
  say("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  say("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
  say("setuid", setuid(0));
  say("sethostname", sethostname("x", 1));
  return 0;
}

int touch_launcher(const Words&) {
  kill(1, SIGKILL);
  kill(1, SIGSTOP);
  kill(1, SIGTERM);
  for (int i = 0; i < 1000; ++i) kill(1, SIGCHLD);
  for (const char* name : {"/proc/1/root/", "/proc/1/cwd/"}) {
    say(name, open(name, O_RDONLY | O_DIRECTORY));
  }
  for (const char* name : {"/proc/1/mem", "/proc/1/environ", "/proc/1/fd/4", "/proc/1/fd/3"})
    say(name, open(name, O_RDONLY));
  say("write /proc/1/mem", open("/proc/1/mem", O_RDWR));
  return 7;
}

int raw(const Words&) {
  const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  say("raw socket", fd);
  say("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
  say("address", socket(AF_NETLINK, SOCK_RAW, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const char echo[8] = {8, 0, static_cast<char>(0xf7), static_cast<char>(0xff), 0, 0, 0, 0};
  say("send", sendto(fd, echo, sizeof echo, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
  return 0;
}

/// Every interface that this program can find or name, however it asks.
int interfaces(const Words&) {
  struct if_nameindex* all = if_nameindex();
  for (auto* one = all; one != nullptr && one->if_index != 0; ++one) {
    std::cout << "listed " << one->if_name << std::endl;
  }
  if_freenameindex(all);
  const int fd = socket(AF_PACKET, SOCK_RAW, 0);
  for (int index = 1; index <= 4096; ++index) {
    ifreq named{};
    named.ifr_ifindex = index;
    if (ioctl(fd, SIOCGIFNAME, &named) == 0) std::cout << "named " << named.ifr_name << std::endl;
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_ALL);
    here.sll_ifindex = index;
    if (bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0) {
      std::cout << "bound " << (ioctl(fd, SIOCGIFNAME, &named) == 0 ? named.ifr_name : "?") << std::endl;
    }
  }
  std::ifstream table("/proc/net/dev");
  for (std::string line; std::getline(table, line);) {
    const auto colon = line.find(':');
    const auto begin = line.find_first_not_of(' ');
    if (colon != std::string::npos) std::cout << "counted " << line.substr(begin, colon - begin) << std::endl;
  }
  return 0;
}

/// Broadcasts a frame that holds these words on every interface with an index up to 4096.
int send_frames(const Words& words) {
  const int fd = socket(AF_PACKET, SOCK_RAW, 0);
  std::string frame(12, '\xff');  // to everybody, from nobody that there is
  frame += "\x88\xb5";            // an EtherType for experiments (IEEE 802)
  frame += words.at(0) + std::string(60, ' ');
  for (int index = 1; index <= 4096; ++index) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(0x88b5);
    to.sll_ifindex = index;
    to.sll_halen = 6;
    std::memset(to.sll_addr, 0xff, 6);
    sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  return 0;
}

std::string network_of(const char* path) {
  char text[64];
  const ssize_t length = readlink(path, text, sizeof text);
  return length < 0 ? strerrorname_np(errno) : std::string(text, static_cast<std::size_t>(length));
}

/// Tries to come into another network, or to bring another network here. The last line says where it is in
/// the end.
int leave_network(const Words&) {
  for (const char* path : {"/proc/self/ns/net", "/proc/self/ns/user", "/proc/1/ns/net", "/proc/1/ns/user"}) {
    const int there = open(path, O_RDONLY);
    say(std::string("setns ") + path, there < 0 ? there : setns(there, 0));
  }
  const long launcher = syscall(SYS_pidfd_open, 1, 0);
  say("setns pidfd", setns(static_cast<int>(launcher), CLONE_NEWNET));
  say("unshare", unshare(CLONE_NEWNET));
  say("unshare with user", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  say("tun", open("/dev/net/tun", O_RDWR));

  const int any = socket(AF_INET, SOCK_DGRAM, 0);
  for (const auto& [what, request] :
       {std::pair{"flags", SIOCSIFFLAGS}, {"address", SIOCSIFADDR}, {"mtu", SIOCSIFMTU}}) {
    ifreq change{};
    std::strcpy(change.ifr_name, "eth0");
    change.ifr_addr.sa_family = request == SIOCSIFADDR ? AF_INET : 0;
    if (request == SIOCSIFMTU) change.ifr_mtu = 1000;
    say(std::string("change ") + what, ioctl(any, static_cast<unsigned long>(request), &change));
  }
  // Moves eth0 to the network of process 1 (rtnetlink(7)).
  struct {
    nlmsghdr header;
    ifinfomsg link;
    rtattr attribute;
    unsigned pid;
  } move{};
  move.header = {sizeof move, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
  move.link.ifi_index = static_cast<int>(if_nametoindex("eth0"));
  move.attribute = {sizeof(rtattr) + sizeof(unsigned), IFLA_NET_NS_PID};
  move.pid = 1;
  const int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[256];
  } answer{};
  long result = send(route, &move, sizeof move, 0);
  if (result >= 0) result = recv(route, &answer, sizeof answer, 0);
  errno = -answer.error.error;
  say("move eth0", result < 0 || answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0 ? -1 : 0);
  std::cout << network_of("/proc/self/ns/net") << std::endl;
  return 0;
}

int families(const Words&) {
  say("IPv4 socket", socket(AF_INET, SOCK_STREAM, 0));
  say("IPv6 socket", socket(AF_INET6, SOCK_STREAM, 0));
  return 0;
}

int execute(const Words& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  return 1;
}

// ------------------------------------------------------------------------------------------------- ends and
// children

int daemons(const Words& words) {
  for (int i = 0; i < 3; ++i) {
    if (fork() != 0) continue;
    setsid();
    if (fork() != 0) _exit(0);
    signal(SIGTERM, SIG_IGN);
    pause();
  }
  std::cout << "started" << std::endl;
  return words.empty() ? 0 : pause();
}

int sleep_long(const Words&) {
  std::cout << "sleeping" << std::endl;
  return pause();
}

int count(const Words& words) {
  for (int i = words.empty() ? 0 : std::stoi(words[0]); i > 0; --i) std::thread(burn).detach();
  if (fork() == 0) {
    for (;;) std::cout << "child" << std::endl;
  }
  for (;;) std::cout << "parent" << std::endl;
}

int lines(const Words&) {
  std::cout << "first" << std::endl;
  usleep(20'000);
  std::cout << "second\nthi" << std::flush;
  usleep(20'000);
  std::cout << "rd\nlast" << std::flush;
  close(1);
  return pause();
}

int copy(const Words&) {
  char buffer[65536];
  for (ssize_t size; (size = read(0, buffer, sizeof buffer)) > 0;) {
    for (ssize_t done = 0, part; done < size; done += part) {
      if ((part = write(1, buffer + done, size - done)) < 0) return 1;
    }
  }
  return 0;
}

// -----------------------------------------------------------------------------------------------------------
// sockets

sockaddr_in loopback(const std::string& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  return address;
}

int bind_port(const Words& words) {
  const sockaddr_in address = loopback(words.at(0));
  say("bind",
      bind(socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return 0;
}

int listener(const std::string& port, int backlog) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(1);
  if (listen(fd, backlog) != 0) std::exit(1);
  return fd;
}

int hold_sockets(const Words& words) {
  listener(words.at(0), 17);
  const sockaddr_in address = loopback(words.at(0));
  const int udp = socket(AF_INET6, SOCK_DGRAM, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(5353);
  bind(udp, reinterpret_cast<const sockaddr*>(&any), sizeof any);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  std::cout << "holding" << std::endl;
  return pause();
}

/// One way to move bytes; each counts EINTR and short moves and goes on, as a correct program does.
struct Mover {
  std::function<ssize_t(int, char*, std::size_t)> receive;
  std::function<ssize_t(int, const char*, std::size_t)> send;
};

ssize_t receive_message(int fd, char* data, std::size_t size) {
  iovec parts[] = {{data, size / 2}, {data + size / 2, size - size / 2}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return recvmsg(fd, &message, 0);
}

ssize_t send_message(int fd, const char* data, std::size_t size) {
  char* bytes = const_cast<char*>(data);
  iovec parts[] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

const std::map<std::string, Mover> movers = {
    {"recv",
     {[](int fd, char* data, std::size_t size) { return recv(fd, data, size, 0); },
      [](int fd, const char* data, std::size_t size) { return send(fd, data, size, MSG_NOSIGNAL); }}},
    {"read",
     {[](int fd, char* data, std::size_t size) { return read(fd, data, size); },
      [](int fd, const char* data, std::size_t size) { return write(fd, data, size); }}},
    {"recvmsg", {receive_message, send_message}},
};

long interrupts = 0, again = 0, shortest = 1 << 30;

/// Waits as a non-blocking program does.
void await(int fd, short events) {
  pollfd event{fd, events, 0};
  while (poll(&event, 1, -1) < 0) {
    if (errno == EINTR) ++interrupts;
  }
}

/// Whether the call should be made again.
bool try_again(int fd, short events) {
  if (errno == EINTR) return ++interrupts, true;
  if (errno != EAGAIN) return false;
  ++again;
  await(fd, events);
  return true;
}

bool send_all(const Mover& mover, int fd, const char* data, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t part = mover.send(fd, data + done, size - done);
    if (part < 0 && !try_again(fd, POLLOUT)) return false;
    if (part > 0) done += part, shortest = std::min<long>(shortest, part);
  }
  return true;
}

int accept_patiently(int fd) {
  int client;
  while ((client = accept(fd, nullptr, nullptr)) < 0) {
    std::cout << "accept " << strerrorname_np(errno) << std::endl;
    if (errno == EMFILE) usleep(1000);
  }
  return client;
}

/// echo PORT recv|read|recvmsg [nonblocking]: one connection, back until its end.
int echo(const Words& words) {
  const Mover& mover = movers.at(words.at(1));
  const int client = accept_patiently(listener(words.at(0), 5)), on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (words.size() > 2) fcntl(client, F_SETFL, O_NONBLOCK);
  std::vector<char> buffer(65536);
  for (;;) {
    const ssize_t size = mover.receive(client, buffer.data(), buffer.size());
    if (size == 0) break;
    if (size < 0 && !try_again(client, POLLIN)) return say("receive", -1), 1;
    if (size > 0) shortest = std::min<long>(shortest, size);
    if (size > 0 && !send_all(mover, client, buffer.data(), size)) return say("send", -1), 1;
  }
  std::cout << "interrupts " << interrupts << "\nagain " << again << "\nshortest " << shortest << std::endl;
  return 0;
}

/// receive-once PORT [seconds]: one blocking recv, with a signal handler; tells how it ended.
int receive_once(const Words& words) {
  struct sigaction action {};
  action.sa_handler = [](int) { static_cast<void>(!write(1, "handled\n", 8)); };
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
  const int client = accept_patiently(listener(words.at(0), 5));
  timeval patience{words.size() > 1 ? std::stoi(words[1]) : 0, words.size() > 1 ? 50'000 : 0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::cout << "receiving" << std::endl;
  char buffer[100];
  const ssize_t size = recv(client, buffer, sizeof buffer, 0);
  say("recv", size);
  std::cout << size << std::endl;
  return 0;
}

/// send-to-closed PORT: sends until that fails.
int send_to_closed(const Words& words) {
  const int client = accept_patiently(listener(words.at(0), 5));
  const std::string block(1000, 's');
  while (send(client, block.data(), block.size(), 0) >= 0) {
  }
  say("send", -1);
  while (send(client, block.data(), block.size(), 0) >= 0) {
  }
  return say("send", -1), 0;
}

/// calls PORT: one of each kind of call, and what came of it.
int calls(const Words& words) {
  const sockaddr_in address = loopback(words.at(0));
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  say("socket", fd);
  const int tcp = socket(AF_INET, SOCK_STREAM, 0);
  say("bind", bind(tcp, name, sizeof address));
  say("listen", listen(tcp, 5));
  say("connect", connect(fd, name, sizeof address));
  pollfd event{fd, POLLIN, 0};
  say("poll", poll(&event, 1, 1000));
  say("close", close(tcp));
  return 0;
}

int round_trips(const Words& words) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  char byte = 0;
  for (int i = std::stoi(words.at(0)); i > 0; --i) {
    if (send(pair[0], &byte, 1, 0) != 1 || read(pair[1], &byte, 1) != 1) return 1;
  }
  return 0;
}

int overflow(const Words&) {
  std::vector<char> bytes(10);
  volatile char* beyond = bytes.data() + bytes.size();
  return *beyond;
}

const std::map<std::string, int (*)(const Words&)> commands = {
    {"overflow", overflow},
    {"spin", spin},
    {"be-held-up", be_held_up},
    {"eat", eat},
    {"fork-bomb", fork_bomb},
    {"open-files", open_files},
    {"write-file", write_file},
    {"flood", flood},
    {"environment", environment},
    {"identity", identity},
    {"descriptors", descriptors},
    {"list", list},
    {"touch", touch},
    {"read-files", read_files},
    {"break-out", break_out},
    {"touch-launcher", touch_launcher},
    {"raw", raw},
    {"interfaces", interfaces},
    {"send-frames", send_frames},
    {"leave-network", leave_network},
    {"families", families},
    {"execute", execute},
    {"daemons", daemons},
    {"sleep", sleep_long},
    {"count", count},
    {"lines", lines},
    {"copy", copy},
    {"bind", bind_port},
    {"hold-sockets", hold_sockets},
    {"echo", echo},
    {"receive-once", receive_once},
    {"send-to-closed", send_to_closed},
    {"calls", calls},
    {"round-trips", round_trips},
    {"exit", [](const Words& words) { return std::stoi(words.at(0)); }},
    {"raise", [](const Words& words) { return raise(std::stoi(words.at(0))); }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !commands.contains(argv[1])) return 2;
  return commands.at(argv[1])({argv + 2, argv + argc});
}
