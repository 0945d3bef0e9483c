#include "grader/network/rule.hh"

#include <fmt/format.h>
#include <tins/tins.h>

#include <memory>
#include <random>
#include <stdexcept>

namespace wirelab {
namespace {

using std::chrono::nanoseconds;

Fate lost() { return {{}, "lost"}; }

std::string in_ms(nanoseconds time) {
  return fmt::format("{:g} ms", static_cast<double>(time.count() / 1000) / 1000.0);
}

/// A rule that minds only the frames that match, and knows which of them it has before it, counted from 1.
Rule when(Match match, std::function<std::optional<Fate>(const Frame&, unsigned)> decide) {
  return [match = std::move(match), decide = std::move(decide), seen = 0u](const Frame& frame) mutable {
    return match(frame) ? decide(frame, ++seen) : std::nullopt;
  };
}

Bytes with_flipped_bit(const Frame& frame, std::mt19937_64& random) {
  Bytes bytes(frame.bytes().begin(), frame.bytes().end());
  const std::size_t payload =
      std::max<std::size_t>(1, std::min(bytes.size(), frame.headers().payload.size()));
  const std::size_t at = bytes.size() - payload + random() % payload;
  bytes[at] ^= std::byte(1u << (random() % 8));
  return bytes;
}

}  // namespace

Rule drop(Match match) {
  return when(std::move(match), [](const Frame&, unsigned) { return lost(); });
}

Rule drop_nth(Match match, unsigned n) {
  return when(std::move(match), [n](const Frame&, unsigned seen) -> std::optional<Fate> {
    if (seen != n) return std::nullopt;
    return lost();
  });
}

Rule drop_first(Match match, unsigned count) {
  return when(std::move(match), [count](const Frame&, unsigned seen) -> std::optional<Fate> {
    if (seen > count) return std::nullopt;
    return lost();
  });
}

Rule drop_randomly(Match match, double probability, std::uint64_t seed) {
  return when(
      std::move(match),
      [probability, random = std::mt19937_64(seed)](const Frame&, unsigned) mutable -> std::optional<Fate> {
        if (!std::bernoulli_distribution(probability)(random)) return std::nullopt;
        return lost();
      });
}

Rule delay(Match match, nanoseconds by) {
  return when(std::move(match), [by](const Frame&, unsigned) {
    return Fate{{{.delay = by}}, "delayed " + in_ms(by)};
  });
}

Rule jitter(Match match, nanoseconds least, nanoseconds most, std::uint64_t seed) {
  return when(std::move(match),
              [least, most, random = std::mt19937_64(seed)](const Frame&, unsigned) mutable {
                std::uniform_int_distribution<nanoseconds::rep> drawn(least.count(), most.count());
                const nanoseconds by(drawn(random));
                return Fate{{{.delay = by}}, "delayed " + in_ms(by)};
              });
}

Rule duplicate(Match match, unsigned copies, nanoseconds gap) {
  return when(std::move(match), [copies, gap](const Frame&, unsigned) {
    Fate fate{{}, copies == 1 ? "duplicated" : fmt::format("duplicated {} times", copies)};
    for (unsigned i = 0; i <= copies; ++i) fate.deliveries.push_back({.delay = gap * i});
    return fate;
  });
}

Rule reorder_nth(Match match, unsigned n, unsigned behind, nanoseconds at_most) {
  return when(std::move(match), [=](const Frame&, unsigned seen) -> std::optional<Fate> {
    if (seen != n) return std::nullopt;
    return Fate{{{.delay = at_most, .behind = behind}}, "overtaken"};
  });
}

Rule corrupt(Match match, std::uint64_t seed) {
  return when(std::move(match), [random = std::mt19937_64(seed)](const Frame& frame, unsigned) mutable {
    return Fate{{{.changed = with_flipped_bit(frame, random)}}, "corrupted"};
  });
}

Rule rewrite(Match match, std::function<Bytes(const Frame&)> change) {
  return when(std::move(match), [change = std::move(change)](const Frame& frame, unsigned) {
    return Fate{{{.changed = change(frame)}}, "rewritten"};
  });
}

Bytes replace_payload(const Frame& frame, const std::string& payload) {
  Tins::EthernetII ethernet(reinterpret_cast<const std::uint8_t*>(frame.bytes().data()),
                            static_cast<std::uint32_t>(frame.bytes().size()));
  Tins::PDU* transport = ethernet.find_pdu<Tins::UDP>();
  if (transport == nullptr) transport = ethernet.find_pdu<Tins::TCP>();
  if (transport == nullptr) throw std::logic_error("replace payload: neither UDP nor TCP");
  transport->inner_pdu(Tins::RawPDU(payload));
  const auto bytes = ethernet.serialize();  // computes lengths and checksums anew
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

Rule cut() {
  return [](const Frame&) -> std::optional<Fate> { return Fate{{}, "cable cut"}; };
}

}  // namespace wirelab
