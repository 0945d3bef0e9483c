#include "common/descriptor.hh"

#include <unistd.h>

#include <cerrno>

namespace wirelab {

void Descriptor::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  // close(2), NOTES: on Linux the number is free again even when close fails with EINTR, so never try twice.
  const int saved = errno;
  ::close(old);
  errno = saved;
}

}  // namespace wirelab
