#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/descriptor.hh"

namespace wirelab {

/// A send or receive that a program is about to make on a stream socket and that we can make in its place: a
/// second descriptor for its socket (pidfd_getfd), and where in its memory the bytes lie (process_vm_readv,
/// _writev).
class StreamCall {
 public:
  /// Reads the call's arguments. Empty when it is of a kind that we leave to the kernel: no stream socket,
  /// flags such as MSG_PEEK and MSG_WAITALL, control messages, arguments that are wrong.
  static std::optional<StreamCall> read(const seccomp_notif& made);

  /// Moves at most `most` bytes, never waiting. How many were moved, or a negative errno value.
  [[nodiscard]] std::int64_t move(std::size_t most) const;

  /// Our own descriptor for the program's socket: to poll, for instance. It lives as long as this object.
  [[nodiscard]] int socket() const { return socket_.get(); }
  /// Whether bytes go to the program; otherwise they come from it.
  [[nodiscard]] bool receives() const { return receives_; }
  [[nodiscard]] bool blocks() const {
    return blocks_;
  }  ///< when nothing can be moved, the program wants to wait

  /// How long it wants to wait (SO_RCVTIMEO, SO_SNDTIMEO); zero for ever.
  [[nodiscard]] std::chrono::microseconds patience() const;

 private:
  [[nodiscard]] bool locate(const seccomp_notif& made);
  [[nodiscard]] bool locate_message(std::uint64_t address);
  [[nodiscard]] bool locate_parts(std::uint64_t address, std::uint64_t count);
  [[nodiscard]] std::int64_t receive(std::size_t most) const;
  [[nodiscard]] std::int64_t send(std::size_t most) const;
  void settle_results() const;

  pid_t thread_ = -1;
  Descriptor socket_;
  std::vector<iovec> memory_;  ///< in the program
  std::size_t size_ = 0;
  int flags_ = 0;
  bool receives_ = false;
  bool blocks_ = false;
  std::uint64_t message_ = 0;      ///< recvmsg: the msghdr, in which results are returned
  std::uint64_t name_length_ = 0;  ///< recvfrom: where the length of the peer's address is returned
};

/// Whether a descriptor of the process (or thread) is a socket.
bool is_socket(pid_t thread, int number);

/// How long a poll(2) that waits for input alone is to wait at most. Zero for all other calls, and for one
/// that waits for ever.
std::chrono::milliseconds wait_for_input(const seccomp_notif& made);

/// Whether a signal waits for the thread to come back from its call.
bool signal_waits_for(pid_t thread);

}  // namespace wirelab
