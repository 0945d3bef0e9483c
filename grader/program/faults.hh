#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace wirelab {

/// The system calls at whose border a fault can be forced, by what they do: `receive` is recv, recvfrom, recvmsg,
/// recvmmsg, and read or readv on a socket; `send` likewise; `accept` is accept and accept4; `wait` is every kind of
/// poll, select and epoll_wait.
enum class Call { socket, bind, listen, connect, accept, receive, send, wait, close };

std::string_view to_string(Call call);

/// What happens to one call of the program under test. Made by the functions below.
struct Fault {
  enum class Kind { fail, shorten };
  Call call{};
  Kind kind{};
  int error = 0;           ///< for `fail`: the errno value that the program sees
  std::size_t bytes = 0;   ///< for `shorten`: at most this many bytes are moved
  unsigned skip = 0;       ///< so many calls pass unharmed first
  unsigned times = 1;      ///< so many calls are struck; `always` for all of them
  static constexpr unsigned always = ~0u;

  [[nodiscard]] Fault after(unsigned calls) const;     ///< the same, once `calls` calls have passed
  [[nodiscard]] Fault repeated(unsigned count) const;  ///< the same, `count` times
};

/// The call does nothing and returns -1 with this errno. `interrupt` is `fail_with(call, EINTR)`.
Fault fail_with(Call call, int error);
Fault interrupt(Call call);

/// A `send` or `receive` on a stream socket moves at most this many bytes and returns how many. What is left stays
/// in the program's hands, or in the socket.
Fault shorten(Call call, std::size_t bytes);

}  // namespace wirelab
