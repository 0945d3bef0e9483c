#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace wirelab {

/// Throws a std::system_error that reads `bind 10.5.0.2:1060: Address already in use`:
/// the operation, the object (left out when empty), the reason. `error` is an errno value; the default takes
/// errno before anything else can change it.
[[noreturn]] void throw_errno(std::string_view operation, std::string_view object = {}, int error = errno);

/// Passes on the result of a system call, and throws as `throw_errno` does when it is negative:
/// `Descriptor fd(must(socket(AF_INET, SOCK_STREAM, 0), "socket"));`
template <typename Result>
Result must(Result result, std::string_view operation, std::string_view object = {}) {
  if (result < 0) throw_errno(operation, object);
  return result;
}

}  // namespace wirelab
