#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// Where a check draws what a program must not know beforehand: ports, payloads, addresses, sizes. The same
/// seed and the same check draw the same values.
class Random {
 public:
  /// `check` is the check's name: two checks of one run draw different values.
  Random(std::uint64_t seed, std::string_view check);

  /// Evenly from [low, high].
  std::uint64_t number(std::uint64_t low, std::uint64_t high);

  /// A registered port that is not 1060: from [1100, 30000].
  std::uint16_t port() { return static_cast<std::uint16_t>(number(1100, 30000)); }

  /// Bytes of every value.
  std::string bytes(std::size_t count);

  /// A few lower-case words, for payloads that people read.
  std::string words(std::size_t count);

  /// Two hosts' addresses on the same random private network, with prefix: {"10.81.7.12/24",
  /// "10.81.7.201/24"}.
  std::vector<std::string> neighbours(std::size_t count = 2);

  /// The generator, for the standard library's distributions and std::shuffle.
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace wirelab
