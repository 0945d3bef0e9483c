#include "grader/program/faults.hh"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>

namespace wirelab {

std::string_view to_string(Call call) {
  switch (call) {
    case Call::socket:
      return "socket";
    case Call::bind:
      return "bind";
    case Call::listen:
      return "listen";
    case Call::connect:
      return "connect";
    case Call::accept:
      return "accept";
    case Call::receive:
      return "receive";
    case Call::send:
      return "send";
    case Call::wait:
      return "wait";
    case Call::close:
      return "close";
  }
  return "?";
}

Fault Fault::after(unsigned calls) const {
  Fault copy = *this;
  copy.skip = calls;
  return copy;
}

Fault Fault::repeated(unsigned count) const {
  Fault copy = *this;
  copy.times = count;
  return copy;
}

Fault fail_with(Call call, int error) {
  if (error <= 0) throw std::invalid_argument("fault: an errno value is positive");
  return {.call = call, .kind = Fault::Kind::fail, .error = error};
}

Fault interrupt(Call call) { return fail_with(call, EINTR); }

Fault interrupt_late(Call call) {
  Fault fault = interrupt(call);
  fault.late = true;
  return fault;
}

Fault shorten(Call call, std::size_t bytes) {
  if (call != Call::send && call != Call::receive) {
    throw std::invalid_argument("fault: " + std::string(to_string(call)) + " moves no bytes");
  }
  // A receive of no bytes means the end of the stream.
  if (bytes == 0) throw std::invalid_argument("fault: shorten to one byte or more");
  return {.call = call, .kind = Fault::Kind::shorten, .bytes = bytes};
}

void FaultPlan::arm(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(fault);
}

std::optional<Strike> FaultPlan::next(Call call) {
  const std::lock_guard lock(mutex_);
  ++made_[call];
  Fault* due = nullptr;
  for (Fault& fault : faults_) {
    if (fault.call != call || fault.times == 0) continue;
    if (fault.skip > 0) {
      --fault.skip;
    } else if (due == nullptr) {
      due = &fault;
    }
  }
  if (due == nullptr) return std::nullopt;
  if (due->times != Fault::always) --due->times;
  ++struck_[call];
  return Strike{*due, static_cast<std::size_t>(due - faults_.data())};
}

void FaultPlan::take_back(const Strike& strike) {
  const std::lock_guard lock(mutex_);
  Fault& fault = faults_[strike.index];
  if (fault.times != Fault::always) ++fault.times;
  --struck_[fault.call];
}

void FaultPlan::unmake(Call call) {
  const std::lock_guard lock(mutex_);
  --made_[call];
}

unsigned FaultPlan::made(Call call) const {
  const std::lock_guard lock(mutex_);
  const auto found = made_.find(call);
  return found == made_.end() ? 0 : found->second;
}

unsigned FaultPlan::struck(Call call) const {
  const std::lock_guard lock(mutex_);
  const auto found = struck_.find(call);
  return found == struck_.end() ? 0 : found->second;
}

}  // namespace wirelab
