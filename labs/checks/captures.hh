#pragma once

// What the checks of lab 11 make captures with, and how they know what is in them. It stands outside the
// lab's folder because it works out what part 3 of that lab asks for: do not read it before you have written
// that.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grader/network/capture.hh"
#include "grader/network/frame.hh"

namespace wirelab {

// ---- captures
// -------------------------------------------------------------------------------------------------------

/// Flags, in the spelling of the header's picture; in small letters they are matches.
inline constexpr std::uint8_t FIN = tcp_flag::fin, SYN = tcp_flag::syn, RST = tcp_flag::rst,
                              PSH = tcp_flag::psh, ACK = tcp_flag::ack;

/// A packet of a capture that is to be written.
struct Recorded {
  Bytes bytes;                      ///< the whole frame
  std::chrono::nanoseconds time{};  ///< since the beginning of 1970
};
using Capture = std::vector<Recorded>;

/// Any day will do: what a capture says depends on the differences alone.
inline std::chrono::nanoseconds time_of_day(std::chrono::steady_clock::time_point time) {
  static const auto first = time - std::chrono::hours(1);
  return std::chrono::seconds(1'700'000'000) + (time - first);
}

/// The frames as somebody at their senders' ends recorded them: lost or not, in the order in which they were
/// sent.
inline Capture as_sent(const std::vector<CapturedFrame>& frames) {
  Capture capture;
  for (const CapturedFrame& one : frames) {
    capture.push_back({Bytes(one.frame.bytes().begin(), one.frame.bytes().end()), time_of_day(one.time)});
  }
  return capture;
}

/// The frames as somebody at the receivers' ends recorded them: what was lost is not there, duplicates are
/// there twice.
inline Capture as_received(std::vector<CapturedFrame> frames) {
  std::erase_if(frames, [](const CapturedFrame& one) { return !one.arrived; });
  std::ranges::stable_sort(frames, {}, [](const CapturedFrame& one) { return *one.arrived; });
  Capture capture;
  for (const CapturedFrame& one : frames) {
    for (unsigned i = 0; i < one.arrivals; ++i) {
      capture.push_back(
          {Bytes(one.frame.bytes().begin(), one.frame.bytes().end()), time_of_day(*one.arrived)});
    }
  }
  return capture;
}

/// How a capture is written down. The default is what tcpdump writes on most machines.
struct Form {
  bool big_endian = false;
  bool nanoseconds = false;
  std::size_t snap = 262144;    ///< bytes kept of each packet
  std::uint32_t link_type = 1;  ///< Ethernet
};

/// A string of bytes under construction.
class Writer {
 public:
  explicit Writer(bool big_endian) : big_endian_(big_endian) {}

  Writer& number(std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      text_ += static_cast<char>(value >> 8 * (big_endian_ ? width - 1 - i : i));
    }
    return *this;
  }
  Writer& bytes(const Bytes& bytes, std::size_t count) {
    text_.append(reinterpret_cast<const char*>(bytes.data()), count);
    return *this;
  }
  Writer& text(const std::string& text) {
    text_ += text;
    return *this;
  }
  Writer& pad_to(std::size_t multiple) {
    text_.resize((text_.size() + multiple - 1) / multiple * multiple, '\0');
    return *this;
  }
  [[nodiscard]] const std::string& take() const { return text_; }

 private:
  bool big_endian_;
  std::string text_;
};

/// A file in the format of pcap-savefile(5).
inline std::string pcap(const Capture& capture, const Form& form = {}) {
  Writer file(form.big_endian);
  file.number(form.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4).number(2, 2).number(4, 2).number(0, 8);
  file.number(form.snap, 4).number(form.link_type, 4);
  for (const Recorded& one : capture) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(one.time);
    const std::int64_t rest = (one.time - seconds).count();
    const std::size_t kept = std::min(form.snap, one.bytes.size());
    file.number(seconds.count(), 4).number(form.nanoseconds ? rest : rest / 1000, 4);
    file.number(kept, 4).number(one.bytes.size(), 4).bytes(one.bytes, kept);
  }
  return file.take();
}

// ---- frames
// ---------------------------------------------------------------------------------------------------------

inline void put(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i)
    bytes[at + i] = static_cast<std::byte>(value >> 8 * (width - 1 - i));
}

