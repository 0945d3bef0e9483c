#pragma once

// What can be found in tokens that are not as random as they look: patterns, and the generators that they
// come from. It stands outside the lab's folder because it says how tokens are guessed, which is no help in
// making good ones.

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cmath>
#include <complex>
#include <cstdint>
#include <functional>
#include <memory>
#include <numbers>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wirelab {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// The tokens of one client in the order they were used, all of the same length, taken for rows of bits.
class Tokens {
 public:
  explicit Tokens(std::vector<std::string> tokens)
      : tokens_(std::move(tokens)), columns_(4 * tokens_.front().size()) {
    for (std::size_t b = 0; b < columns_.size(); ++b) {
      for (const std::string& token : tokens_)
        columns_[b].push_back((hex_digits.find(token[b / 4]) >> (3 - b % 4) & 1) != 0);
    }
  }

  /// For each bit of a token, the values that it has in one token after the other.
  [[nodiscard]] const std::vector<std::vector<char>>& columns() const { return columns_; }

  /// The digits of all tokens in one row, cut into numbers of so many digits, at most 16.
  [[nodiscard]] std::vector<std::uint64_t> numbers(std::size_t digits) const {
    std::string row;
    for (const std::string& token : tokens_) row += token;
    std::vector<std::uint64_t> result;
    for (std::size_t at = 0; at + digits <= row.size(); at += digits) {
      result.push_back(std::stoull(row.substr(at, digits), nullptr, 16));
    }
    return result;
  }

  /// The first 16 digits of each token.
  [[nodiscard]] std::vector<std::uint64_t> heads() const {
    std::vector<std::uint64_t> result;
    for (const std::string& token : tokens_) result.push_back(std::stoull(token.substr(0, 16), nullptr, 16));
    return result;
  }

 private:
  std::vector<std::string> tokens_;
  std::vector<std::vector<char>> columns_;
};

// What follows finds something in truly random tokens less than once in 10^9 runs. The count of heads in n
// throws of a coin is more than z standard deviations from n/2 with probability 2 Q(z): 6.4e-14
// for 7.5, 1.3e-15 for 8. At most 256 bits are counted for the first two, 256 * 255 / 2 pairs for the third,
// 64 distances of 256 bits for the fourth.

inline double deviations(std::size_t heads, std::size_t throws) {
  const auto n = static_cast<double>(throws);
  return std::abs(static_cast<double>(heads) - n / 2) / (std::sqrt(n) / 2);
}

/// How often the two rows agree, the second one taken from a later place on.
inline std::size_t agreements(const std::vector<char>& a, const std::vector<char>& b, std::size_t later = 0) {
  std::size_t count = 0;
  for (std::size_t i = 0; i + later < a.size(); ++i) count += a[i] == b[i + later] ? 1 : 0;
  return count;
}

/// A pattern in single bits, or "".
inline std::string pattern_in_bits(const Tokens& tokens) {
  const auto& bits = tokens.columns();
  const std::size_t n = bits.front().size();
  const auto digit = [](std::size_t bit) { return fmt::format("digit {}", bit / 4 + 1); };
  for (std::size_t b = 0; b < bits.size(); ++b) {
    const auto ones = static_cast<std::size_t>(std::ranges::count(bits[b], 1));
    if (deviations(ones, n) > 7.5)
      return fmt::format("one bit of {} is 1 in {} of {} tokens", digit(b), ones, n);
  }
  for (std::size_t a = 0; a < bits.size(); ++a) {
    for (std::size_t b = a + 1; b < bits.size(); ++b) {
      const std::size_t same = agreements(bits[a], bits[b]);
      if (deviations(same, n) > 8) {
        return fmt::format("one bit of {} is the same as one of {} in {} of {} tokens", digit(a), digit(b),
                           same, n);
      }
    }
  }
  for (std::size_t b = 0; b < bits.size(); ++b) {
    for (std::size_t later = 1; later <= 64; ++later) {
      const std::size_t same = agreements(bits[b], bits[b], later);
      if (deviations(same, n - later) > 8) {
        return fmt::format("one bit of {} is the same again {} token{} later in {} of {} cases", digit(b),
                           later, later == 1 ? "" : "s", same, n - later);
      }
    }
  }
  return "";
}

