#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/descriptor.hh"

namespace wirelab {

/// The grader's end of a cable: a packet(7) socket on one interface.
///
/// A ring shared with the kernel (PACKET_RX_RING) would make reading cheaper and bursts roomier, but costs an
/// RCU grace period, 10 ms and more, for every socket; a whole two-host network is up in a fraction of that.
/// So bursts are bounded instead, by the hosts' TCP buffers (see Host), and frames that are lost all the same
/// are counted.
class Port {
 public:
  /// Takes one frame, and when the kernel saw it.
  using Receiver = std::function<void(std::span<const std::byte>, std::chrono::steady_clock::time_point)>;

  /// On an interface of the calling thread's namespace. `mtu` in bytes. Throws std::system_error.
  Port(const std::string& interface, unsigned mtu);
  Port(Port&&) = delete;

  /// Becomes readable when a frame is there, for poll(2).
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Hands the frames that are there to `receiver`, with the time the kernel saw each. The bytes are valid
  /// only during the call.
  void receive(const Receiver& receiver);

  /// Puts a frame onto the interface. False when the kernel refuses it (longer than the MTU, interface down).
  bool send(std::span<const std::byte> frame) const;

  /// Frames that the kernel threw away so far because the grader did not keep up.
  unsigned overflowed() const;

 private:
  Descriptor fd_;
  std::size_t longest_;  ///< bytes of a frame
  std::unique_ptr<std::byte[]>
      buffers_;  ///< `batch` frames side by side; memory that none has touched costs nothing
  mutable unsigned overflowed_ = 0;
};

}  // namespace wirelab
