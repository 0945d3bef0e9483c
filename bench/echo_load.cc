// Measures a TCP echo server: so many connections, each with one message on its way at any time; counts the
// round trips. One thread, no allocation while measuring. Every byte that comes back is compared.
//
//     taskset -c 0 tcp_echo server 127.0.0.1 -p 7003 &
//     taskset -c 1 echo_load 127.0.0.1 7003 1000 64 5
//
// usage: echo_load HOST PORT CONNECTIONS BYTES SECONDS
// prints: CONNECTIONS BYTES ROUND_TRIPS_PER_SECOND
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"

namespace {

using namespace wirelab;
using Clock = std::chrono::steady_clock;

constexpr auto warm_up = std::chrono::milliseconds(500);

struct Client {
  Descriptor socket;
  std::size_t received = 0;  // of the message that is on its way
};

/// As many descriptors as the machine allows: the usual soft limit is 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

class Load {
 public:
  Load(const Address& server, std::size_t connections, std::size_t bytes);

  /// Round trips completed in this time.
  std::uint64_t run(Clock::duration time);

 private:
  void connect_one(const Address& server, Client& client);
  void start(const Client& client);
  bool receive(Client& client);  // whether the message is complete

  Descriptor epoll_{must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  std::vector<Client> clients_;
  std::vector<char> message_;
  std::vector<char> buffer_;
};

Load::Load(const Address& server, std::size_t connections, std::size_t bytes)
    : clients_(connections), message_(bytes), buffer_(bytes) {
  for (std::size_t i = 0; i < bytes; ++i) message_[i] = static_cast<char>('a' + i % 26);
  for (Client& client : clients_) connect_one(server, client);
  for (const Client& client : clients_) start(client);
}

void Load::connect_one(const Address& server, Client& client) {
  client.socket.reset(must(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int fd = client.socket.get();
  must(connect(fd, server.data(), *server.size()), "connect", server.to_string());
  const int yes = 1;
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "setsockopt TCP_NODELAY");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
  must(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void Load::start(const Client& client) {
  const ssize_t sent =
      must(send(client.socket.get(), message_.data(), message_.size(), MSG_NOSIGNAL), "send");
  if (static_cast<std::size_t>(sent) != message_.size()) throw std::runtime_error("send: message too large");
}

bool Load::receive(Client& client) {
  const std::size_t rest = message_.size() - client.received;
  const ssize_t count = must(recv(client.socket.get(), buffer_.data(), rest, MSG_DONTWAIT), "receive");
  if (count == 0) throw std::runtime_error("receive: the server closed a connection");
  if (!std::equal(buffer_.begin(), buffer_.begin() + count, message_.begin() + client.received)) {
    throw std::runtime_error("receive: not the bytes that were sent");
  }
  client.received += static_cast<std::size_t>(count);
  if (client.received < message_.size()) return false;
  client.received = 0;
  return true;
}

std::uint64_t Load::run(Clock::duration time) {
  std::array<epoll_event, 256> events{};
  std::uint64_t round_trips = 0;
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    const int count =
        must(epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 1000), "epoll_wait");
    for (int i = 0; i < count; ++i) {
      Client& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!receive(client)) continue;
      ++round_trips;
      start(client);
    }
  }
  return round_trips;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: echo_load HOST PORT CONNECTIONS BYTES SECONDS\n";
    return 2;
  }
  try {
    raise_descriptor_limit();
    const Address server = Address::numeric(argv[1], static_cast<std::uint16_t>(std::stoul(argv[2])));
    const std::chrono::duration<double> seconds(std::stod(argv[5]));
    Load load(server, std::stoul(argv[3]), std::stoul(argv[4]));
    load.run(warm_up);
    const std::uint64_t round_trips = load.run(std::chrono::duration_cast<Clock::duration>(seconds));
    std::cout << argv[3] << " " << argv[4] << " "
              << static_cast<std::uint64_t>(static_cast<double>(round_trips) / seconds.count()) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "echo_load: " << error.what() << "\n";
    return 1;
  }
}
