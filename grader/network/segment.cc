#include "grader/network/segment.hh"

#include <algorithm>
#include <stdexcept>

#include "grader/network/courier.hh"

namespace wirelab {
namespace {

// A check that moves much data is judged at its ends; of each further frame the headers are kept.
constexpr std::size_t kept_whole = 4 << 20;  // bytes
constexpr std::size_t kept_headers = 128;    // bytes of a frame beyond that

}  // namespace

Segment& Segment::rule(Rule rule) {
  const std::lock_guard lock(courier_.mutex_);
  rules_.push_back(std::move(rule));
  return *this;
}

Segment::Impairment Segment::impair(Rule rule) {
  const std::lock_guard lock(courier_.mutex_);
  rules_.push_front(std::move(rule));
  return {*this, rules_.begin()};
}

Segment::Impairment::~Impairment() {
  const std::lock_guard lock(segment_.courier_.mutex_);
  segment_.rules_.erase(rule_);
}

void Segment::inject(const Bytes& frame) {
  const std::lock_guard lock(courier_.mutex_);
  captured_.push_back({.frame = Frame(frame),
                       .length = frame.size(),
                       .time = Clock::now(),
                       .fate = "injected",
                       .injected = true});
  deliver(ports_.size(), frame, captured_.back());
  courier_.changed_.notify_all();
}

void Segment::inject(const Bytes& frame, const Host& sender) {
  const auto found = std::ranges::find(hosts_, &sender);
  if (found == hosts_.end()) throw std::logic_error("inject: " + sender.name() + " is not on cable " + name_);
  {
    const std::lock_guard lock(courier_.mutex_);
    frame_entered(static_cast<std::size_t>(found - hosts_.begin()), frame, Clock::now());
    courier_.changed_.notify_all();
  }
  courier_.wake();  // a rule may have put it off
}

std::vector<CapturedFrame> Segment::frames(const Match& match) const {
  const std::lock_guard lock(courier_.mutex_);
  std::vector<CapturedFrame> result;
  std::ranges::copy_if(captured_, std::back_inserter(result),
                       [&](const CapturedFrame& c) { return match(c.frame); });
  return result;
}

std::size_t Segment::count(const Match& match) const {
  const std::lock_guard lock(courier_.mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(captured_, [&](const CapturedFrame& c) { return match(c.frame); }));
}

bool Segment::wait_for(const Match& match, std::size_t count, Clock::time_point deadline) const {
  std::unique_lock lock(courier_.mutex_);
  std::size_t looked_at = 0, found = 0;  // of each frame the match is asked once, however often we wake up
  return courier_.changed_.wait_until(lock, deadline, [&] {
    for (; looked_at < captured_.size(); ++looked_at) found += match(captured_[looked_at].frame) ? 1 : 0;
    return found >= count;
  });
}

unsigned Segment::overflowed() const {
  unsigned total = 0;
  for (const auto& port : ports_) total += port->overflowed();
  return total;
}

void Segment::plug_in(const Host& host, std::unique_ptr<Port> port) {
  const std::lock_guard lock(courier_.mutex_);
  hosts_.push_back(&host);
  ports_.push_back(std::move(port));
}

std::optional<Fate> Segment::decide(const Frame& frame) {
  for (Rule& rule : rules_) {
    if (auto fate = rule(frame)) return fate;
  }
  return std::nullopt;
}

void Segment::frame_entered(std::size_t from, std::span<const std::byte> bytes, Clock::time_point time) {
  Frame frame(bytes, hosts_[from]);
  std::optional<Fate> fate = decide(frame);
  captured_bytes_ += bytes.size();
  if (captured_bytes_ > kept_whole && bytes.size() > kept_headers)
    frame = Frame(bytes.first(kept_headers), hosts_[from]);
  captured_.push_back({.frame = std::move(frame), .length = bytes.size(), .time = time});
  CapturedFrame& record = captured_.back();

  if (!fate) {
    deliver(from, bytes, record);
  } else {
    record.fate = fate->why;
    for (Delivery& one : fate->deliveries) {
      if (one.delay.count() == 0 && one.behind == 0) {
        deliver(from, one.changed ? *one.changed : bytes, record);
      } else {
        courier_.hold({this, from, &record,
                       one.changed ? std::move(*one.changed) : Bytes(bytes.begin(), bytes.end()),
                       time + one.delay, one.behind});
        if (one.behind > 0) return;  // the frame itself does not count among those that overtake it
      }
    }
  }
  courier_.frame_passed(*this, from);
}

void Segment::deliver(std::size_t from, std::span<const std::byte> bytes, CapturedFrame& record) {
  const auto now = Clock::now();  // before: the other side may answer at once
  bool sent = false;
  for (std::size_t to = 0; to < ports_.size(); ++to) {
    if (to != from) sent = ports_[to]->send(bytes) || sent;
  }
  if (!sent) {
    record.fate = "too long for the other side";
    return;
  }
  if (record.arrivals++ == 0) record.arrived = now;
}

}  // namespace wirelab