/// The same step from one token to the next more than once: counters of any stride. By chance less than once
/// in 10^12.
inline std::string pattern_in_steps(const Tokens& tokens) {
  const std::vector<std::uint64_t> heads = tokens.heads();
  std::set<std::uint64_t> sums, differences;
  for (std::size_t i = 1; i < heads.size(); ++i) {
    if (!sums.insert(heads[i] - heads[i - 1]).second || !differences.insert(heads[i] ^ heads[i - 1]).second) {
      return "more than once a token follows from the one before by the same step";
    }
  }
  return "";
}

/// The Mersenne twister as the C++ standard defines it ([rand.eng.mers]): its state is a row of words in
/// which each follows from three earlier ones, and its output is such a word, tempered. Tempering can be
/// undone.
template <typename Engine>
class Twister {
 public:
  using Word = std::uint64_t;
  static constexpr unsigned width = Engine::word_size;

  /// How many of the numbers can be foretold from those before them.
  static std::size_t foretold(const std::vector<Word>& numbers) {
    constexpr std::size_t n = Engine::state_size, m = Engine::shift_size;
    std::vector<Word> state;
    for (const Word number : numbers) state.push_back(untempered(number));
    std::size_t count = 0;
    for (std::size_t i = 0; i + n < state.size(); ++i) {
      const Word lower = (Word{1} << Engine::mask_bits) - 1;
      const Word mixed = (state[i] & (mask & ~lower)) | (state[i + 1] & lower);
      const Word next = state[i + m] ^ (mixed >> 1) ^ ((mixed & 1) != 0 ? Word{Engine::xor_mask} : 0);
      count += next == state[i + n] ? 1 : 0;
    }
    return count;
  }

 private:
  static constexpr Word mask = ~Word{0} >> (64 - width);

  /// y where y ^ (y shifted and masked) is this: each round makes `shift` more bits right.
  static Word undo(Word value, int shift_left, int shift_right, Word and_mask) {
    Word y = value;
    for (unsigned i = 0; i < width; ++i)
      y = value ^ ((shift_left > 0 ? y << shift_left : y >> shift_right) & and_mask & mask);
    return y;
  }
  static Word untempered(Word z) {
    z = undo(z, 0, Engine::tempering_l, mask);
    z = undo(z, Engine::tempering_t, 0, Engine::tempering_c);
    z = undo(z, Engine::tempering_s, 0, Engine::tempering_b);
    return undo(z, 0, Engine::tempering_u, Engine::tempering_d);
  }
};

/// A Mersenne twister (or any other generator that shifts and xors) is linear: each bit of its numbers,
/// followed from one number to the next, is the xor of certain earlier ones, and always of the same, wherever
/// in the number the bit is taken from, and whatever the seed was. Which ones, is found from the generator
/// itself, by the algorithm of Berlekamp and Massey.
class LinearRule {
 public:
  template <typename Engine>
  static LinearRule of() {
    Engine engine;
    return LinearRule([&] { return (engine() & 1) != 0; });
  }

  [[nodiscard]] std::size_t length() const { return distances_.back(); }

  /// How many of these bits follow from those before them.
  [[nodiscard]] std::size_t foretold(const std::vector<char>& bits) const {
    std::size_t count = 0;
    for (std::size_t at = length(); at < bits.size(); ++at) {
      int sum = bits[at];
      for (const std::size_t distance : distances_) sum ^= bits[at - distance];
      count += sum == 0 ? 1 : 0;
    }
    return count;
  }

 private:
  static constexpr std::size_t longest = 19937;

  explicit LinearRule(const std::function<bool()>& next_bit) {
    using Row = std::bitset<longest + 1>;
    auto rule = std::make_unique<Row>(1), before = std::make_unique<Row>(1), seen = std::make_unique<Row>(),
         kept = std::make_unique<Row>();
    std::size_t needed = 0;
    for (std::size_t n = 0; n < 2 * longest; ++n) {
      *seen <<= 1;
      seen->set(0, next_bit());
      *before <<= 1;
      if ((*rule & *seen).count() % 2 == 0) continue;
      *kept = *rule;
      *rule ^= *before;
      if (2 * needed > n) continue;
      needed = n + 1 - needed;
      std::swap(before, kept);
    }
    for (std::size_t i = 1; i < rule->size(); ++i) {
      if (rule->test(i)) distances_.push_back(i);
    }
  }

