// bjarke holm, gruppe 4
// SO_RCVTIMEO instead of poll: the kernel counts the time for me

#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <iostream>
#include <stdexcept>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

using namespace std;
using namespace std::chrono;

namespace wirelab {

static void set_timeout(int fd, microseconds t) {
  if (t < 1ms) t = 1ms;  // 0 would mean for ever!
  timeval tv{};
  tv.tv_sec = t.count() / 1000000;
  tv.tv_usec = t.count() % 1000000;
  must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), "setsockopt");
}

void run_client(const Arguments& args) {
  Address a = Address::resolve(args.host, args.port, SOCK_DGRAM).front();
  string msg = args.words.empty() ? "Is anybody there?" : args.words[0];
  Descriptor s(must(socket(a.family(), SOCK_DGRAM, 0), "socket"));
  must(connect(s.get(), a.data(), *a.size()), "connect", a.to_string());

  static char buf[65536];
  for (auto wait = 100ms; wait <= 2000ms; wait *= 2) {
    must(send(s.get(), msg.data(), msg.size(), 0), "send to", a.to_string());
    auto end = steady_clock::now() + wait;
    while (true) {
      set_timeout(s.get(), duration_cast<microseconds>(end - steady_clock::now()));
      ssize_t n = recv(s.get(), buf, sizeof(buf), 0);
      if (n >= 0) {
        cout << string(buf, n) << endl;
        return;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      throw_errno("receive from", a.to_string());
    }
  }
  throw runtime_error("receive from " + a.to_string() + ": server seems to be down");
}

}  // namespace wirelab
