// What network_bench starts in a sandbox to learn what a watched system call costs: asks a socket for a
// datagram that is not there, again and again, and prints the nanoseconds that one try took.
//
// usage: call_loop COUNT
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "common/descriptor.hh"
#include "common/error.hh"

int main(int argc, char** argv) {
  using namespace std::chrono;
  const long count = argc == 2 ? std::atol(argv[1]) : 1000;
  const wirelab::Descriptor fd(wirelab::must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  char byte;
  const auto start = steady_clock::now();
  for (long i = 0; i < count; ++i) recv(fd.get(), &byte, sizeof byte, MSG_DONTWAIT);
  const nanoseconds taken = steady_clock::now() - start;
  std::printf("%lld\n", static_cast<long long>(taken.count() / count));
}
