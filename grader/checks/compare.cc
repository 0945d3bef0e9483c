#include "grader/checks/compare.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "grader/checks/verdict.hh"

namespace wirelab {
namespace {

constexpr std::size_t short_enough = 60;

std::string byte_at(std::string_view bytes, std::size_t at) {
  const auto byte = static_cast<unsigned char>(bytes[at]);
  return std::isprint(byte) != 0 ? fmt::format("0x{:02x} '{}'", byte, bytes[at])
                                 : fmt::format("0x{:02x}", byte);
}

}  // namespace

std::string describe(std::string_view bytes) {
  if (bytes.empty()) return "nothing";
  const bool readable =
      std::ranges::all_of(bytes, [](unsigned char c) { return std::isprint(c) != 0 || c == '\n'; });
  if (readable && bytes.size() <= short_enough) {
    std::string shown;
    for (const char c : bytes) c == '\n' ? shown += "\\n" : shown += c;
    return fmt::format("\"{}\"", shown);
  }
  return bytes.size() == 1 ? "1 byte" : fmt::format("{} bytes", bytes.size());
}

std::string describe(const Fault& fault) {
  std::string which = fault.skip == 0 ? "the next" : fmt::format("after {} more calls the next", fault.skip);
  const bool many = fault.times != 1;
  if (fault.times == Fault::always)
    which = fault.skip == 0 ? "from now on every" : "then every";
  else if (many)
    which += fmt::format(" {}", fault.times);
  const std::string call = fmt::format("{} `{}`{}", which, to_string(fault.call),
                                       many && fault.times != Fault::always ? " calls" : "");
  if (fault.kind == Fault::Kind::shorten)
    return fmt::format("system calls: {} move{} at most {} bytes", call,
                       many && fault.times != Fault::always ? "" : "s", fault.bytes);
  const std::string when = fault.late ? " when most of its time has passed" : "";
  return fmt::format("system calls: {} fail{}{}: {}", call, many && fault.times != Fault::always ? "" : "s",
                     when, std::strerror(fault.error));
}

std::string difference(std::string_view expected, std::string_view actual) {
  if (expected == actual) return "the same";
  if (actual.empty()) return "nothing came";
  const auto [left, right] = std::ranges::mismatch(expected, actual);
  const auto at = static_cast<std::size_t>(left - expected.begin());
  if (right == actual.end())
    return fmt::format("only the first {} of {} bytes came", actual.size(), expected.size());
  const std::string shown =
      actual.size() <= short_enough ? fmt::format("{} came: ", printable(describe(actual))) : "";
  if (left == expected.end())
    return fmt::format("{}{} bytes more than the {} expected", shown, actual.size() - expected.size(),
                       expected.size());
  return fmt::format("{}byte {} is {}, not {}", shown, at + 1, byte_at(actual, at), byte_at(expected, at));
}

}  // namespace wirelab
