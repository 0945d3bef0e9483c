#include "grader/program/process.hh"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "grader/program/supervisor.hh"
#include "grader/program/threads.hh"

namespace wirelab {

namespace {

void require_watched(const std::vector<Call>& watched, const Fault& fault) {
  if (std::ranges::count(watched, fault.call) > 0) return;
  throw std::logic_error("fault: " + std::string(to_string(fault.call)) + " is not among the calls watched");
}

}  // namespace

struct Process::State {
  State(Confinement confinement, std::vector<Call> calls, const std::vector<Fault>& faults)
      : watched(std::move(calls)), supervisor(std::move(confinement), -1, faults) {}
  std::vector<Call> watched;
  Supervisor supervisor;
};

Process::Process(std::unique_ptr<State> state) : state_(std::move(state)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

Process Process::start(const Host& host, Launch launch) {
  return start(host.network_namespace(), host.name(), std::move(launch));
}

Process Process::start(const NetworkNamespace& network, const std::string& hostname, Launch launch) {
  Confinement confinement;
  confinement.sandbox.hostname = hostname;
  confinement.sandbox.binds = std::move(launch.binds);
  for (auto& [name, value] : launch.environment) confinement.sandbox.environment[name] = value;
  confinement.sandbox.bare = launch.bare;
  confinement.command = std::move(launch.command);
  confinement.limits = launch.limits;
  confinement.watched = launch.watched;
  confinement.raw_sockets = launch.raw_sockets;
  confinement.without_ipv6 = launch.without_ipv6;
  confinement.network = &network;
  for (const Fault& fault : launch.faults) require_watched(launch.watched, fault);
  Process process(std::make_unique<State>(std::move(confinement), std::move(launch.watched), launch.faults));
  if (launch.input) {
    process.write_input(*launch.input);
    process.close_input();
  }
  return process;
}

pid_t Process::pid() const { return state_->supervisor.pid(); }
void Process::write_input(std::string_view bytes) { state_->supervisor.write_input(bytes); }
void Process::close_input() { state_->supervisor.close_input(); }

std::string Process::standard_output() const {
  std::string copy;
  state_->supervisor.with_outputs([&](const Output& output, const Output&) { copy = output.bytes(); });
  return copy;
}

std::string Process::standard_error() const {
  std::string copy;
  state_->supervisor.with_outputs([&](const Output&, const Output& errors) { copy = errors.bytes(); });
  return copy;
}

std::size_t Process::printed() const {
  std::size_t bytes = 0;
  state_->supervisor.with_outputs(
      [&](const Output& output, const Output&) { bytes = output.bytes().size(); });
  return bytes;
}

std::vector<Line> Process::lines() const {
  std::vector<Line> copy;
  state_->supervisor.with_outputs([&](const Output& output, const Output&) { copy = output.lines(); });
  return copy;
}

bool Process::wait_for_lines(std::size_t count, Clock::time_point deadline) const {
  return state_->supervisor.wait_for_lines(count, deadline);
}

std::optional<Exit> Process::wait(Clock::time_point deadline) const {
  return state_->supervisor.wait(deadline);
}
std::optional<Exit> Process::exit() const { return state_->supervisor.exit(); }

void Process::signal(int number) {
  syscall(SYS_pidfd_send_signal, state_->supervisor.program().get(), number, nullptr, 0);
}

void Process::pause() { state_->supervisor.pause(); }
void Process::resume() { state_->supervisor.resume(); }
void Process::kill() { state_->supervisor.kill(); }

void Process::inject(const Fault& fault) {
  require_watched(state_->watched, fault);
  state_->supervisor.faults().arm(fault);
}

unsigned Process::struck(Call call) const { return state_->supervisor.faults().struck(call); }
unsigned Process::made(Call call) const { return state_->supervisor.faults().made(call); }
const std::vector<Call>& Process::watched() const { return state_->watched; }

std::chrono::nanoseconds Process::starved() const {
  if (exit()) return state_->supervisor.starved();
  std::uint64_t sum = 0;
  for (const std::string& thread : threads_of(pid())) {
    std::uint64_t running = 0, waiting = 0;
    std::ifstream(thread + "/schedstat") >> running >> waiting;
    sum += waiting;
  }
  return std::chrono::nanoseconds(sum);
}

std::vector<HeldSocket> Process::sockets() const { return sockets_of(pid()); }

}  // namespace wirelab
