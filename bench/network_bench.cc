// What the grader's own network costs: building it, crossing it, and running programs in it.
//
// What is compared with a plain veth(4) pair is measured in the same way on both, and the repetitions of all
// benchmarks come in random order, so that whatever disturbs the machine disturbs them alike:
//
//     network_bench --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "grader/network/network.hh"
#include "grader/program/process.hh"

namespace {

using namespace wirelab;
using namespace std::chrono_literals;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// --- Building.

void two_hosts_and_a_link(Network& net) {
  Host& client = net.host("client", "10.9.0.1/24");
  Host& server = net.host("server", "10.9.0.2/24");
  net.link(client, server);
}

//  client --10.0.0/24-- r1 --10.0.1/24-- r2 --10.0.2/24-- r3 --10.0.3/24-- r4 --10.0.4/24-- server
void four_routers(Network& net) {
  Host& client = net.host("client", "10.0.0.1/24");
  Host& r1 = net.router("r1", "10.0.0.2/24", "10.0.1.1/24");
  Host& r2 = net.router("r2", "10.0.1.2/24", "10.0.2.1/24");
  Host& r3 = net.router("r3", "10.0.2.2/24", "10.0.3.1/24");
  Host& r4 = net.router("r4", "10.0.3.2/24", "10.0.4.1/24");
  Host& server = net.host("server", "10.0.4.2/24");
  net.link(client, r1);
  net.link(r1, r2);
  net.link(r2, r3);
  net.link(r3, r4);
  net.link(r4, server);
  client.default_route("10.0.0.2");
  r1.default_route("10.0.1.2");
  r2.default_route("10.0.2.2").route("10.0.0.0/24", "10.0.1.1");
  r3.default_route("10.0.3.2").route("10.0.0.0/24", "10.0.2.1");
  r4.route("10.0.0.0/24", "10.0.3.1");
  server.default_route("10.0.4.1");
}

/// One network each time, as in a check. The kernel takes some 10 ms to clear one away, and building the next
/// would wait for that.
void building(benchmark::State& state, void (*build)(Network&)) {
  for (auto _ : state) {
    std::this_thread::sleep_for(100ms);
    const auto start = Clock::now();
    Network net;
    build(net);
    state.SetIterationTime(seconds_since(start));
  }
}

// --- Two hosts, joined in one way or the other.

/// By a cable of the grader's: every frame passes through this process.
struct Cable {
  Network net;
  Host& client = net.host("client", "10.9.0.1/24");
  Host& server = net.host("server", "10.9.0.2/24");
  Segment& wire = net.link(client, server);
};

Netlink netlink_of(const Host& host) {
  const auto inside = host.visit();
  return Netlink();
}

/// By a veth pair and nothing else: the least that joins two namespaces.
struct PlainVeth {
  Host client{"client", {}};
  Host server{"server", {}};

