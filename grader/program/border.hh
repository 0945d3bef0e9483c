#pragma once

#include <linux/seccomp.h>
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "common/descriptor.hh"
#include "grader/program/faults.hh"
#include "grader/program/stream_call.hh"

namespace wirelab {

/// The border between a program and the kernel: answers every watched call of the program. Most are waved
/// through; those that a fault strikes are answered in the kernel's place. See seccomp_unotify(2).
///
/// The program can lie about its memory while we look at it. That is its own loss: a call waved through is
/// subject to the filter and the kernel as ever, and what we do in its place we do with its own socket and
/// its own memory.
class SystemCallBorder {
 public:
  /// `listener` is the filter's, to be owned from now on; `plan`, which must outlive this object, says which
  /// calls are struck.
  SystemCallBorder(Descriptor listener, FaultPlan& plan);

  /// For the supervising thread: adds what to poll for.
  void add_events(std::vector<pollfd>& events) const;
  /// How long that thread may poll at most before it calls `serve`, in milliseconds; -1 for ever.
  [[nodiscard]] int patience_ms() const;

  /// Answers what can be answered now. Never waits.
  void serve();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int tick_ms = 20;  ///< how late a signal may reach a program whose call waits with us

  /// A shortened call that would block: its program waits until we can move something.
  struct Waiting {
    seccomp_notif made;
    StreamCall call;
    Strike strike;
    Clock::time_point deadline;
  };

  /// A call that fails when its time has come.
  struct Held {
    seccomp_notif made;
    int error;
    Clock::time_point due;
  };

  void answer(const seccomp_notif& made);
  void fail(const seccomp_notif& made, const Fault& fault);
  void answer_shortened(const seccomp_notif& made, const Strike& strike);
  bool settle(const seccomp_notif& made, const StreamCall& call, const Strike& strike);
  bool settle_waiting(const Waiting& waiting);
  void wave_through(const seccomp_notif& made);
  void respond(const seccomp_notif& made, std::int64_t value, int error, unsigned flags = 0);

  Descriptor listener_;
  FaultPlan& plan_;
  std::vector<Waiting> waiting_;
  std::vector<Held> held_;
  Clock::time_point next_look_{};
  bool look_for_signals_ = false;
};

}  // namespace wirelab
