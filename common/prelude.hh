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

/// Never called, neither of these: what they use is instantiated with the header, once, and not in every file
/// (an eighth of the time that the solutions take to compile).
inline std::size_t instantiate_containers(std::string_view view) {
  std::vector<Address> addresses = Address::resolve(std::string(view), 0, SOCK_STREAM);
  for (const Address& address : addresses) addresses.push_back(address);
  std::vector<std::string> words = {std::string(view), "x"};
  for (const std::string& word : words) words.push_back(word);
  std::vector<char> characters(std::size_t{1});
  characters.insert(characters.end(), characters.begin(), characters.end());
  characters.erase(characters.begin(), characters.begin() + 1);
  std::vector<unsigned char> octets(std::size_t{1});
  octets.push_back(0);
  octets.resize(2);
  octets.insert(octets.end(), octets.begin(), octets.end());
  std::vector<std::byte> raw(std::size_t{1});
  raw.push_back(std::byte{});
  raw.resize(2);
  const std::span<const std::byte> whole(raw), part = whole.subspan(1).first(0);
  raw.insert(raw.end(), part.begin(), part.end());
  const std::span<const unsigned char> all(octets), rest = all.subspan(1);
  std::vector<pollfd> polled{{0, POLLIN, 0}};
  polled.push_back(polled.back());
  polled.emplace_back(polled.front());
  std::map<int, std::string> texts;
  texts[0].append("x").erase(0, 1);
  texts.erase(0);
  std::map<std::string, std::string> named;
  named[words.front()] = words.at(0).substr(1);
  std::map<long, long> counts;
  counts[0] = 1;
  std::unordered_map<int, std::string> connections;
  connections[0] = "x";
  connections.emplace(1, "x");
  connections.erase(connections.find(0));
  const auto buffer = std::make_unique<char[]>(1);
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(1);
  std::optional<std::string> text = std::string(view.substr(1));
  std::optional<std::uint8_t> octet;
  std::optional<std::uint16_t> port;
  if (text->starts_with("x") && !port && !octet) text->resize(text->find('x'));
  return addresses.front().port() + words.empty() + rest.size() + text->size() + (text.value() == view);
}

inline void instantiate_the_rest(const std::function<void()>& action) {
  using namespace std::chrono;
  std::vector<std::thread> threads;
  threads.emplace_back([] {}).join();
  std::mutex mutex;
  std::condition_variable changed;
  std::unique_lock lock(mutex);
  const auto deadline = steady_clock::now() + milliseconds(1) + duration_cast<nanoseconds>(duration<double>(1));
  changed.wait_until(lock, deadline, [] { return true; });
  const auto left = std::max(deadline - steady_clock::now(), nanoseconds(0));
  action();
  std::mt19937 engine(std::random_device{}());
  std::mt19937_64 wide_engine(1);
  std::bernoulli_distribution drop(0.5);
  std::uniform_real_distribution<double> part(0, 1);
  std::uniform_int_distribution<int> number(0, 1);
  std::ostringstream line;
  line << std::setw(2) << std::hex << drop(engine) << part(engine) << number(engine) << drop(wide_engine);
  std::cout << line.str() << duration_cast<milliseconds>(left).count() << ceil<milliseconds>(left).count()
            << duration<double>(left).count() << (left < milliseconds(1)) << std::to_string(1)
            << std::stoi("1") << std::string_view("x") << std::endl;
}

}  // namespace wirelab::prelude