  PlainVeth() {
    Netlink near = netlink_of(client);
    Netlink far = netlink_of(server);
    near.create_veth("eth0", "eth0", server.network_namespace(), {2, 0, 0, 0, 0, 1}, 1500);
    near.set_up("eth0");
    near.add_address("eth0", InterfaceAddress::parse("10.9.0.1/24"));
    far.set_up("eth0");
    far.add_address("eth0", InterfaceAddress::parse("10.9.0.2/24"));
  }
};

const Address server_address = Address::numeric("10.9.0.2", 7007);

Descriptor socket_on(const Host& host, int type) {
  const auto inside = host.visit();
  return Descriptor(must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
}

Descriptor server_on(const Host& host, int type) {
  Descriptor fd = socket_on(host, type);
  must(bind(fd.get(), server_address.data(), *server_address.size()), "bind", server_address.to_string());
  return fd;
}

Descriptor client_on(const Host& host, int type) {
  Descriptor fd = socket_on(host, type);
  must(connect(fd.get(), server_address.data(), *server_address.size()), "connect",
       server_address.to_string());
  return fd;
}

// --- Crossing: UDP.

using Datagram = std::array<char, 64>;

/// Answers each datagram with the same; an empty one is the end.
void answer_datagrams(int fd) {
  Datagram datagram;
  for (;;) {
    Address from;
    const ssize_t size =
        must(recvfrom(fd, datagram.data(), datagram.size(), 0, from.data(), from.size()), "recvfrom");
    if (size == 0) return;
    must(sendto(fd, datagram.data(), static_cast<std::size_t>(size), 0, from.data(), *from.size()), "sendto");
  }
}

void round_trip(int fd) {
  Datagram datagram{};
  must(send(fd, datagram.data(), datagram.size(), 0), "send");
  must(recv(fd, datagram.data(), datagram.size(), 0), "receive");
}

/// A new interface throws away what is sent until the kernel's link watch has come by. What was sent
/// meanwhile is answered late, and must not be taken for a later answer.
void wait_until_it_carries(int fd) {
  Datagram datagram{};
  do {
    must(send(fd, datagram.data(), datagram.size(), 0), "send");
    std::this_thread::sleep_for(20ms);
  } while (recv(fd, datagram.data(), datagram.size(), MSG_DONTWAIT) < 0);
  while (recv(fd, datagram.data(), datagram.size(), MSG_DONTWAIT) >= 0) {
  }
  for (int i = 0; i < 200; ++i) round_trip(fd);
}

/// This thread, and those that it starts meanwhile, share one core.
class OneCore {
 public:
  OneCore() {
    must(sched_getaffinity(0, sizeof before_, &before_), "sched_getaffinity");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(must(sched_getcpu(), "sched_getcpu"), &one);
    must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
  }
  ~OneCore() { sched_setaffinity(0, sizeof before_, &before_); }
  OneCore(const OneCore&) = delete;
  OneCore& operator=(const OneCore&) = delete;

 private:
  cpu_set_t before_{};
};

/// Two threads, each asleep while the other one has the datagram.
template <typename Hosts>
void udp_round_trip(benchmark::State& state) {
  Hosts hosts;
  const Descriptor server = server_on(hosts.server, SOCK_DGRAM);
  const Descriptor client = client_on(hosts.client, SOCK_DGRAM);
  std::thread answering(answer_datagrams, server.get());
  wait_until_it_carries(client.get());
  for (auto _ : state) round_trip(client.get());
  must(send(client.get(), "", 0, 0), "send");
  answering.join();
}

/// The same without the wake-up of another core, which on a virtual machine costs several times more than
/// everything else, and which an idle scheduler chooses or avoids as it likes.
template <typename Hosts>
void udp_round_trip_on_one_core(benchmark::State& state) {
  const OneCore here;
  udp_round_trip<Hosts>(state);
}

// --- Crossing: TCP.

constexpr std::size_t bulk = 32 << 20;  // bytes an iteration

/// Swallows a stream, and says so with one byte for every `bulk` bytes.
void swallow(int listener) {
  const Descriptor peer(must(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  std::vector<char> buffer(256 << 10);
  for (std::size_t total = 0;;) {
    const ssize_t count =
        must(recv(peer.get(), buffer.data(), std::min(buffer.size(), bulk - total), 0), "receive");
    if (count == 0) return;
    total += static_cast<std::size_t>(count);
    if (total < bulk) continue;
    must(send(peer.get(), "", 1, 0), "send");
    total = 0;
  }
}

void send_bulk(int fd, const std::vector<char>& part) {
  for (std::size_t total = 0; total < bulk;) {
    total +=
        static_cast<std::size_t>(must(send(fd, part.data(), std::min(part.size(), bulk - total), 0), "send"));
  }
  char done;
  must(recv(fd, &done, 1, 0), "receive");
}

template <typename Hosts>
void tcp_bulk(benchmark::State& state) {
  Hosts hosts;
  const Descriptor listener = server_on(hosts.server, SOCK_STREAM);
  must(listen(listener.get(), 1), "listen");
  std::thread swallowing(swallow, listener.get());
  {
    const Descriptor client = client_on(hosts.client, SOCK_STREAM);
    const std::vector<char> part(256 << 10);
    send_bulk(client.get(), part);
    for (auto _ : state) send_bulk(client.get(), part);
  }
  swallowing.join();
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bulk));
}

// --- Programs.

struct OneHost {
  Network net;
  Host& host = net.host("host");
};

Exit end_of(const Process& process) {
  const auto exit = process.wait(Clock::now() + 100s);
  if (!exit || exit->code != 0)
    throw std::runtime_error("the program: " + (exit ? exit->to_string() : "still running"));
  return *exit;
}

/// Until /usr/bin/true has ended, in its sandbox.
void start_in_sandbox(benchmark::State& state) {
  OneHost here;
  Launch launch;
  launch.command = {"/usr/bin/true"};
  for (auto _ : state) {
    const auto start = Clock::now();
    const Process process = Process::start(here.host, launch);
    const Exit exit = end_of(process);
    state.SetIterationTime(std::chrono::duration<double>(exit.time - start).count());
  }
}

/// The time of one call, as the program itself sees it.
void system_call(benchmark::State& state, std::vector<Call> watched) {
  OneHost here;
  Launch launch;
  launch.command = {"/call_loop", "20000"};
  launch.binds = {
      {std::filesystem::read_symlink("/proc/self/exe").parent_path() / "call_loop", "/call_loop"}};
  launch.watched = std::move(watched);
  for (auto _ : state) {
    const Process process = Process::start(here.host, launch);
    end_of(process);
    state.SetIterationTime(1e-9 * std::stod(process.standard_output()));
  }
}

double smallest(const std::vector<double>& values) { return *std::ranges::min_element(values); }
double largest(const std::vector<double>& values) { return *std::ranges::max_element(values); }

void register_all() {
  using benchmark::RegisterBenchmark;
  const auto describe = [](benchmark::internal::Benchmark* one, benchmark::TimeUnit unit, int repetitions) {
    one->Unit(unit)
        ->Repetitions(repetitions)
        ->ComputeStatistics("min", smallest)
        ->ComputeStatistics("max", largest);
    return one;
  };
  const auto once = [&](const char* name, benchmark::TimeUnit unit, int repetitions, auto function) {
    describe(RegisterBenchmark(name, function), unit, repetitions)->UseManualTime()->Iterations(1);
  };
  once("two_hosts_and_a_link", benchmark::kMillisecond, 40,
       [](auto& state) { building(state, two_hosts_and_a_link); });
  once("four_routers", benchmark::kMillisecond, 20, [](auto& state) { building(state, four_routers); });
  once("start_in_sandbox", benchmark::kMillisecond, 40, start_in_sandbox);
  once("system_call", benchmark::kNanosecond, 10, [](auto& state) { system_call(state, {}); });
  once("watched_system_call", benchmark::kNanosecond, 10,
       [](auto& state) { system_call(state, {Call::receive}); });

  const auto crossing = [&](const char* name, benchmark::TimeUnit unit, std::int64_t iterations,
                            auto function) {
    describe(RegisterBenchmark(name, function), unit, 10)->UseRealTime()->Iterations(iterations);
  };
  crossing("udp_round_trip_across_link", benchmark::kMicrosecond, 5000, udp_round_trip<Cable>);
  crossing("udp_round_trip_across_veth", benchmark::kMicrosecond, 5000, udp_round_trip<PlainVeth>);
  crossing("udp_round_trip_across_link_on_one_core", benchmark::kMicrosecond, 5000,
           udp_round_trip_on_one_core<Cable>);
  crossing("udp_round_trip_across_veth_on_one_core", benchmark::kMicrosecond, 5000,
           udp_round_trip_on_one_core<PlainVeth>);
  crossing("tcp_bulk_across_link", benchmark::kMillisecond, 4, tcp_bulk<Cable>);
  crossing("tcp_bulk_across_veth", benchmark::kMillisecond, 4, tcp_bulk<PlainVeth>);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    enter_private_world();  // before anything starts a thread
    register_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "network_bench: %s\n", error.what());
    return 1;
  }
}
