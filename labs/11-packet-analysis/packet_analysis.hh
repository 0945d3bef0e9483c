#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hh"

// A file becomes packets (capture_file.cc), a packet becomes a TCP segment (packet.cc), and the segments of
// two sockets become the story of a connection (connection.cc).

namespace wirelab {

using ByteSpan = std::span<const std::byte>;
using Nanoseconds = std::chrono::nanoseconds;

// ---- capture_file.cc
// ------------------------------------------------------------------------------------------------

/// One packet as it stands in a capture file.
struct Packet {
  std::uint64_t number = 0;  ///< its place in the file, from 1: Wireshark's column "No."
  Nanoseconds time{0};       ///< since the beginning of 1970
  ByteSpan bytes;  ///< an Ethernet frame; its beginning only, if the capture cut it short ("snapped" it)
};

/// A capture file, held in memory. See pcap-savefile(5); stretch: pcapng.
class CaptureFile {
 public:
  /// `name` is for messages. Throws std::runtime_error, `read FILE: this is no capture file`, when the
  /// content does not begin as one, and when its packets are not Ethernet frames.
  CaptureFile(std::string name, std::vector<std::byte> content);

  /// The next packet, or nothing after the last one; it points into this file. Throws std::runtime_error when
  /// the file ends in the middle of a packet.
  std::optional<Packet> next();

 private:
  /// pcapng: how packets of one network interface are stored.
  struct Interface {
    std::uint32_t link_type;
    std::uint32_t snap_length;  ///< bytes kept of each packet; 0: all
    std::uint64_t ticks_per_second;
  };

  [[noreturn]] void fail(const std::string& reason) const;
  [[nodiscard]] std::uint32_t number(ByteSpan bytes, std::size_t at, std::size_t width) const;
  ByteSpan take(std::size_t count);
  void read_file_header();
  std::optional<Packet> next_record();
  std::optional<Packet> next_block();
  void begin_section();
  void describe_interface(ByteSpan body);
  [[nodiscard]] Packet enhanced_packet_in(ByteSpan body) const;
  [[nodiscard]] Packet simple_packet_in(ByteSpan body) const;

  std::string name_;
  std::vector<std::byte> content_;
  std::size_t at_ = 0;                 ///< where reading goes on
  std::uint64_t packets_ = 0;          ///< so far
  bool little_endian_ = true;          ///< the byte order of the machine that wrote the file
  bool in_nanoseconds_ = false;        ///< pcap: times count nanoseconds instead of microseconds
  bool has_blocks_ = false;            ///< pcapng
  std::vector<Interface> interfaces_;  ///< pcapng
};

// ---- packet.cc
// ------------------------------------------------------------------------------------------------------

/// Flag bits of the TCP header (RFC 9293, section 3.1).
namespace flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10, urg = 0x20,
                              ece = 0x40, cwr = 0x80;
}

/// A TCP segment: what its headers say.
struct Segment {
  std::uint64_t packet = 0;  ///< Packet::number
  Nanoseconds time{0};
  Address source, destination;
  std::uint32_t sequence = 0, acknowledgment = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;           ///< as in the header, not scaled
  std::uint32_t length = 0;           ///< bytes of data, whether or not the capture kept them
  std::optional<std::uint16_t> mss;   ///< option 2: the largest segment that the sender wants to get
  std::optional<std::uint8_t> scale;  ///< option 3: by how many bits the sender's windows will be shifted

  [[nodiscard]] bool has(std::uint8_t bits) const { return (flags & bits) != 0; }
};

/// The TCP segment in an Ethernet frame; nothing when the frame holds something else, or too little to tell.
std::optional<Segment> read_segment(const Packet& packet);

// ---- connection.cc
// --------------------------------------------------------------------------------------------------

/// A set of whole numbers, as ranges: which sequence numbers of a stream have been seen.
class Ranges {
 public:
  /// Adds the numbers from `begin` up to, but not including, `end`. Returns how many of them were not there
  /// yet.
  std::int64_t add(std::int64_t begin, std::int64_t end);

 private:
  std::map<std::int64_t, std::int64_t> ranges_;  ///< from first number to end; they neither meet nor overlap
};

