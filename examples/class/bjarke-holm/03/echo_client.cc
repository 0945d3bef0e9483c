// bjarke holm, gruppe 4
// a second thread sends, main thread receives. so they can not block each other

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "tcp_echo.hh"

using namespace std;

namespace wirelab {

static atomic<size_t> total{0};
static atomic<bool> all_sent{false};

static bool send_all(int fd, const char* p, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    total += n;
    p += n;
    len -= n;
  }
  return true;
}

static void sender(int fd, const vector<string>& words) {
  if (!words.empty()) {
    string text = words[0];
    for (size_t i = 1; i < words.size(); i++) text += " " + words[i];
    if (!send_all(fd, text.data(), text.size())) return;
  } else {
    char buf[8192];
    while (true) {
      ssize_t n = read(0, buf, sizeof(buf));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      if (!send_all(fd, buf, n)) return;
    }
  }
  all_sent = true;
  shutdown(fd, SHUT_WR);
}

void run_client(const Arguments& args) {
  Address a = Address::resolve(args.host, args.port, SOCK_STREAM).front();
  Descriptor s(must(socket(a.family(), SOCK_STREAM, 0), "socket"));
  must(connect(s.get(), a.data(), *a.size()), "connect", a.to_string());

  thread t(sender, s.get(), cref(args.words));
  size_t received = 0;
  int error = 0;
  char buf[8192];
  while (!all_sent || received < total) {
    pollfd p = {s.get(), POLLIN, 0};
    if (poll(&p, 1, 20) <= 0) continue;  // look again if everything is sent
    ssize_t n = recv(s.get(), buf, sizeof(buf), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    received += n;
    cout.write(buf, n).flush();
  }
  // if the sender still waits in send() it fails now, but it may also wait for the keyboard
  if (!all_sent || received != total) {
    t.detach();
    shutdown(s.get(), SHUT_RDWR);
    if (error) throw_errno("receive from", a.to_string(), error);
    throw runtime_error("receive from " + a.to_string() + ": connection ended early, " + to_string(received) + " of " +
                        to_string(total) + " bytes came back");
  }
  t.join();
}

}  // namespace wirelab
