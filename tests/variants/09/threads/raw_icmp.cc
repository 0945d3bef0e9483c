// Lab 09 with two threads: one receives all the time and notes what it heard under a lock, the other sends,
// waits on a condition variable, and prints. IPv4 only.
#include "raw_icmp.hh"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"

namespace wirelab {
namespace {

using Clock = std::chrono::steady_clock;

struct Book {
  std::mutex mutex;
  std::condition_variable changed;
  unsigned current = 0;
  bool waiting = false;
  Clock::time_point sent;
  std::vector<double> times;
  std::set<unsigned> answered;
};

/// Takes one packet that is there; false when there is none. `book` is locked.
bool take_one(int fd, const Address& host, std::uint16_t identifier, const Bytes& data, Book& book) {
  static std::vector<std::uint8_t> buffer(70000);
  Address from;
  const ssize_t count = recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT, from.data(), from.size());
  const auto now = Clock::now();
  if (count < 0) return errno == EINTR;
  const auto packet = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(count));
  const auto answer = read_answer(AF_INET, behind_ipv4_header(packet));
  if (!answer || answer->identifier != identifier) return true;

  const bool mine = book.waiting && answer->sequence == book.current;
  const std::string who = from.host();
  if (answer->kind == Answer::Kind::time_exceeded) {
    std::printf("Time exceeded, says %s of seq=%u\n", who.c_str(), answer->sequence);
    if (mine) book.waiting = false;
  } else if (answer->kind == Answer::Kind::unreachable) {
    std::printf("Unreachable, says %s of seq=%u\n", who.c_str(), answer->sequence);
    if (mine) book.waiting = false;
  } else if (!(from == host)) {
    return true;
  } else if (answer->data != data) {
    std::printf("%s has changed the data of seq=%u\n", who.c_str(), answer->sequence);
  } else if (mine) {
    const double time = std::chrono::duration<double, std::milli>(now - book.sent).count();
    std::printf("seq=%u: answer from %s, time=%.2fms\n", answer->sequence, who.c_str(), time);
    book.times.push_back(time);
    book.answered.insert(answer->sequence);
    book.waiting = false;
  } else if (book.answered.contains(answer->sequence)) {
    std::printf("seq=%u: a duplicate from %s\n", answer->sequence, who.c_str());
  }
  std::fflush(stdout);
  return true;
}

void receive_all(int fd, const Address& host, std::uint16_t identifier, const Bytes& data, Book& book) {
  while (true) {
    pollfd watched{fd, POLLIN, 0};
    poll(&watched, 1, -1);
    const std::lock_guard lock(book.mutex);
    take_one(fd, host, identifier, data, book);
    book.changed.notify_all();
  }
}

}  // namespace

void run_raw_icmp(const Arguments& arguments) {
  const auto count = static_cast<unsigned>(arguments.number("-c", 4, 1, 65535));
  const std::chrono::duration<double> interval(arguments.number("-i", 1, 0, 3600)),
      limit(arguments.number("-W", 1, 0.001, 3600));
  static Bytes data(static_cast<std::size_t>(arguments.number("-s", 56, 0, 65507)), 0xff);
  if (arguments.has("--data")) {
    const std::string& text = arguments.options.at("--data");
    data.assign(text.begin(), text.end());
  }
  const int hops = static_cast<int>(arguments.number("-t", 64, 1, 255));
  static const Address host = Address::resolve(arguments.host, 0, SOCK_DGRAM).front();
  if (host.family() != AF_INET || arguments.has("--trace") || arguments.has("--unprivileged"))
    throw UsageError("not here");

  static const Descriptor fd(must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "socket"));
  must(setsockopt(fd.get(), IPPROTO_IP, IP_TTL, &hops, sizeof hops), "setsockopt");
  const auto identifier = static_cast<std::uint16_t>(std::random_device()());
  static Book book;  // outlives this function, as the other thread does
  std::thread(receive_all, fd.get(), std::cref(host), identifier, std::cref(data), std::ref(book)).detach();
  std::printf("id=%u\n", identifier);
  std::fflush(stdout);

  const auto in = [](auto seconds) { return std::chrono::ceil<Clock::duration>(seconds); };
  for (unsigned sequence = 1; sequence <= count; ++sequence) {
    const Bytes message = echo_request(AF_INET, identifier, static_cast<std::uint16_t>(sequence), data);
    std::unique_lock lock(book.mutex);
    book.current = sequence;
    book.waiting = true;
    book.sent = Clock::now();
    const auto sent = book.sent;
    must(sendto(fd.get(), message.data(), message.size(), 0, host.data(), *host.size()), "send to",
         host.host());
    book.changed.wait_until(lock, sent + in(limit), [&] { return !book.waiting; });
    // The other thread may not have got to what is there.
    while (book.waiting && take_one(fd.get(), host, identifier, data, book)) continue;
    if (book.waiting) {
      std::printf("seq=%u: no answer\n", sequence);
      std::fflush(stdout);
      book.waiting = false;
    }
    lock.unlock();
    if (sequence < count) std::this_thread::sleep_until(sent + in(interval));
  }
  const std::lock_guard lock(book.mutex);
  const auto received = book.times.size();
  std::printf("%u sent, %zu received, %.1f%% loss\n", count, received,
              100.0 * static_cast<double>(count - received) / count);
  if (received > 0) {
    const auto [least, most] = std::ranges::minmax(book.times);
    double total = 0;
    for (const double one : book.times) total += one;
    std::printf("min/avg/max = %.2f/%.2f/%.2f ms\n", least, total / static_cast<double>(received), most);
  }
  std::fflush(stdout);
  if (received == 0) throw std::runtime_error("receive from " + host.host() + ": no answer");
  std::_Exit(0);  // the other thread waits in recvfrom, and would wait for ever
}

}  // namespace wirelab
