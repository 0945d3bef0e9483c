// Lab 05, client with exponential backoff
// Amina Diallo

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "unreliable_udp.hh"

namespace wirelab {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

class Asker {
 public:
  Asker(const Address& server, double jitter) : name_(server.to_string()), jitter_(jitter) {
    sock_.reset(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    must(connect(sock_.get(), server.data(), *server.size()), "connect", name_);
  }

  std::string ask(const std::string& number, const std::string& data) {
    const std::string request = number + data;
    int tries = 0;
    for (double wait = 0.1; wait <= 2.0; wait *= 2) {
      tries++;
      while (send(sock_.get(), request.data(), request.size(), 0) < 0)
        if (errno != EINTR) throw_errno("send to", name_);
      if (auto answer = wait_for(number, wait * spread())) return *answer;
    }
    throw std::runtime_error("receive from " + name_ + ": no answer after " + std::to_string(tries) +
                             " tries, the server seems to be down");
  }

 private:
  double spread() {
    if (jitter_ == 0) return 1;
    return std::uniform_real_distribution<double>(1 - jitter_, 1 + jitter_)(rng_);
  }

  std::optional<std::string> wait_for(const std::string& number, double seconds) {
    const auto end = Clock::now() + duration<double>(seconds);
    std::string buf(65535, 0);
    for (;;) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      bool last = left <= 0;
      pollfd p{sock_.get(), POLLIN, 0};
      int ready = poll(&p, 1, last ? 0 : (int)left);
      if (ready < 0 && errno != EINTR) throw_errno("poll");
      if (ready > 0) {
        ssize_t n = recv(sock_.get(), buf.data(), buf.size(), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) throw_errno("receive from", name_);
        // with numbers: an old answer is not for us
        if (n >= 0 && buf.compare(0, number.size(), number) == 0) return buf.substr(0, n);
      } else if (last) {
        return std::nullopt;
      }
    }
  }

  std::string name_;
  double jitter_;
  Descriptor sock_;
  std::mt19937 rng_{std::random_device{}()};
};

void run_client(const Arguments& arguments) {
  // TODO if there is time: --adaptive
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  Asker asker(server, arguments.number("--jitter", 0, 0, 1));
  std::string data = arguments.words.empty() ? "Is anybody there?" : arguments.words[0];
  if (!arguments.has("--count")) {
    std::cout << asker.ask("", data) << std::endl;
    return;
  }
  int count = (int)arguments.number("--count", 1, 1, 1e9);
  for (int i = 1; i <= count; i++) std::cout << asker.ask("#" + std::to_string(i) + " ", data) << std::endl;
}

}  // namespace wirelab