/// One end of a connection, and what it sent.
class Side {
 public:
  explicit Side(const Address& address) : address_(address) {}

  [[nodiscard]] const Address& address() const { return address_; }

  /// The place of a sequence number in this side's stream: 0 for its SYN, 1 for its first byte of data, and
  /// so on, also beyond 2^32. Before a SYN was seen, the first number that is asked for counts as 1.
  std::int64_t position(std::uint32_t number);

  /// Takes note of a segment that this side sent; `begin` is its position. Returns whether it is a
  /// retransmission.
  bool send(const Segment& segment, std::int64_t begin);

  /// Takes note of an acknowledgment for this side: the other one expects `position` next.
  void hear(const Segment& segment, std::int64_t position);

  /// Whether a retransmission that begins here answers three duplicate acknowledgments (RFC 5681,
  /// section 3.2).
  bool is_fast(std::int64_t begin);

  std::optional<std::uint32_t> initial;  ///< the sequence number of its SYN, seen or worked out
  bool syn_seen = false, fin_seen = false;
  std::optional<std::uint16_t> mss, window;  ///< from its SYN
  std::optional<std::uint8_t> scale;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;  ///< of its stream, each counted once
  std::uint64_t retransmissions = 0;
  std::uint64_t fast = 0;  ///< of the retransmissions

 private:
  Address address_;
  Ranges seen_;            ///< positions that its segments carried
  std::int64_t next_ = 0;  ///< the position after the highest one seen

  /// What the other side acknowledged last, and so asks for next.
  struct Request {
    std::int64_t position = 0;
    std::uint16_t window = 0;  ///< as in the header
    unsigned duplicates = 0;   ///< how often it was asked again
    bool granted = false;      ///< what begins there has been sent again
  };
  std::optional<Request> request_;
};

/// A segment as its connection sees it.
struct Event {
  Segment segment;
  bool from_client = true;
  std::int64_t sequence = 0, acknowledgment = 0;  ///< positions
  std::uint64_t window = 0;                       ///< in bytes
  bool retransmission = false, fast = false;
};

/// How a connection ended, as far as the file tells.
enum class End {
  refused,
  reset_by_client,
  reset_by_server,
  closed,
  unanswered,
  half_closed_by_client,
  half_closed_by_server,
  open
};

/// Two sockets that talk, from the first segment to the last.
class Connection {
 public:
  /// Begins with its first segment, which is to be added as well.
  explicit Connection(const Segment& first);

  void add(const Segment& segment);

  /// Whether this segment opens another connection between the same two sockets.
  [[nodiscard]] bool is_over_with(const Segment& segment) const;

  [[nodiscard]] End end() const;

  [[nodiscard]] const Side& client() const { return client_; }
  [[nodiscard]] const Side& server() const { return server_; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] std::optional<Nanoseconds> round_trip() const { return round_trip_; }

 private:
  void follow_handshake(const Segment& segment, bool from_client);
  void follow_end(const Segment& segment, bool from_client);
  [[nodiscard]] std::uint64_t window_of(const Segment& segment, const Side& sender) const;

  Side client_, server_;
  std::vector<Event> events_;
  std::optional<Nanoseconds> last_syn_;    ///< when the client last sent its SYN
  bool syn_answered_ = false;              ///< by a SYN with ACK
  std::optional<Nanoseconds> round_trip_;  ///< of the handshake, once it is complete
  std::optional<End> broken_off_;          ///< by a RST
};

/// All connections of a capture, in the order in which they begin.
class Analysis {
 public:
  void add(const Segment& segment);
  [[nodiscard]] const std::deque<Connection>& connections() const { return connections_; }

 private:
  std::deque<Connection> connections_;
  std::map<std::pair<std::string, std::string>, Connection*> latest_;  ///< by both ends, in either order
};

/// What is to be printed of each connection besides the usual.
struct Wishes {
  bool segments = false, ladder = false;
};

/// Prints the lines that the handout's contract asks for.
void print(std::ostream& out, const Analysis& analysis, const Wishes& wishes);

}  // namespace wirelab
