#include "grader/checks/program.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <thread>

#include "grader/checks/compare.hh"
#include "grader/program/sockets.hh"
#include "grader/program/threads.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool contains_all(std::string_view text, const std::vector<std::string>& parts) {
  const std::string low = lower(text);
  return std::ranges::all_of(
      parts, [&](const std::string& part) { return low.find(lower(part)) != std::string::npos; });
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of("\r\n");
  if (end == std::string::npos) return "";
  const auto begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

std::string quoted(const std::vector<std::string>& parts) {
  return fmt::format("\"{}\"", fmt::join(parts, "\", \""));
}

double in_ms(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// How often the program has made any of the calls that are watched.
unsigned watched_calls(const Process& process) {
  unsigned sum = 0;
  for (const Call call : process.watched()) sum += process.made(call);
  return sum;
}

std::string names_of(const std::vector<Call>& calls) {
  std::vector<std::string_view> names;
  for (const Call call : calls) names.push_back(to_string(call));
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Linux asks nobody's leave to change a socket's state, so there is nothing to wait on: look every
/// millisecond.
constexpr auto look_again = 1ms;

}  // namespace

Program::Program(Story& story, const Host& host, std::string name, std::string shown, Process process)
    : story_(story),
      host_(host),
      name_(std::move(name)),
      shown_(std::move(shown)),
      process_(std::move(process)) {}

void Program::step(std::string text) { story_.step(name_ + ": " + std::move(text)); }

Program& Program::expect_socket(std::uint16_t port, int type) {
  const auto deadline = Clock::now() + patience;
  const bool stream = type == SOCK_STREAM;
  step(fmt::format("wait until it {} port {}", stream ? "listens on TCP" : "has bound UDP", port));
  for (;;) {
    for (const BoundSocket& socket : sockets_in(host_, type, stream ? listen_state : any_state)) {
      if (socket.local.port() == port) return *this;
    }
    const bool ended = process_.exit().has_value();
    if (ended || Clock::now() > deadline) {
      story_.fail(fmt::format("a {} port {} in the kernel's table of sockets",
                              stream ? "socket that listens on TCP" : "socket bound to UDP", port),
                  "there is none");
    }
    std::this_thread::sleep_for(look_again);
  }
}

Program& Program::expect_listening(std::uint16_t port) { return expect_socket(port, SOCK_STREAM); }
Program& Program::expect_bound(std::uint16_t port) { return expect_socket(port, SOCK_DGRAM); }

Address Program::await_listener() {
  const auto deadline = Clock::now() + patience;
  step("wait until it listens on TCP, on whichever port");
  for (;;) {
    for (const BoundSocket& socket : sockets_in(host_, SOCK_STREAM, listen_state)) return socket.local;
    if (process_.exit().has_value() || Clock::now() > deadline) {
      story_.fail("a socket that listens, in the kernel's table of sockets", "there is none");
    }
    std::this_thread::sleep_for(look_again);
  }
}

void Program::expect_waiting_connection(std::uint16_t port) {
  step(fmt::format("wait until a connection to port {} waits to be accepted", port));
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline) {
    for (const BoundSocket& socket : sockets_in(host_, SOCK_STREAM, listen_state)) {
      if (socket.local.port() == port && socket.receive_queue > 0) return;
    }
    std::this_thread::sleep_for(look_again);
  }
  story_.fail("a connection in the queue of the listening socket", "there is none");
}

void Program::expect_exit(int code, std::chrono::nanoseconds limit) {
  step(fmt::format("it ends with exit status {}", code));
  const auto exit = process_.wait(Clock::now() + limit);
  if (!exit) {
    story_.fail(fmt::format("the program ends with exit status {}", code),
                fmt::format("it did not within {:g} s", std::chrono::duration<double>(limit).count()));
  }
  if (exit->reason != Exit::Reason::exited || exit->code != code) {
    story_.fail(fmt::format("the program ends with exit status {}", code), "it ended in another way");
  }
}

void Program::expect_running() {
  step("it is still running");
  if (process_.exit()) story_.fail("the program goes on", "it has ended");
}

void Program::expect_output(std::string_view bytes) {
  step(fmt::format("it prints {} on standard output, and nothing else", describe(bytes)));
  const auto deadline = Clock::now() + patience;
  while (process_.printed() < bytes.size() && !process_.exit() && Clock::now() < deadline) {
    std::this_thread::sleep_for(look_again);
  }
  if (process_.exit()) (void)process_.wait(deadline);  // what it printed last is read as well
  const std::string output = process_.standard_output();
  if (output != bytes) story_.fail(describe(bytes) + " on standard output", difference(bytes, output));
}

