// Lab 05, unreliable server
// Amina Diallo

#include <sys/socket.h>

#include <iostream>
#include <random>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

// 53 random bits make an even number in [0, 1), on every machine the same
static double draw(std::mt19937_64& rng) { return (rng() >> 11) * 0x1p-53; }

// "#12 hello" -> "#12 ", otherwise ""
static std::string number_of(const std::string& request) {
  size_t i = 1;
  if (request.empty() || request[0] != '#') return "";
  while (i < request.size() && i <= 10 && isdigit((unsigned char)request[i])) i++;
  if (i == 1 || i >= request.size() || request[i] != ' ') return "";
  return request.substr(0, i + 1);
}

void run_server(const Arguments& arguments) {
  const double p = arguments.number("--drop", 0.5, 0, 1);
  std::mt19937_64 rng((uint64_t)arguments.number("--seed", std::random_device()(), 0, 9007199254740992.0));

  const Address here = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  Descriptor s(must(socket(here.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(bind(s.get(), here.data(), *here.size()), "bind", here.to_string());
  std::cout << "Listening at " << local_address(s.get()).to_string() << std::endl;

  std::string buf(65535, 0);
  for (;;) {
    Address from;
    ssize_t n = recvfrom(s.get(), buf.data(), buf.size(), 0, from.data(), from.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_errno("receive");
    }
    std::string request = buf.substr(0, n);
    std::cout << n << " bytes from " << from.to_string() << ": ";
    if (draw(rng) < p) {
      std::cout << "dropped" << std::endl;
      continue;
    }
    std::string number = number_of(request);
    std::string answer = number + "Your data was " + std::to_string(n - number.size()) + " bytes long";
    if (sendto(s.get(), answer.data(), answer.size(), 0, from.data(), *from.size()) < 0)
      std::cout << "could not be answered" << std::endl;
    else
      std::cout << "answered" << std::endl;
  }
}

}  // namespace wirelab
