// bjarke holm, gruppe 4
#include <sys/socket.h>

#include <iostream>
#include <random>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

using namespace std;

namespace wirelab {

void run_server(const Arguments& args) {
  double drop = args.number("--drop", 0.5, 0, 1);
  mt19937_64 gen(args.has("--seed") ? (uint64_t)args.number("--seed", 0, 0, 1e15) : random_device{}());
  uniform_real_distribution<double> dice(0.0, 1.0);

  Address a = Address::resolve(args.host, args.port, SOCK_DGRAM).front();
  Descriptor s(must(socket(a.family(), SOCK_DGRAM, 0), "socket"));
  must(::bind(s.get(), a.data(), *a.size()), "bind", a.to_string());
  cout << "Listening at " << local_address(s.get()).to_string() << endl;

  static char buf[65536];
  while (true) {
    Address peer;
    ssize_t n = recvfrom(s.get(), buf, sizeof(buf), 0, peer.data(), peer.size());
    if (n < 0) continue;
    bool lose = dice(gen) < drop;
    cout << n << " bytes from " << peer.to_string() << (lose ? ": dropped" : ": answered") << endl;
    if (lose) continue;
    string answer = "Your data was " + to_string(n) + " bytes long";
    sendto(s.get(), answer.data(), answer.size(), 0, peer.data(), *peer.size());
  }
}

}  // namespace wirelab
