// Measures a UDP echo server: so many datagrams on their way at any time; counts the round trips. One thread,
// which takes and sends many datagrams with each call, so that the server is the one with more to do. Every
// byte that comes back is compared, and so is the address that it comes from. A datagram that gets lost is
// replaced after a while.
//
//     taskset -c 0 udp_echo server 0.0.0.0 -p 7004 &
//     taskset -c 1 udp_load 127.0.0.1 7004 64 64 5
//
// usage: udp_load HOST PORT IN_FLIGHT BYTES SECONDS
// prints: IN_FLIGHT BYTES ROUND_TRIPS_PER_SECOND LOST
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"

namespace {

using namespace wirelab;
using Clock = std::chrono::steady_clock;

constexpr auto warm_up = std::chrono::milliseconds(500);
constexpr int lost_after_ms = 100;  // nothing came for so long: what was on its way is lost

class Load {
 public:
  Load(const Address& server, std::size_t in_flight, std::size_t bytes);

  /// Round trips completed in this time.
  std::uint64_t run(Clock::duration time);

  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  void send(std::size_t count);
  std::size_t receive();

  Descriptor socket_;
  std::string message_;
  std::vector<char> buffer_;
  std::vector<iovec> sent_, received_;
  std::vector<mmsghdr> outgoing_, incoming_;
  std::size_t on_their_way_ = 0;
  std::uint64_t lost_ = 0;
};

Load::Load(const Address& server, std::size_t in_flight, std::size_t bytes)
    : socket_(must(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")),
      message_(bytes, 'a'),
      buffer_(in_flight * (bytes + 1)),
      sent_(in_flight),
      received_(in_flight),
      outgoing_(in_flight),
      incoming_(in_flight) {
  // Connected: an answer from another address than was asked would not count, and a closed port is told.
  must(connect(socket_.get(), server.data(), *server.size()), "connect", server.to_string());
  for (std::size_t i = 0; i < bytes; ++i) message_[i] = static_cast<char>('a' + i % 26);
  for (std::size_t i = 0; i < in_flight; ++i) {
    sent_[i] = {message_.data(), bytes};
    received_[i] = {&buffer_[i * (bytes + 1)], bytes + 1};  // one more, to notice answers that are too long
    outgoing_[i].msg_hdr.msg_iov = &sent_[i];
    incoming_[i].msg_hdr.msg_iov = &received_[i];
    outgoing_[i].msg_hdr.msg_iovlen = incoming_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Load::send(std::size_t count) {
  on_their_way_ += count;
  while (count > 0) {
    const int sent = must(sendmmsg(socket_.get(), outgoing_.data(), static_cast<unsigned>(count), 0), "send");
    count -= static_cast<std::size_t>(sent);
  }
}

/// Waits for at least one answer; 0 when all that were on their way are lost.
std::size_t Load::receive() {
  int count = recvmmsg(socket_.get(), incoming_.data(), static_cast<unsigned>(incoming_.size()), MSG_DONTWAIT,
                       nullptr);
  if (count < 0 && errno == EAGAIN) {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (must(poll(&ready, 1, lost_after_ms), "poll") == 0) {
      lost_ += std::exchange(on_their_way_, 0);
      return 0;
    }
    count = recvmmsg(socket_.get(), incoming_.data(), static_cast<unsigned>(incoming_.size()), MSG_WAITFORONE,
                     nullptr);
  }
  const auto got = static_cast<std::size_t>(must(count, "receive"));
  for (std::size_t i = 0; i < got; ++i) {
    if (incoming_[i].msg_len != message_.size() ||
        std::memcmp(received_[i].iov_base, message_.data(), message_.size()) != 0) {
      throw std::runtime_error("receive: not the bytes that were sent");
    }
  }
  on_their_way_ -= std::min(got, on_their_way_);
  return got;
}

std::uint64_t Load::run(Clock::duration time) {
  std::uint64_t round_trips = 0;
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    send(outgoing_.size() - std::min(on_their_way_, outgoing_.size()));
    round_trips += receive();
  }
  return round_trips;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: udp_load HOST PORT IN_FLIGHT BYTES SECONDS\n";
    return 2;
  }
  try {
    const Address server = Address::numeric(argv[1], static_cast<std::uint16_t>(std::stoul(argv[2])));
    const std::chrono::duration<double> seconds(std::stod(argv[5]));
    Load load(server, std::stoul(argv[3]), std::stoul(argv[4]));
    load.run(warm_up);
    const std::uint64_t round_trips = load.run(std::chrono::duration_cast<Clock::duration>(seconds));
    std::cout << argv[3] << " " << argv[4] << " "
              << static_cast<std::uint64_t>(static_cast<double>(round_trips) / seconds.count()) << " "
              << load.lost() << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "udp_load: " << error.what() << "\n";
    return 1;
  }
}
