#include "grader/checks/lateness.hh"

#include <algorithm>

namespace wirelab {
namespace {

constexpr std::chrono::milliseconds period{20};
constexpr std::chrono::milliseconds worth_noting{1};

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
  }
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
