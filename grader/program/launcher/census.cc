#include "grader/program/launcher/census.hh"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/descriptor.hh"

namespace wirelab::launcher {
namespace {

/// The beginning of a file; empty when it cannot be read, for the process may just have ended.
std::string_view head_of(const std::string& path, char (&buffer)[4096]) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer - 1) : 0;
  if (size <= 0) return {};
  buffer[size] = '\0';
  return {buffer, static_cast<std::size_t>(size)};
}

/// Calls `visit` with the path of each entry that is a number; ends when it returns false, and passes that
/// on.
template <typename Visit>
bool all_numbers_in(const std::string& directory, Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), &closedir);
  while (const dirent* entry = entries ? readdir(entries.get()) : nullptr) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (!visit(directory + "/" + entry->d_name)) return false;
  }
  return true;
}

template <typename Visit>
bool all_processes(Visit visit) {
  return all_numbers_in("/proc",
                        [&](const std::string& process) { return process == "/proc/1" || visit(process); });
}

bool stands_still(const std::string& thread) {
  char buffer[4096];
  const std::string_view stat = head_of(thread + "/stat", buffer);
  // proc(5): the state follows the name, which is in parentheses and may itself hold some.
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return true;
  return std::strchr("TtZXD", stat[name_end + 2]) != nullptr;
}

/// All pages of the process that are in memory, those it shares with others included.
std::uint64_t resident(const std::string& process) {
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  char buffer[4096];
  const std::string_view statm = head_of(process + "/statm", buffer);
  const std::size_t second = statm.find(' ');
  return second == std::string_view::npos ? 0 : std::strtoull(buffer + second, nullptr, 10) * page;
}

/// The process's fair part of all pages it uses. The kernel walks its page tables for this: slow.
std::uint64_t proportional(const std::string& process) {
  char buffer[4096];
  const std::string_view rollup = head_of(process + "/smaps_rollup", buffer);
  const std::size_t line = rollup.find("\nPss:");
  return line == std::string_view::npos ? resident(process)
                                        : std::strtoull(buffer + line + 5, nullptr, 10) * 1024;
}

struct Sum {
  std::size_t processes = 0;
  std::uint64_t bytes = 0;
};

Sum sum_over_processes(std::uint64_t (*measure)(const std::string&)) {
  Sum sum;
  all_processes([&](const std::string& process) {
    ++sum.processes;
    sum.bytes += measure(process);
    return true;
  });
  return sum;
}

}  // namespace

bool everyone_stands_still() {
  return all_processes(
      [](const std::string& process) { return all_numbers_in(process + "/task", stands_still); });
}

/// A program that has not run since, and has nobody who could have, is as large as it was. Most of them wait
/// most of the time, and to look through all of /proc takes 70 us.
bool MemoryWatch::may_have_grown() {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(program_, &clock) != 0 || clock_gettime(clock, &time) != 0) return true;
  const auto before =
      std::exchange(used_, std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  return !alone_ || used_ != before;
}

bool MemoryWatch::over() {
  if (!may_have_grown()) return false;
  const auto [processes, bytes] = sum_over_processes(resident);
  alone_ = processes <= 1;
  if (bytes <= limit_) return false;
  // A server with hundreds of forked children shares nearly all of that. Count exactly, but spend no more
  // than a tenth of the time on it.
  const auto start = Clock::now();
  if (start < next_exact_) {
    alone_ = false;  // still to be looked at
    return false;
  }
  const bool over = sum_over_processes(proportional).bytes > limit_;
  const auto end = Clock::now();
  next_exact_ = end + 9 * (end - start);
  return over;
}

}  // namespace wirelab::launcher
