#include "grader/checks/random.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace wirelab {
namespace {

constexpr std::array<std::string_view, 24> vocabulary = {
    "amber",  "brook",  "cedar", "delta",   "ember", "fjord",  "grove",  "heron",
    "island", "jasper", "kelp",  "lantern", "maple", "north",  "opal",   "pine",
    "quill",  "river",  "stone", "tide",    "umber", "violet", "willow", "zephyr"};

/// The next number of a generator that takes a nanosecond: many megabytes are drawn. Sebastiano Vigna's
/// splitmix64, https://prng.di.unimi.it/splitmix64.c.
std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t mixed = state += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view check) {
  std::vector<std::uint32_t> mixed = {static_cast<std::uint32_t>(seed),
                                      static_cast<std::uint32_t>(seed >> 32)};
  mixed.insert(mixed.end(), check.begin(), check.end());
  std::seed_seq sequence(mixed.begin(), mixed.end());
  engine_.seed(sequence);
}

std::uint64_t Random::number(std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(engine_);
}

std::string Random::bytes(std::size_t count) {
  std::string result(count, '\0');
  std::uint64_t state = engine_();
  for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
    const std::uint64_t drawn = splitmix(state);
    std::memcpy(result.data() + at, &drawn, std::min(sizeof drawn, count - at));
  }
  return result;
}

std::string Random::words(std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) result += ' ';
    result += vocabulary[number(0, vocabulary.size() - 1)];
  }
  return result;
}

std::vector<std::string> Random::neighbours(std::size_t count) {
  const std::string network = fmt::format("10.{}.{}.", number(1, 250), number(0, 250));
  std::vector<unsigned> last(250);
  for (unsigned i = 0; i < last.size(); ++i) last[i] = i + 2;
  std::ranges::shuffle(last, engine_);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(fmt::format("{}{}/24", network, last[i]));
  return result;
}

}  // namespace wirelab
