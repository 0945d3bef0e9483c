#include "grader/network/courier.hh"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "common/error.hh"

namespace wirelab {

Courier::Courier()
    : wake_(must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")), thread_([this] { run(); }) {}

Courier::~Courier() { stop(); }

void Courier::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void Courier::serve(Segment& segment) {
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t port = 0; port < segment.ports_.size(); ++port) plugs_.push_back({&segment, port});
  }
  wake();
}

void Courier::run() {
  prctl(PR_SET_TIMERSLACK, 1);  // nanosecond: delayed frames should arrive when they are due (default: 50 us)
  std::vector<pollfd> ready = {{wake_.get(), POLLIN, 0}};
  for (;;) {
    wait_for_work(ready);
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    read_ports(ready);
    deliver_due();
    for (std::size_t i = ready.size() - 1; i < plugs_.size(); ++i) {
      ready.push_back({plugs_[i].segment->ports_[plugs_[i].port]->fd(), POLLIN, 0});
    }
  }
}

void Courier::wait_for_work(std::vector<pollfd>& ready) {
  std::optional<Clock::time_point> next;
  {
    const std::lock_guard lock(mutex_);
    for (const Held& held : held_) next = std::min(next.value_or(held.due), held.due);
  }
  timespec timeout{};
  if (next) {
    const auto left = std::max(*next - Clock::now(), Clock::duration::zero());
    timeout = {.tv_sec = left / std::chrono::seconds(1), .tv_nsec = (left % std::chrono::seconds(1)).count()};
  }
  ppoll(ready.data(), ready.size(), next ? &timeout : nullptr, nullptr);
  if (ready.front().revents != 0) {
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
  }
}

void Courier::read_ports(const std::vector<pollfd>& ready) {
  for (std::size_t i = 1; i < ready.size(); ++i) {
    if (ready[i].revents == 0) continue;
    const Plug& plug = plugs_[i - 1];
    plug.segment->ports_[plug.port]->receive([&](std::span<const std::byte> bytes, Clock::time_point time) {
      plug.segment->frame_entered(plug.port, bytes, time);
    });
  }
  changed_.notify_all();
}

void Courier::wake() { eventfd_write(wake_.get(), 1); }

void Courier::hold(Held held) { held_.push_back(std::move(held)); }

void Courier::deliver_due() {
  std::vector<Held> due;
  const auto now = Clock::now();
  const auto later =
      std::stable_partition(held_.begin(), held_.end(), [&](const Held& one) { return one.due > now; });
  std::move(later, held_.end(), std::back_inserter(due));
  held_.erase(later, held_.end());
  std::ranges::stable_sort(due, {}, &Held::due);
  for (Held& one : due) one.segment->deliver(one.from, one.bytes, *one.record);
}

void Courier::frame_passed(const Segment& segment, std::size_t from) {
  for (Held& one : held_) {
    if (one.segment != &segment || one.from != from || one.behind == 0) continue;
    if (--one.behind == 0) one.due = Clock::time_point::min();
  }
  if (std::ranges::any_of(held_, [](const Held& one) { return one.due == Clock::time_point::min(); }))
    deliver_due();
}

}  // namespace wirelab
