#pragma once

// What the labs' programs use, compiled once: every student file is compiled with this header in front,
// precompiled (see toolchain.cmake). Nobody includes it by name, and a file still has to include what it uses
// to compile elsewhere.

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/lab_main.hh"
#include "common/todo.hh"

namespace wirelab::prelude {

/// Never called: what it uses is instantiated with the header, once, and not in every file (a third of the
/// time that a typical lab takes to compile).
inline void instantiate() {
  std::vector<Address> addresses = Address::resolve("", 0, SOCK_STREAM);
  std::vector<char> bytes(std::size_t{1});
  bytes.insert(bytes.end(), bytes.begin(), bytes.end());
  bytes.erase(bytes.begin(), bytes.begin() + 1);
  std::vector<std::byte> raw(std::size_t{1});
  std::vector<pollfd> polled{{0, POLLIN, 0}};
  polled.push_back(polled.back());
  polled.emplace_back(polled.front());
  std::map<int, std::string> texts;
  texts[0].append("x").erase(0, 1);
  texts.erase(0);
  std::vector<std::thread> threads;
  threads.emplace_back([] {});
  std::mt19937 engine(std::random_device{}());
  std::mt19937_64 wide_engine(1);
  std::bernoulli_distribution drop(0.5);
  std::uniform_real_distribution<double> part(0, 1);
  std::uniform_int_distribution<int> number(0, 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  std::cout << drop(engine) << part(engine) << number(engine) << drop(wide_engine) << left.count()
            << std::to_string(1) << std::string_view("x") << std::endl;
}

}  // namespace wirelab::prelude
