#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/lab_main.hh"

namespace wirelab {

// ---- segment.cc: a segment as bytes -------------------------------------------------------------

/// Flag bits of the TCP header (RFC 9293, section 3.1).
namespace flag {
inline constexpr std::uint8_t fin = 0x01;  ///< the sender has no more data
inline constexpr std::uint8_t syn = 0x02;  ///< opens a connection
inline constexpr std::uint8_t rst = 0x04;  ///< breaks it off, or refuses it
inline constexpr std::uint8_t psh = 0x08;  ///< the receiver need not wait for more
inline constexpr std::uint8_t ack = 0x10;  ///< the acknowledgment number counts
}  // namespace flag

/// A TCP segment. All numbers are in host byte order.
struct Segment {
  std::uint16_t source_port = 0;       ///< of the sender's socket
  std::uint16_t destination_port = 0;  ///< of the receiver's
  std::uint32_t sequence = 0;          ///< number of the first byte of data, or of SYN or FIN
  std::uint32_t acknowledgment = 0;    ///< number of the next byte that is expected; only with flag::ack
  std::uint8_t flags = 0;              ///< see namespace flag
  std::uint16_t window = 0;            ///< how many bytes from `acknowledgment` on may come
  std::optional<std::uint16_t> maximum_segment_size = {};  ///< option of a SYN, nothing when it is not there
  std::string data = {};                                   ///< what follows the header
};

/// The internet checksum (RFC 1071): the complement of the ones' complement sum of all 16-bit words in
/// network byte order, as a number in host byte order. 0 when `bytes` holds a right checksum.
std::uint16_t internet_checksum(std::span<const std::byte> bytes);

/// The segment as it travels inside an IPv4 packet between these hosts, with its checksum.
std::vector<std::byte> to_bytes(const Segment& segment, in_addr source, in_addr destination);

/// The segment in an IPv4 packet as a raw socket hands it over, IP header first. Nothing when the packet is
/// not from `source` to `destination`, is cut short, or does not have the right TCP checksum.
std::optional<Segment> from_packet(std::span<const std::byte> packet, in_addr source, in_addr destination);

// ---- connection.cc: the other half of the kernel's TCP ------------------------------------------

/// One TCP connection as a client, over a raw socket. Throws std::system_error when the server refuses,
/// breaks the connection off, or is silent for too long.
class Connection {
 public:
  /// For deadlines: never set back.
  using Clock = std::chrono::steady_clock;
  /// As the command line gives times.
  using Seconds = std::chrono::duration<double>;

  /// Nothing is sent yet. `silence`: how long to wait for a sign of life from the server before giving up.
  Connection(const Address& server, Seconds silence);

  /// The three-way handshake. Call it once, and first.
  void open();

  /// Hands over bytes to send; they go as the server's window lets them, during this call and later ones.
  void send(const std::string& data);

  /// The next bytes in order, at least one; none when the server has sent its FIN. Waits for them.
  std::string receive();

  /// Sends the FIN, and waits for its acknowledgment and the server's FIN.
  void close();

 private:
  // in and out
  void send_segment(std::uint32_t sequence, std::uint8_t flags, const std::string& data);
  void acknowledge() { send_segment(next_, flag::ack, ""); }
  std::optional<Segment> receive_until(Clock::time_point deadline);
  Segment await_segment();

  // sending
  void transmit();
  [[nodiscard]] std::size_t may_send(std::size_t unsent) const;
  void send_again();
  void start_timer();

  // receiving
  void handle(const Segment& segment);
  bool heed_acknowledgment(const Segment& segment);
  void note_window(const Segment& segment);
  [[nodiscard]] std::size_t within_window(const Segment& segment) const;
  void take(Segment segment);
  void time_wait();

  std::string server_name_;  // 10.12.0.2:1060
  in_addr server_;
  in_addr own_;
  std::uint16_t server_port_;
  std::uint16_t port_;
  Descriptor socket_;

  // What we send. In brackets the names of RFC 9293, section 3.3.1.
  std::uint32_t unacknowledged_;       // the first number that the server has not acknowledged [SND.UNA]
  std::uint32_t next_;                 // the first number that was never sent [SND.NXT]
  std::string outgoing_;               // data from `unacknowledged_` on, sent or not
  std::size_t largest_segment_ = 536;  // data that the server takes in one segment (section 3.7.1)
  std::uint32_t window_ = 0;  // bytes from `unacknowledged_` on that the server has room for [SND.WND]
  std::uint32_t window_sequence_ = 0;        // of the segment that said so [SND.WL1]
  std::uint32_t window_acknowledgment_ = 0;  // [SND.WL2]
  bool finishing_ = false;                   // a FIN follows `outgoing_`
  bool finished_ = false;                    // it has been sent

  // What we receive.
  bool established_ = false;    // the SYN-ACK has come
  std::uint32_t expected_ = 0;  // the next number that is not here yet [RCV.NXT]
  std::int64_t taken_ = 0;      // bytes taken in order since the SYN: this one never wraps around
  std::map<std::int64_t, std::string> early_;  // pieces behind a gap, by how many bytes stand before them
  std::optional<std::int64_t> length_;  // how many bytes stand before the server's FIN, once it has come
  std::string received_;                // taken, and not yet fetched with `receive`
  bool ended_ = false;                  // all of them, and the FIN

  // Time.
  static constexpr Seconds time_to_wait{1};  // in TIME-WAIT; four minutes in RFC 9293, section 3.4.2
  Seconds silence_;
  Clock::time_point heard_;  // when the last segment of this connection came
  Seconds time_out_{1};      // RFC 6298, section 2.1
  Clock::time_point send_again_at_ = Clock::time_point::max();  // max(): nothing waits for an acknowledgment
};

// ---- http.cc: the page --------------------------------------------------------------------------

/// What an HTTP answer says before its body (RFC 9112).
struct Head {
  int status = 0;                     ///< 200
  std::string reason;                 ///< "OK"
  std::optional<std::size_t> length;  ///< Content-Length; without it the body ends with the connection
  std::size_t size = 0;               ///< bytes of the head itself, the empty line included
};

/// The request for a page (RFC 9112, section 3): `GET /path HTTP/1.1` and its headers.
std::string request_for(const std::string& host, std::uint16_t port, const std::string& path);

/// The head of an answer; nothing while its empty line has not come. Throws std::runtime_error when it is no
/// HTTP answer.
std::optional<Head> read_head(const std::string& answer);

/// `raw_tcp HOST PATH`: fetches the page and prints its body.
void fetch(const Arguments& arguments);

}  // namespace wirelab
