// As one would write it in C: select(2), exit(3) on every failure, and IP_MTU read before every try. The
// search makes a new socket for each size, and so tells answers apart by the port they come to.

#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mtu.hh"

static char zeros[65535];
static wirelab::Address target;

static void die(const char* what, const char* why) {
  fprintf(stderr, "mtu: %s %s: %s\n", what, target.to_string().c_str(), why);
  exit(1);
}

static int is_v6() { return target.family() == AF_INET6; }

static int open_socket(int discover) {
  const int fd = socket(target.family(), SOCK_DGRAM, 0);
  if (fd < 0) die("socket for", strerror(errno));
  if (connect(fd, target.data(), *target.size()) < 0) die("connect", strerror(errno));
  int on = 1;
  if (is_v6()) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  } else {
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  }
  return fd;
}

static int mtu_of(int fd) {
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (getsockopt(fd, is_v6() ? IPPROTO_IPV6 : IPPROTO_IP, is_v6() ? IPV6_MTU : IP_MTU, &mtu, &size) < 0) {
    die("getsockopt", strerror(errno));
  }
  return mtu;
}

static double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// 1 arrived, 0 too large, -1 silence
static int try_size(int fd, int size, int believe) {
  const double end = now() + 0.3;
  ssize_t sent;
  int refused = 0;
  do sent = send(fd, zeros, static_cast<size_t>(size - (is_v6() ? 48 : 28)), 0);
  while (sent < 0 && (errno == EINTR || (errno == EMSGSIZE && ++refused < 2)));
  if (sent < 0 && errno == EMSGSIZE) return 0;
  if (sent < 0 && errno == ECONNREFUSED) return 1;
  if (sent < 0) die("send to", strerror(errno));
  for (;;) {
    double left = end - now();
    if (left < 0) left = 0;
    timeval limit;
    limit.tv_sec = 0;
    limit.tv_usec = static_cast<suseconds_t>(left * 1e6);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    const int ready = select(fd + 1, &set, nullptr, nullptr, &limit);
    if (ready < 0 && errno == EINTR) continue;
    char byte;
    char control[256];
    if (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) return 1;
    const int error = errno;
    msghdr message;
    if (error != EAGAIN && error != EINTR) {
      do {
        memset(&message, 0, sizeof message);
        message.msg_control = control;
        message.msg_controllen = sizeof control;
      } while (recvmsg(fd, &message, MSG_ERRQUEUE) >= 0);  // recv has told already
    }
    if (error == ECONNREFUSED) return 1;
    if (error == EMSGSIZE && believe && mtu_of(fd) < size) return 0;
    if (error != EAGAIN && error != EINTR && error != EMSGSIZE) die("probe", strerror(error));
    if (ready == 0) return -1;
  }
}

static int by_reports() {
  const int fd = open_socket(IP_PMTUDISC_DO);
  int last = 0;
  int tries = 0;
  while (tries < 3) {
    const int size = mtu_of(fd);
    if (size < last) tries = 0;
    last = size;
    if (try_size(fd, size, 1) == 1) return size;
    if (mtu_of(fd) >= size) ++tries;
  }
  die("probe", "no answer");
  return 0;
}

static int fits(int size) {
  const int fd = open_socket(IP_PMTUDISC_PROBE);
  int news = -1;
  for (int i = 0; i < 3 && news < 0; ++i) news = try_size(fd, size, 0);
  close(fd);
  return news == 1;
}

static int by_halves() {
  int size = is_v6() ? 1280 : 68;
  if (!fits(size)) die("probe", "no answer");
  for (int step = 32768; step > 0; step /= 2) {
    if (size + step <= 65535 && fits(size + step)) size += step;
  }
  return size;
}

void wirelab::run(const Arguments& arguments) {
  target = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  printf("Path MTU: %d bytes\n", arguments.has("--search") ? by_halves() : by_reports());
  fflush(stdout);
}
