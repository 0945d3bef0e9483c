#pragma once

#include <gmock/gmock.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/program/process.hh"

namespace wirelab {

/// How long a test waits for what must come: for ever, as far as a busy machine is concerned.
inline Clock::time_point patience() { return Clock::now() + std::chrono::seconds(100); }

inline std::filesystem::path subject_path() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "subject";
}

/// How to start `subject`, the program of these tests.
inline Launch subject(std::vector<std::string> words) {
  Launch launch;
  launch.command = {"/subject"};
  launch.command.insert(launch.command.end(), words.begin(), words.end());
  launch.binds = {{subject_path(), "/subject", false}};
  return launch;
}

/// A host with nothing but a loopback interface, in which programs run.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    const auto visit = host_.visit();
    const Descriptor any(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    must(ioctl(any.get(), SIOCSIFFLAGS, &request), "set lo up");
  }

  Process start(Launch launch) { return Process::start(host_, "host", std::move(launch)); }
  Process start(std::vector<std::string> words) { return start(subject(std::move(words))); }

  /// Runs it to its end.
  Exit run(Launch launch) {
    Process process = start(std::move(launch));
    const std::optional<Exit> exit = process.wait(patience());
    EXPECT_TRUE(exit.has_value()) << "still running";
    output_ = process.standard_output();
    errors_ = process.standard_error();
    return exit.value_or(Exit{});
  }
  Exit run(std::vector<std::string> words) { return run(subject(std::move(words))); }

  /// A connection from inside the host, made as soon as somebody listens.
  Descriptor connect_to(std::uint16_t port) {
    const auto visit = host_.visit();
    const Address address = Address::numeric("127.0.0.1", port);
    for (;;) {
      Descriptor fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
      if (connect(fd.get(), address.data(), *address.size()) == 0) return fd;
      usleep(500);
    }
  }

  NetworkNamespace host_ = NetworkNamespace::create();
  std::string output_, errors_;
};

}  // namespace wirelab