inline std::uint32_t get(const Bytes& bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// The internet checksum (RFC 1071) of what begins at `at`, on top of a sum.
inline std::uint16_t checksum(const Bytes& bytes, std::size_t at, std::size_t end, std::uint32_t sum = 0) {
  for (std::size_t i = at; i < end; i += 2) sum += i + 1 < end ? get(bytes, i, 2) : get(bytes, i, 1) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// Where things are in an untagged IPv4 frame.
inline constexpr std::size_t ip_at = 14;
inline std::size_t tcp_at(const Bytes& frame) { return ip_at + 4 * (get(frame, ip_at, 1) & 0xf); }

/// Makes the checksums of an untagged TCP/IPv4 frame right.
inline void mend(Bytes& frame) {
  const std::size_t header_at = tcp_at(frame), end = ip_at + get(frame, ip_at + 2, 2);
  put(frame, ip_at + 10, 0, 2);
  put(frame, ip_at + 10, checksum(frame, ip_at, header_at), 2);
  std::uint32_t pseudo = static_cast<std::uint32_t>(6 + end - header_at);
  for (std::size_t at = ip_at + 12; at < ip_at + 20; at += 2) pseudo += get(frame, at, 2);
  put(frame, header_at + 16, 0, 2);
  put(frame, header_at + 16, checksum(frame, header_at, end, pseudo), 2);
}

inline Bytes to_bytes(const std::string& text) {
  Bytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

/// A TCP segment over IPv4, to be made by hand.
struct Craft {
  Address source, destination;
  std::uint32_t sequence = 0, acknowledgment = 0;
  std::uint8_t flags = ACK;
  std::string data = {};
  std::uint16_t window = 500;
  std::string options = {};  ///< filled up with zeros to a multiple of 4
};

inline std::uint32_t number_of(const Address& address) {
  std::uint32_t value = 0;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (std::sscanf(address.host().c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) == 4)
    value = a << 24 | b << 16 | c << 8 | d;
  return value;
}

/// The whole Ethernet frame, with right checksums.
inline Bytes frame_of(const Craft& craft) {
  const std::size_t header = 20 + (craft.options.size() + 3) / 4 * 4;
  Bytes frame(ip_at + 20 + header + craft.data.size());
  put(frame, 0, 0x020000000002, 6);
  put(frame, 6, 0x020000000001, 6);
  put(frame, 12, 0x0800, 2);
  put(frame, ip_at, 0x45, 1);
  put(frame, ip_at + 2, frame.size() - ip_at, 2);
  put(frame, ip_at + 6, 0x4000, 2);  // don't fragment
  put(frame, ip_at + 8, 64, 1);
  put(frame, ip_at + 9, 6, 1);
  put(frame, ip_at + 12, number_of(craft.source), 4);
  put(frame, ip_at + 16, number_of(craft.destination), 4);
  const std::size_t header_at = ip_at + 20;
  put(frame, header_at, craft.source.port(), 2);
  put(frame, header_at + 2, craft.destination.port(), 2);
  put(frame, header_at + 4, craft.sequence, 4);
  put(frame, header_at + 8, craft.acknowledgment, 4);
  put(frame, header_at + 12, header / 4 << 4, 1);
  put(frame, header_at + 13, craft.flags, 1);
  put(frame, header_at + 14, craft.window, 2);
  std::ranges::copy(to_bytes(craft.options), frame.begin() + static_cast<std::ptrdiff_t>(header_at + 20));
  std::ranges::copy(to_bytes(craft.data), frame.begin() + static_cast<std::ptrdiff_t>(header_at + header));
  mend(frame);
  return frame;
}

/// The same TCP frame, its numbers moved on as if both sides had begun elsewhere.
inline Bytes with_numbers_moved(Bytes frame, std::uint32_t sequence, std::uint32_t acknowledgment) {
  const std::size_t header_at = tcp_at(frame);
  put(frame, header_at + 4, get(frame, header_at + 4, 4) + sequence, 4);
  if ((get(frame, header_at + 13, 1) & ACK) != 0)
    put(frame, header_at + 8, get(frame, header_at + 8, 4) + acknowledgment, 4);
  mend(frame);
  return frame;
}

/// The same frame with a VLAN tag (IEEE 802.1Q).
inline Bytes with_tag(Bytes frame, std::uint16_t tag_type, std::uint16_t vlan) {
  Bytes tag(4);
  put(tag, 0, tag_type, 2);
  put(tag, 2, vlan, 2);
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  return frame;
}

/// The same frame with options in its IP header; their number of bytes is a multiple of 4.
inline Bytes with_ip_options(Bytes frame, const std::string& options) {
  const Bytes inserted = to_bytes(options);
  frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(tcp_at(frame)), inserted.begin(), inserted.end());
  put(frame, ip_at, 0x45 + inserted.size() / 4, 1);
  put(frame, ip_at + 2, get(frame, ip_at + 2, 2) + inserted.size(), 2);
  mend(frame);
  return frame;
}

/// A conversation that never took place: the segments follow one another a millisecond apart, with the
/// numbers that they should have.
class Conversation {
 public:
  struct End {
    Address at;
    std::uint32_t next;  ///< sequence number
  };

  Conversation(Capture& capture, End client, End server)
      : capture_(capture), client_(client), server_(server) {}

  /// A segment with these flags, data and options.
  Conversation& client(std::uint8_t flags, const std::string& data = "", const std::string& options = "",
                       std::uint16_t window = 500) {
    return say(client_, server_, flags, data, options, window);
  }
  Conversation& server(std::uint8_t flags, const std::string& data = "", const std::string& options = "",
                       std::uint16_t window = 500) {
    return say(server_, client_, flags, data, options, window);
  }
  Conversation& handshake() { return client(SYN).server(SYN | ACK).client(ACK); }
  /// The segment that was said `back` segments ago (1: the last one), once more.
  Conversation& again(std::size_t back) {
    Bytes bytes = said_.at(said_.size() - back);
    record(std::move(bytes));
    return *this;
  }
  /// The same with other options.
  Conversation& again_with_options(std::size_t back, const std::string& options) {
    const Frame said(said_.at(said_.size() - back));
    const Headers& is = said.headers();
    record(frame_of({is.source, is.destination, is.sequence, is.acknowledgment, is.flags, is.payload,
                     is.window, options}));
    return *this;
  }
  Conversation& pause(std::chrono::nanoseconds time) {
    pause_ = time;
    return *this;
  }
  [[nodiscard]] End& client_end() { return client_; }
  [[nodiscard]] End& server_end() { return server_; }

 private:
  Conversation& say(End& from, const End& to, std::uint8_t flags, const std::string& data,
                    const std::string& options, std::uint16_t window) {
    const bool acknowledges = (flags & ACK) != 0;
    record(frame_of({from.at, to.at, from.next, acknowledges ? to.next : 0, flags, data, window, options}));
    from.next += static_cast<std::uint32_t>(data.size());
    if ((flags & (SYN | FIN)) != 0) ++from.next;
    return *this;
  }
  void record(Bytes bytes) {
    const auto last =
        capture_.empty() ? std::chrono::nanoseconds(1'700'000'000'123'456'789) : capture_.back().time;
    capture_.push_back({bytes, last + pause_});
    pause_ = std::chrono::milliseconds(1);
    said_.push_back(std::move(bytes));
  }

  Capture& capture_;
  End client_, server_;
  std::vector<Bytes> said_;
  std::chrono::nanoseconds pause_ = std::chrono::milliseconds(1);
};

// ---- what is true of a capture
// --------------------------------------------------------------------------------------

/// One side of a connection.
struct SideTruth {
  std::optional<std::uint32_t> initial;  ///< sequence number of the SYN, or what counts as that
  bool syn = false, fin = false;
  std::optional<unsigned> mss, window, scale;
  std::uint64_t segments = 0, bytes = 0, retransmissions = 0, out_of_order = 0;
  std::vector<bool> carried;  ///< by relative number
};

/// One segment, with numbers relative to the SYNs.
struct SegmentTruth {
  std::size_t packet;
  bool from_client;
  std::uint8_t flags;
  std::uint32_t sequence, acknowledgment;
  std::size_t length;
  std::uint64_t window;
  bool retransmission;
};

struct ConnectionTruth {
  Address client_address, server_address;
  SideTruth client, server;
  std::string handshake = "unseen";
  std::optional<std::chrono::nanoseconds> syn_sent, round_trip;
  bool answered = false;
  std::string broken_off;
  std::vector<SegmentTruth> segments;

  [[nodiscard]] std::string end() const {
    if (!broken_off.empty()) return broken_off;
    if (client.fin && server.fin) return "closed";
    if (client.syn && server.segments == 0) return "unanswered";
    if (client.fin) return "half-closed by=client";
    if (server.fin) return "half-closed by=server";
    return "open";
  }
};

/// Reads a capture as the handout's contract says, from frames that are whole and as libtins decodes them. It
/// shares nothing with the solution: numbers are marked one by one.
class Truth {
 public:
  static std::vector<ConnectionTruth> of(const Capture& capture) {
    Truth truth;
    for (std::size_t i = 0; i < capture.size(); ++i) truth.read(i + 1, capture[i]);
    return std::move(truth.connections_);
  }

 private:
  void read(std::size_t packet, const Recorded& recorded) {
    const Headers is = decode(recorded.bytes);
    if (is.protocol != Headers::Protocol::tcp || is.fragment) return;
    ConnectionTruth& connection = find(is);
    const bool from_client = is.source == connection.client_address;
    SideTruth& from = from_client ? connection.client : connection.server;
    SideTruth& to = from_client ? connection.server : connection.client;
    note_handshake(connection, is, from_client, recorded.time);
    if (has(is, RST) && connection.broken_off.empty() && !(from.fin && to.fin)) {
      const bool refused = !from_client && to.syn && from.segments == 0;
      connection.broken_off = refused ? "refused" : from_client ? "reset by=client" : "reset by=server";
    }
    if (has(is, FIN)) from.fin = true;
    ++from.segments;
    const std::uint32_t sequence = relative(from, is.sequence);
    const bool again = mark(from, is, sequence);
    const std::uint32_t acknowledgment = has(is, ACK) ? relative(to, is.acknowledgment) : 0;
    const bool scaled = connection.client.scale && connection.server.scale && !has(is, SYN);
    connection.segments.push_back({packet, from_client, is.flags, sequence, acknowledgment, is.payload.size(),
                                   std::uint64_t{is.window} << (scaled ? std::min(*from.scale, 14u) : 0),
                                   again});
  }

  static bool has(const Headers& is, std::uint8_t bits) { return (is.flags & bits) != 0; }

  ConnectionTruth& find(const Headers& is) {
    const bool opens = has(is, SYN) && !has(is, ACK);
    for (auto one = connections_.rbegin(); one != connections_.rend(); ++one) {
      const bool same = one->client_address == is.source && one->server_address == is.destination;
      const bool answer = one->server_address == is.source && one->client_address == is.destination;
      if (!same && !answer) continue;
      if (opens && !(same && one->client.syn && one->client.initial == is.sequence)) break;
      return *one;
    }
    ConnectionTruth& one = connections_.emplace_back();
    const bool answers = has(is, SYN) && has(is, ACK);
    one.client_address = answers ? is.destination : is.source;
    one.server_address = answers ? is.source : is.destination;
    return one;
  }

  static void note_handshake(ConnectionTruth& connection, const Headers& is, bool from_client,
                             std::chrono::nanoseconds time) {
    const bool opens = has(is, SYN), acknowledges = has(is, ACK);
    SideTruth& from = from_client ? connection.client : connection.server;
    if (opens && !from.syn) {
      from.syn = true;
      from.initial = is.sequence;
      from.window = is.window;
      if (is.maximum_segment_size) from.mss = *is.maximum_segment_size;
      if (is.window_scale) from.scale = std::min<unsigned>(*is.window_scale, 14);
      if (connection.handshake == "unseen") connection.handshake = "incomplete";
    }
    if (connection.round_trip) return;
    if (from_client && opens && !acknowledges) connection.syn_sent = time;
    if (!from_client && opens && acknowledges && connection.syn_sent) connection.answered = true;
    if (from_client && !opens && acknowledges && !has(is, RST) && connection.answered) {
      connection.round_trip = time - *connection.syn_sent;
      connection.handshake = "complete";
    }
  }

  static std::uint32_t relative(SideTruth& side, std::uint32_t number) {
    if (!side.initial) side.initial = number - 1;
    return number - *side.initial;
  }

  /// Marks what the segment carries; whether any of it was marked before.
  static bool mark(SideTruth& side, const Headers& is, std::uint32_t sequence) {
    if (has(is, RST)) return false;
    const std::size_t first = has(is, SYN) ? 1 : 0, last = has(is, FIN) ? 1 : 0;
    const std::size_t end = sequence + first + is.payload.size() + last;
    if (end > 64u << 20 || end == sequence) return false;  // nothing, or before the beginning
    const std::size_t highest = side.carried.size();
    if (end > side.carried.size()) side.carried.resize(end);
    bool before = false;
    for (std::size_t i = sequence; i < end; ++i) {
      if (side.carried[i]) {
        before = true;
      } else if (i >= sequence + first && i < end - last) {
        ++side.bytes;
      }
      side.carried[i] = true;
    }
    if (sequence < highest && !before) ++side.out_of_order;
    const bool keep_alive = is.payload.size() == 1 && first + last == 0 && end == highest;
    if (before && !keep_alive) ++side.retransmissions;
    return before && !keep_alive;
  }

  std::vector<ConnectionTruth> connections_;
};

}  // namespace wirelab