  std::vector<std::size_t> distances_;
};

/// glibc's rand() adds up its results of 3 and of 31 calls ago, and keeps one bit back: so the lowest bits of
/// one follow, up to that carry, from those of the two. Of truly random numbers of `bits` bits 2 in 2^bits
/// would.
inline std::size_t foretold_of_rand(const std::vector<std::uint64_t>& numbers, unsigned bits) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  std::size_t count = 0;
  for (std::size_t i = 31; i < numbers.size(); ++i) {
    count += ((numbers[i] - numbers[i - 3] - numbers[i - 31]) & mask) <= 1 ? 1 : 0;
  }
  return count;
}

/// The small generators of <random>, std::default_random_engine among them, multiply by `factor` modulo
/// 2^31-1: each number is `factor` times the one before. So there are small whole numbers by which so many
/// numbers in a row can be multiplied that the products add up to 0, always. Here they are looked for, all
/// between -2 and 2, by trying the sums of the first and of the last seven numbers, and comparing.
class SmallSum {
 public:
  explicit SmallSum(std::uint64_t factor) {
    const auto sums = [&](std::uint64_t power) {
      std::vector<std::pair<std::uint64_t, std::size_t>> result = {{0, 0}};
      for (std::size_t i = 0, place = 1; i < half; ++i, place *= choices, power = power * factor % modulus) {
        const std::size_t before = result.size();
        for (std::size_t choice = 1; choice < choices; ++choice) {  // 1, 2, -1, -2
          const std::uint64_t times = choice <= 2 ? choice : modulus + 2 - choice;
          for (std::size_t k = 0; k < before; ++k) {
            const auto [sum, which] = result[k];
            result.emplace_back((sum + times * power) % modulus, which + choice * place);
          }
        }
      }
      return result;
    };
    std::uint64_t middle = 1;
    for (std::size_t i = 0; i < half; ++i) middle = middle * factor % modulus;
    auto first = sums(1);
    std::ranges::sort(first);
    for (const auto& [sum, which] : sums(middle)) {
      const auto found =
          std::ranges::lower_bound(first, std::pair((modulus - sum) % modulus, std::size_t{0}));
      if (found == first.end() || (found->first + sum) % modulus != 0 || found->second + which == 0) continue;
      for (const std::size_t code : {found->second, which}) {
        std::size_t rest = code;
        for (std::size_t i = 0; i < half; ++i, rest /= choices) {
          const auto choice = static_cast<int>(rest % choices);
          weights_.push_back(choice <= 2 ? choice : 2 - choice);
        }
      }
      return;
    }
  }

  /// How strongly the sums of these numbers, of which each is a `range`-th part of the modulus wide, are
  /// drawn to whole multiples of the modulus: 1 if they all are, near 0 if it is chance.
  [[nodiscard]] double pull(const std::vector<std::uint64_t>& parts, double range) const {
    if (weights_.empty() || parts.size() < weights_.size()) return 0;
    const std::size_t count = parts.size() - weights_.size() + 1;
    std::complex<double> total = 0;
    for (std::size_t at = 0; at < count; ++at) {
      double sum = 0;
      for (std::size_t i = 0; i < weights_.size(); ++i)
        sum += weights_[i] * static_cast<double>(parts[at + i]);
      total += std::polar(1.0, 2 * std::numbers::pi * sum / range);
    }
    return std::abs(total) / static_cast<double>(count);
  }

 private:
  static constexpr std::uint64_t modulus = 0x7fffffff;
  static constexpr std::size_t half = 7, choices = 5;
  std::vector<int> weights_;  // of numbers one after the other
};