std::string Program::expect_line(std::vector<std::string> parts) {
  step("it prints a line that contains " + quoted(parts));
  const auto deadline = Clock::now() + patience;
  for (std::size_t seen = 0;; ++seen) {
    const bool more = process_.wait_for_lines(seen, deadline);
    const std::vector<Line> lines = process_.lines();
    if (!more) {
      story_.fail("a line on standard output that contains " + quoted(parts),
                  lines.empty()
                      ? "it printed no line"
                      : fmt::format("the last of {} lines is \"{}\"", lines.size(), lines.back().text));
    }
    if (contains_all(lines[seen].text, parts)) return lines[seen].text;
  }
}

void Program::expect_error(std::vector<std::string> parts) {
  step("its error message contains " + quoted(parts));
  (void)process_.wait(Clock::now() + patience);
  const std::string errors = process_.standard_error();
  if (contains_all(errors, parts)) return;
  story_.fail("a line on standard error that contains " + quoted(parts),
              errors.empty() ? "standard error is empty" : "it says: " + errors);
}

void Program::type(std::string_view bytes) {
  step("standard input: " + describe(bytes));
  process_.write_input(bytes);
}

void Program::end_input() {
  step("standard input ends");
  process_.close_input();
}

void Program::pause() {
  step("the program is stopped for a while (SIGSTOP)");
  process_.pause();
}

void Program::resume() {
  step("the program goes on (SIGCONT)");
  process_.resume();
}

void Program::terminate() {
  step("the program is asked to end (SIGTERM)");
  process_.signal(SIGTERM);
}

void Program::kill() {
  step("the program is killed");
  process_.kill();
}

void Program::inject(const Fault& fault) {
  step(describe(fault));
  process_.inject(fault);
}

std::chrono::nanoseconds Program::processor_time() const { return processor_time_of(process_.pid()); }

void Program::expect_idle(std::chrono::nanoseconds time, const std::string& while_what) {
  step(fmt::format("it rests for {:g} s while {}", std::chrono::duration<double>(time).count(), while_what));
  constexpr int attempts = 5;  // it may have something to finish first; who spins never rests
  std::chrono::nanoseconds used{}, passed{};
  unsigned calls = 0;
  for (int i = 0; i < attempts; ++i) {
    const auto used_before = processor_time(), starved_before = process_.starved();
    const unsigned calls_before = watched_calls(process_);
    const auto begin = Clock::now();
    std::this_thread::sleep_for(time);
    used = processor_time() - used_before;
    calls = watched_calls(process_) - calls_before;
    passed = Clock::now() - begin;
    // On a busy machine a program that spins gets little: a part of the time that was its own is compared.
    // And one that spins through watched calls waits for us, who are as busy, most of the time.
    const auto free = std::max(passed - (process_.starved() - starved_before), passed / 10);
    if (used <= free / 20 && calls <= passed / 300us) return;
  }
  story_.fail(
      "next to no processor time is used while " + while_what,
      fmt::format(
          "in {:.0f} ms it used {:.0f} ms of processor time{}", in_ms(passed), in_ms(used),
          calls == 0 ? "" : fmt::format(" and made {} calls of {}", calls, names_of(process_.watched()))));
}

void Program::repeat_until_struck(Call call, unsigned times, const std::function<void()>& exchange) {
  constexpr unsigned enough = 20;
  for (unsigned i = 0; i < enough && process_.struck(call) < times; ++i) exchange();
  expect_struck(call, times);
}

void Program::expect_struck(Call call, unsigned at_least) {
  if (process_.struck(call) >= at_least) return;
  story_.cannot_judge(
      fmt::format("the program never made the system call that this check disturbs ({}), or made it in a "
                  "way the grader does not know",
                  to_string(call)),
      false);
}

std::string Program::condition() const {
  const auto exit = process_.exit();
  const std::string said = last_line(process_.standard_error());
  const std::string state = exit ? "ended: " + exit->to_string() : "is still running";
  return said.empty() ? state : state + " (\"" + said + "\")";
}

ProgramRecord Program::record() const {
  const auto exit = process_.exit();
  return {host_.name(), printable(shown_, 500), printable(process_.standard_output()),
          printable(process_.standard_error()), exit ? exit->to_string() : "still running"};
}

}  // namespace wirelab
