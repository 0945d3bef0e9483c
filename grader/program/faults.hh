#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace wirelab {

/// The system calls at whose border a fault can be forced, by what they do: `receive` is recv, recvfrom,
/// recvmsg, recvmmsg, and read or readv on a socket; `send` likewise; `accept` is accept and accept4; `wait`
/// is every kind of poll, select and epoll_wait; `close` is that of a socket. Of children of the program,
/// too.
enum class Call { socket, bind, listen, connect, accept, receive, send, wait, close };

/// The word for messages, as the enumerator is spelt: "accept".
std::string_view to_string(Call call);

/// What happens to one call of the program under test. Made by the functions below.
struct Fault {
  /// Whether the call fails outright, or moves fewer bytes than it was asked to.
  enum class Kind { fail, shorten };
  Call call{};                             ///< which calls it may strike
  Kind kind{};                             ///< decides which of the members below count
  int error = 0;                           ///< for `fail`: the errno value that the program sees
  bool late = false;                       ///< for `fail`: not at once, see `interrupt_late`
  std::size_t bytes = 0;                   ///< for `shorten`: at most this many bytes are moved
  unsigned skip = 0;                       ///< so many calls pass unharmed first
  unsigned times = 1;                      ///< so many calls are struck; `always` for all of them
  static constexpr unsigned always = ~0u;  ///< for `times`

  [[nodiscard]] Fault after(unsigned calls) const;     ///< the same, once `calls` calls have passed
  [[nodiscard]] Fault repeated(unsigned count) const;  ///< the same, `count` times
};

/// The call does nothing and returns -1 with this errno. Throws std::invalid_argument when `error` is not
/// positive.
Fault fail_with(Call call, int error);
/// `fail_with(call, EINTR)`: as when a signal came first. See signal(7).
Fault interrupt(Call call);

/// A poll(2) for input with a time limit is interrupted when most of that has passed, and until then hears of
/// nothing. Whoever then waits for the whole limit again waits for too long. Others are interrupted at once:
/// select and ppoll keep their limit in memory, where the kernel tells what is left of it; and one that waits
/// for room to send need not wait at all, so the grader must not make it.
Fault interrupt_late(Call call);

/// A `send` or `receive` on a stream socket moves at most this many bytes and returns how many. What is left
/// stays in the program's hands, or in the socket. Calls that would move none anyway (end of file, EAGAIN, an
/// error) pass unharmed and do not use the fault up; nor do those that a short count cannot strike:
/// datagrams, MSG_PEEK, MSG_WAITALL, control messages, several messages in one call. Throws
/// std::invalid_argument for other calls, and for no bytes at all (that would be the end of the stream).
Fault shorten(Call call, std::size_t bytes);

/// A fault that has struck, and which of the armed ones it was.
struct Strike {
  Fault fault;            ///< as it was armed, but for how often it has struck since
  std::size_t index = 0;  ///< its place among the armed ones, for `FaultPlan::take_back`
};

/// The faults armed for a program, and how often its calls were made and struck. Where several faults wait
/// for the same call each counts its own `skip`, and the one armed first strikes. May be used from several
/// threads.
class FaultPlan {
 public:
  /// Puts a fault behind those that are armed.
  void arm(const Fault& fault);

  /// The program makes a call: counts it, and says what strikes it.
  std::optional<Strike> next(Call call);

  void take_back(const Strike& strike);  ///< it did not come to pass: the fault stays armed for the next call
  void unmake(Call call);                ///< the call will be made again, as if this time had not been

  /// How often the program has made this call; calls taken back by `unmake` do not count.
  [[nodiscard]] unsigned made(Call call) const;
  /// How often a fault has struck this call; strikes taken back do not count.
  [[nodiscard]] unsigned struck(Call call) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  std::map<Call, unsigned> made_, struck_;
};

}  // namespace wirelab