/// The generator of this kind whose numbers' upper ends these parts are; or lower ends, which come to the
/// same: times 2^27, and modulo 2^31-1, the lowest four bits are the highest. Of 20,000 parts that are truly
/// random 1,400 windows have nothing in common, so a pull of 1/4 comes by chance less than once in 10^30
/// runs.
inline std::string small_generator(const std::vector<std::uint64_t>& parts, unsigned digits) {
  static const SmallSum minstd_rand0(std::minstd_rand0::multiplier),
      minstd_rand(std::minstd_rand::multiplier);
  const double range = std::pow(16, digits);
  if (minstd_rand0.pull(parts, range) > 0.25) return "std::default_random_engine (std::minstd_rand0)";
  if (minstd_rand.pull(parts, range) > 0.25) return "std::minstd_rand";
  return "";
}

/// The numbers with their bytes, or their digits, in reverse order.
inline std::vector<std::uint64_t> reversed(const std::vector<std::uint64_t>& numbers, unsigned digits,
                                           unsigned unit) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t number : numbers) {
    std::uint64_t turned = 0;
    for (unsigned i = 0; i < digits; i += unit, number >>= 4 * unit)
      turned = turned << 4 * unit | (number & ((std::uint64_t{1} << 4 * unit) - 1));
    result.push_back(turned);
  }
  return result;
}

/// How many numbers of this generator's full width can be foretold, in whichever order a program writes the
/// two halves of a token, the bytes of a number, or its digits.
template <typename Engine>
std::size_t foretold_of_whole_numbers(std::vector<std::uint64_t> numbers) {
  constexpr unsigned digits = Engine::word_size / 4;
  std::size_t most = 0;
  for (int order = 0; order < 2; ++order) {
    for (const auto& one : {numbers, reversed(numbers, digits, 2), reversed(numbers, digits, 1)})
      most = std::max(most, Twister<Engine>::foretold(one));
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) std::swap(numbers[i], numbers[i + 1]);
  }
  return most;
}

/// How many parts of this many digits can be foretold, of which each is made from a few bits of a number of
/// its own, whichever these are; and of how many that can be said.
template <typename Engine>
std::pair<std::size_t, std::size_t> foretold_of_parts(const std::vector<std::uint64_t>& parts,
                                                      unsigned digits) {
  static const LinearRule rule = LinearRule::of<Engine>();
  if (parts.size() <= rule.length()) return {0, 0};
  std::size_t most = 0;
  for (unsigned bit = 0; bit < 4 * digits; ++bit) {
    std::vector<char> bits;
    for (const std::uint64_t part : parts) bits.push_back(static_cast<char>(part >> bit & 1));
    most = std::max(most, rule.foretold(bits));
  }
  return {most, parts.size() - rule.length()};
}

/// Whether the later tokens can be worked out from the earlier ones, and how.
inline std::string foretelling(const Tokens& tokens) {
  const auto report = [](std::size_t foretold, std::size_t of, std::string_view generator) {
    return fmt::format(
        "this check foretold {} of {} parts of the tokens from those before them: they are numbers of {}",
        foretold, of, generator);
  };
  const auto quads = tokens.numbers(16), words = tokens.numbers(8);
  if (const auto n = foretold_of_whole_numbers<std::mt19937_64>(quads); n > 100)
    return report(n, quads.size(), "std::mt19937_64");
  if (const auto n = foretold_of_whole_numbers<std::mt19937>(words); n > 100)
    return report(n, words.size(), "std::mt19937");
  for (const unsigned digits : {1u, 2u}) {
    // One bit of each part: truly random ones are foretold all 60 times less than once in 10^18 runs.
    constexpr std::size_t enough = 60;
    const auto parts = tokens.numbers(digits);
    if (const auto [n, of] = foretold_of_parts<std::mt19937>(parts, digits); n == of && of >= enough)
      return report(n, of, "std::mt19937");
    if (const auto [n, of] = foretold_of_parts<std::mt19937_64>(parts, digits); n == of && of >= enough)
      return report(n, of, "std::mt19937_64");
  }
  for (const unsigned digits : {1u, 2u}) {
    if (const std::string name = small_generator(tokens.numbers(digits), digits); !name.empty())
      return "this check found that the parts of the tokens are numbers of " + name;
  }
  for (const unsigned digits : {1u, 2u, 4u}) {
    const auto parts = tokens.numbers(digits);
    if (const auto n = foretold_of_rand(parts, 4 * digits); 2 * n > parts.size())
      return report(n, parts.size(), "rand()");
  }
  return "";
}

}  // namespace wirelab
