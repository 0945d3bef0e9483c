#pragma once

#include <utility>

/// Everything of the project: what students' programs share with the grader, and the grader.
namespace wirelab {

/// Owns one file descriptor and closes it exactly once: when the owner goes out of scope, or on `reset`.
/// Move-only, so that two owners of the same number cannot exist (a number closed twice may by then belong to
/// somebody else).
class Descriptor {
 public:
  /// Owns nothing.
  Descriptor() = default;
  /// Owns `fd` from now on; a negative one stands for none, as failed calls return it.
  explicit Descriptor(int fd) : fd_(fd) {}
  /// Closes what is owned, if anything.
  ~Descriptor() { reset(); }

  /// Takes over what `other` owns; `other` owns nothing afterwards.
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  /// Closes what is owned, and takes over what `other` owns.
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// The descriptor's number, or -1 when nothing is owned. The owner keeps it.
  [[nodiscard]] int get() const { return fd_; }

  /// Whether a descriptor is owned.
  explicit operator bool() const { return fd_ >= 0; }

  /// Gives the descriptor away: the caller must close it from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  /// Closes what is owned, if anything, and owns `fd` instead. errno is left as it was. See close(2).
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace wirelab
