#include "grader/checks/lateness.hh"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "grader/program/threads.hh"

namespace wirelab {
namespace {

constexpr std::chrono::milliseconds period{20};
constexpr std::chrono::milliseconds worth_noting{1};
constexpr std::chrono::milliseconds between_looks{50};
constexpr int rest = 50;  // times as long as a look has taken: a program may have a thousand children

}  // namespace

Lateness::Lateness() : thread_([this] { run(); }) {}

Lateness::~Lateness() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Lateness::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto due = Clock::now() + period;
    if (stop_.wait_until(lock, due, [this] { return stopping_; })) return;
    const auto now = Clock::now();
    if (now - due >= worth_noting) delays_.push_back({now, now - due});
    if (!watches_kernel_ || now < next_look_) continue;
    lock.unlock();
    look_at_kernel();
    lock.lock();
  }
}

void Lateness::look_at_kernel() {
  const auto begin = Clock::now();
  const bool was_held_up = std::exchange(held_up_, family_is_held_up(getpid()));
  const auto end = Clock::now();
  if (was_held_up && held_up_) {
    const std::lock_guard lock(mutex_);
    holds_.push_back({begin, begin - last_look_});
  }
  last_look_ = begin;
  next_look_ = begin + std::max<Clock::duration>(between_looks, rest * (end - begin));
}

void Lateness::watch_kernel() {
  const std::lock_guard lock(mutex_);
  watches_kernel_ = true;
}

std::chrono::nanoseconds Lateness::held_up_since(Clock::time_point begin) const {
  const std::lock_guard lock(mutex_);
  std::chrono::nanoseconds sum{0};
  for (const Delay& one : holds_) {
    if (one.time >= begin) sum += one.late;
  }
  return sum;
}

std::chrono::nanoseconds Lateness::most_since(Clock::time_point begin) const {
  const std::lock_guard lock(mutex_);
  std::chrono::nanoseconds most{0};
  for (const Delay& one : delays_) {
    if (one.time >= begin) most = std::max(most, one.late);
  }
  return most;
}

}  // namespace wirelab
