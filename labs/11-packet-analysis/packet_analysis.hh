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

/// Bytes of a packet or file that somebody else holds.
using ByteSpan = std::span<const std::byte>;
/// Times and spans: fine enough for every capture format.
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
inline constexpr std::uint8_t fin = 0x01;  ///< the sender has no more data
inline constexpr std::uint8_t syn = 0x02;  ///< opens a connection
inline constexpr std::uint8_t rst = 0x04;  ///< breaks it off, or refuses it
inline constexpr std::uint8_t psh = 0x08;  ///< the receiver need not wait for more
inline constexpr std::uint8_t ack = 0x10;  ///< the acknowledgment number counts
inline constexpr std::uint8_t urg = 0x20;  ///< the urgent pointer counts
inline constexpr std::uint8_t ece = 0x40;  ///< congestion was met on the way (RFC 3168)
inline constexpr std::uint8_t cwr = 0x80;  ///< the sender has slowed down for it (RFC 3168)
}  // namespace flag

/// A TCP segment: what its headers say.
struct Segment {
  std::uint64_t packet = 0;           ///< Packet::number
  Nanoseconds time{0};                ///< Packet::time
  Address source;                     ///< of its IP header, with the port of its TCP header
  Address destination;                ///< likewise
  std::uint32_t sequence = 0;         ///< as in the header: counted from the sender's initial number
  std::uint32_t acknowledgment = 0;   ///< as in the header; only with flag::ack
  std::uint8_t flags = 0;             ///< see namespace flag
  std::uint16_t window = 0;           ///< as in the header, not scaled
  std::uint32_t length = 0;           ///< bytes of data, whether or not the capture kept them
  std::optional<std::uint16_t> mss;   ///< option 2: the largest segment that the sender wants to get
  std::optional<std::uint8_t> scale;  ///< option 3: by how many bits the sender's windows will be shifted

  /// Whether any of these flags is set.
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
  /// Nothing is known but its address and port.
  explicit Side(const Address& address) : address_(address) {}

  /// With its port.
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
  bool syn_seen = false;                 ///< it has opened the connection, or answered
  bool fin_seen = false;                 ///< it has no more data
  std::optional<std::uint16_t> mss;      ///< from its SYN: Segment::mss
  std::optional<std::uint16_t> window;   ///< from its SYN: Segment::window
  std::optional<std::uint8_t> scale;     ///< from its SYN: Segment::scale
  std::uint64_t segments = 0;            ///< that it sent, retransmissions included
  std::uint64_t bytes = 0;               ///< of its stream, each counted once
  std::uint64_t retransmissions = 0;     ///< of its segments, those that carried something again
  std::uint64_t fast = 0;                ///< of the retransmissions

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
  Segment segment;                  ///< as it was read
  bool from_client = true;          ///< which side sent it
  std::int64_t sequence = 0;        ///< its position in the sender's stream
  std::int64_t acknowledgment = 0;  ///< a position in the other side's stream
  std::uint64_t window = 0;         ///< in bytes
  bool retransmission = false;      ///< see Side::send
  bool fast = false;                ///< see Side::is_fast
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

  /// Takes in the next segment of either side, in the capture's order.
  void add(const Segment& segment);

  /// Whether this segment opens another connection between the same two sockets.
  [[nodiscard]] bool is_over_with(const Segment& segment) const;

  /// How it ended, by what has been added so far.
  [[nodiscard]] End end() const;

  /// The side that opened the connection, as far as the file tells.
  [[nodiscard]] const Side& client() const { return client_; }
  /// The other side.
  [[nodiscard]] const Side& server() const { return server_; }
  /// Its segments, in the capture's order.
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// From the client's last SYN to the ACK that completes the handshake; empty before that.
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
  /// Gives a segment to its connection, which begins with it if there is none.
  void add(const Segment& segment);
  /// They stay where they are when others are added.
  [[nodiscard]] const std::deque<Connection>& connections() const { return connections_; }

 private:
  std::deque<Connection> connections_;
  std::map<std::pair<std::string, std::string>, Connection*> latest_;  ///< by both ends, in either order
};

/// What is to be printed of each connection besides the usual.
struct Wishes {
  bool segments = false;  ///< a line for each segment
  bool ladder = false;    ///< the segments as a ladder
};

/// Prints the lines that the handout's contract asks for.
void print(std::ostream& out, const Analysis& analysis, const Wishes& wishes);

}  // namespace wirelab
