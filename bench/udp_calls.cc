// What the system calls of a UDP echo server cost, one kind beside the other, and what lab 04's reference
// adds to them. One thread plays both sides: it puts 64 datagrams into a server's socket, lets that server
// answer them, and takes the answers out; only the middle is timed. Nobody waits and nobody is woken, so the
// lower quartile of many such rounds is much the same on a busy machine. All servers in turn, in rotating
// order.
//
// usage: udp_calls ROUNDS
// prints a line for each server: NANOSECONDS_PER_ECHO NAME
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "udp_echo.hh"

namespace {

using namespace wirelab;
using Clock = std::chrono::steady_clock;

constexpr std::size_t at_once = 64, bytes = 64, batch = 16;

enum class Ancillary { none, received, sent_back };

std::array<char, Message::largest> buffer;

/// No word of addresses: the loop of peers/plain_udp_echo.cc.
std::size_t plain(int fd) {
  sockaddr_in client{};
  socklen_t size = sizeof client;
  const auto length = must(
      recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&client), &size), "receive");
  must(sendto(fd, buffer.data(), static_cast<std::size_t>(length), 0, reinterpret_cast<sockaddr*>(&client),
              size),
       "send");
  return 1;
}

/// The least that can be done with recvmsg and sendmsg: nothing is looked at, repeated or reported. With
/// ancillary data sent_back the address is right, for IPv4 alone.
template <Ancillary ancillary>
std::size_t least(int fd) {
  sockaddr_in client;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 64> control;
  msghdr header{};
  header.msg_name = &client;
  header.msg_namelen = sizeof client;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (ancillary != Ancillary::none) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  part.iov_len = static_cast<std::size_t>(must(recvmsg(fd, &header, 0), "receive"));
  if (ancillary == Ancillary::received) header.msg_control = nullptr, header.msg_controllen = 0;
  if (ancillary == Ancillary::sent_back) {
    reinterpret_cast<in_pktinfo*>(CMSG_DATA(CMSG_FIRSTHDR(&header)))->ipi_ifindex = 0;
  }
  must(sendmsg(fd, &header, 0), "send");
  return 1;
}

std::size_t reference(int fd) {
  static Message message;
  serve_one(fd, message);
  return 1;
}

std::size_t reference_in_batches(int fd) {
  static std::vector<Message> messages(batch);
  serve_batch(fd, messages);
  return batch;
}

struct Server {
  std::string name;
  std::function<std::size_t(int)> answer;  // how many it answered
  Descriptor socket;
  std::vector<double> nanoseconds{};  // for each echo, of each round
};

class Client {
 public:
  Client();
  void send_all(const Address& server);
  void receive_all();

 private:
  Descriptor socket_{must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")};
  std::array<char, at_once*(bytes + 1)> received_{};
  std::array<iovec, at_once> parts_{};
  std::array<mmsghdr, at_once> incoming_{};
};

Client::Client() {
  for (std::size_t i = 0; i < at_once; ++i) {
    parts_[i] = {&received_[i * (bytes + 1)], bytes + 1};
    incoming_[i].msg_hdr.msg_iov = &parts_[i];
    incoming_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Client::send_all(const Address& server) {
  const std::string message(bytes, 'a');
  for (std::size_t i = 0; i < at_once; ++i) {
    must(sendto(socket_.get(), message.data(), bytes, 0, server.data(), *server.size()), "send");
  }
}

void Client::receive_all() {
  const int count =
      must(recvmmsg(socket_.get(), incoming_.data(), at_once, MSG_DONTWAIT, nullptr), "receive");
  const auto whole = [](const mmsghdr& one) { return one.msg_len == bytes; };
  if (count != static_cast<int>(at_once) || !std::ranges::all_of(incoming_, whole)) {
    throw std::runtime_error("receive: not what was sent");
  }
}

Descriptor without_option() {
  Descriptor made(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Address any = Address::numeric("0.0.0.0", 0);
  must(bind(made.get(), any.data(), *any.size()), "bind", any.to_string());
  return made;
}

Descriptor with_option() { return open_socket(Address::numeric("0.0.0.0", 0)); }

void one_round(Client& client, Server& server) {
  const auto port = local_address(server.socket.get()).port();
  client.send_all(Address::numeric("127.0.0.1", port));
  const auto start = Clock::now();
  for (std::size_t answered = 0; answered < at_once;) answered += server.answer(server.socket.get());
  const std::chrono::duration<double, std::nano> took = Clock::now() - start;
  client.receive_all();
  server.nanoseconds.push_back(took.count() / at_once);
}

double lower_quartile(std::vector<double>& values) {
  const auto quartile = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 4);
  std::ranges::nth_element(values, quartile);
  return *quartile;
}

void measure(std::size_t rounds) {
  std::vector<Server> servers;
  servers.push_back({"recvfrom, sendto", plain, without_option()});
  servers.push_back({"recvmsg, sendmsg, no ancillary data", least<Ancillary::none>, without_option()});
  servers.push_back({"recvmsg with IP_PKTINFO, sendmsg", least<Ancillary::received>, with_option()});
  servers.push_back({"recvmsg and sendmsg with IP_PKTINFO", least<Ancillary::sent_back>, with_option()});
  servers.push_back({"udp_echo", reference, with_option()});
  servers.push_back({"udp_echo --batch 16", reference_in_batches, with_option()});
  Client client;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::ranges::rotate(servers, servers.begin() + 1);
    for (Server& server : servers) one_round(client, server);
  }
  std::ranges::rotate(servers, std::ranges::find(servers, "recvfrom, sendto", &Server::name));
  for (Server& server : servers) {
    std::cout << std::llround(lower_quartile(server.nanoseconds)) << " " << server.name << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: udp_calls ROUNDS\n";
    return 2;
  }
  try {
    measure(std::stoul(argv[1]));
  } catch (const std::exception& error) {
    std::cerr << "udp_calls: " << error.what() << "\n";
    return 1;
  }
}
