// Makes captures of real kernel TCP across cables that lose, reorder, duplicate and delay, for
// analysis_test.py:
//
//     make_captures FOLDER COUNT SEED
//
// Each capture is written as N.pcap, with the frames as they entered the cable; as N-far.pcap, as they left
// it; and for each connection as N-PORT-slow.pcap, as they entered, but with times so far apart that nobody
// can take one segment that was sent again for another that was merely late. One line for each capture says
// what was done.

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using Engine = std::mt19937_64;

std::uint64_t draw(Engine& engine, std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(engine);
}

/// What a capture is of.
struct Plan {
  double loss, reordering, duplication;
  std::chrono::milliseconds delay;
  std::size_t connections, upload, download;
};

Plan draw_plan(Engine& engine) {
  const auto percent = [&](std::uint64_t most) { return static_cast<double>(draw(engine, 0, most)) / 100; };
  return {percent(8),
          percent(6),
          percent(6),
          std::chrono::milliseconds(draw(engine, 0, 10)),
          draw(engine, 1, 3),
          draw(engine, 0, 60'000),
          draw(engine, 0, 60'000)};
}

/// Each TCP frame is lost, doubled, overtaken, or none of these, and comes later by the delay.
Rule impairment(const Plan& plan, std::uint64_t seed) {
  return [plan, engine = Engine(seed)](const Frame& frame) mutable -> std::optional<Fate> {
    if (!tcp(frame)) return std::nullopt;
    const double drawn = std::uniform_real_distribution<double>(0, 1)(engine);
    if (drawn < plan.loss) return Fate{{}, "lost"};
    if (drawn < plan.loss + plan.duplication)
      return Fate{{{.delay = plan.delay}, {.delay = plan.delay + 100us}}, "duplicated"};
    if (drawn < plan.loss + plan.duplication + plan.reordering)
      return Fate{{{.delay = plan.delay + 3ms}}, "late"};
    return Fate{{{.delay = plan.delay}}, ""};
  };
}

Descriptor open_socket(const Host& host) {
  const auto inside = host.visit();
  Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    must(setsockopt(fd.get(), SOL_SOCKET, option, &limit, sizeof limit), "setsockopt");
  return fd;
}

void send_bytes(int fd, std::size_t count, Engine engine) {
  const std::string bytes(8000, 'x');
  while (count > 0) {
    const ssize_t sent = must(
        send(fd, bytes.data(), std::min<std::size_t>(count, draw(engine, 1, bytes.size())), MSG_NOSIGNAL),
        "send");
    count -= static_cast<std::size_t>(sent);
  }
  must(shutdown(fd, SHUT_WR), "shutdown");
}

void receive_all(int fd) {
  std::string buffer(65536, '\0');
  while (must(recv(fd, buffer.data(), buffer.size(), 0), "recv") > 0) {
  }
}

/// One connection: both sides send and receive at once; then both close.
void talk(const Host& client, const Host& server, std::uint16_t port, const Plan& plan, std::uint64_t seed) {
  const Address address = server.at(port);
  const Descriptor listener = open_socket(server);
  must(bind(listener.get(), address.data(), *address.size()), "bind", address.to_string());
  must(listen(listener.get(), 1), "listen");
  const Descriptor here = open_socket(client);
  must(connect(here.get(), address.data(), *address.size()), "connect", address.to_string());
  const Descriptor there(must(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  {
    const std::jthread up([&] { send_bytes(here.get(), plan.upload, Engine(seed)); });
    const std::jthread down([&] { send_bytes(there.get(), plan.download, Engine(seed + 1)); });
    const std::jthread drain([&] { receive_all(here.get()); });
    receive_all(there.get());
  }
}

/// The frames as somebody at the far end of the cable would have recorded them: each as often as it arrived.
std::vector<CapturedFrame> at_far_end(std::vector<CapturedFrame> frames) {
  std::erase_if(frames, [](const CapturedFrame& one) { return !one.arrived; });
  for (CapturedFrame& one : frames) one.time = *one.arrived;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].arrivals < 2) continue;
    CapturedFrame again = frames[i];
    again.arrivals = 1;
    again.time += 100us;
    frames.push_back(std::move(again));
  }
  std::ranges::stable_sort(frames, {}, &CapturedFrame::time);
  return frames;
}

/// One connection's frames with other times: 5 ms apart until the handshake is over, then a second.
std::vector<CapturedFrame> slowed_down(std::vector<CapturedFrame> frames, std::uint16_t port) {
  std::erase_if(frames, [&](const CapturedFrame& one) {
    const Headers& is = one.frame.headers();
    return is.source.port() != port && is.destination.port() != port;
  });
  auto time = frames.empty() ? std::chrono::steady_clock::time_point() : frames.front().time;
  bool answered = false, complete = false;
  for (CapturedFrame& one : frames) {
    time += complete ? 1s : 5ms;
    one.time = time;
    complete = complete || (answered && one.frame.headers().destination.port() == port && !syn(one.frame));
    answered = answered || syn_ack(one.frame);
  }
  return frames;
}

void make_capture(const std::filesystem::path& folder, std::size_t number, std::uint64_t seed) {
  Engine engine(seed);
  const Plan plan = draw_plan(engine);
  Network net;
  Host& client = net.host("client", "10.11.0.1/24");
  Host& server = net.host("server", "10.11.0.2/24");
  Segment& wire = net.link(client, server);
  wire.rule(impairment(plan, engine()));
  std::vector<std::uint16_t> ports;
  {
    std::vector<std::jthread> talks;
    for (std::size_t i = 0; i < plan.connections; ++i) {
      const auto port = static_cast<std::uint16_t>(draw(engine, 100 * i + 1100, 100 * i + 1199));
      ports.push_back(port);
      talks.emplace_back(
          [&client, &server, &plan, port, at = engine()] { talk(client, server, port, plan, at); });
    }
  }
  // What is still on its way (the last acknowledgment) belongs to the story, if it comes soon.
  wire.wait_for(tcp, wire.count(tcp) + 1, std::chrono::steady_clock::now() + plan.delay + 20ms);
  const auto frames = wire.frames(tcp);
  if (wire.overflowed() > 0) throw std::runtime_error("the machine was too busy: frames were not recorded");
  write_pcap(folder / fmt::format("{}.pcap", number), frames);
  write_pcap(folder / fmt::format("{}-far.pcap", number), at_far_end(frames));
  for (const std::uint16_t port : ports) {
    write_pcap(folder / fmt::format("{}-{}-slow.pcap", number, port), slowed_down(frames, port));
  }
  fmt::print(
      "{} seed={} loss={:.2f} reordering={:.2f} duplication={:.2f} delay={}ms connections={} up={} down={} "
      "frames={}\n",
      number, seed, plan.loss, plan.reordering, plan.duplication, plan.delay.count(), plan.connections,
      plan.upload, plan.download, frames.size());
  std::fflush(stdout);
}

}  // namespace
}  // namespace wirelab

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: make_captures FOLDER COUNT SEED\n");
    return 2;
  }
  try {
    wirelab::enter_private_world();
  } catch (const std::exception& error) {
    fmt::print(stderr, "no user namespaces: {}\n", error.what());
    return 77;
  }
  try {
    const std::uint64_t seed = std::stoull(argv[3]);
    for (std::size_t i = 0; i < std::stoul(argv[2]); ++i) wirelab::make_capture(argv[1], i, seed + i);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_captures: {}\n", error.what());
    return 1;
  }
}
