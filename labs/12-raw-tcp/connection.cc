#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "raw_tcp.hh"

// A TCP connection by hand. The states of RFC 9293, section 3.3.2, are told by four members:
//
//   established_  finished_  ended_     state
//        no          no        no       SYN-SENT       our SYN is on its way
//        yes         no        no       ESTABLISHED    data in both directions
//        yes         no        yes      CLOSE-WAIT     the server has finished, we have not
//        yes         yes       no       FIN-WAIT-1, and FIN-WAIT-2 once next_ == unacknowledged_
//        yes         yes       yes      CLOSING or LAST-ACK; at the end when next_ == unacknowledged_
//
// Sequence numbers count bytes modulo 2^32, and so they wrap around. Two of them are never compared with `<`:
// their difference, as a signed number, says which comes first (RFC 9293, section 3.4).

namespace wirelab {
namespace {

constexpr std::uint16_t own_window = 65535;       // what we take at once we fetch at once, so it stays open
constexpr std::uint16_t own_segment_size = 1460;  // a packet of 1500 bytes without two headers of 20
constexpr std::uint32_t largest_window = 65535;   // without the option of RFC 7323, which we do not offer
constexpr Connection::Seconds first_time_out{1}, longest_time_out{60};  // RFC 6298, section 2

/// How far `number` lies ahead of `reference`: negative when it lies behind.
std::int32_t distance(std::uint32_t number, std::uint32_t reference) {
  return static_cast<std::int32_t>(number - reference);
}

in_addr v4(const Address& address) { return reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr; }

}  // namespace

/// A raw socket for TCP: what we send begins with the TCP header, and the kernel puts the IP header in front;
/// what we receive are copies of all TCP segments that come to this host, IP header first. See raw(7). It
/// needs the capability CAP_NET_RAW. Errors read `socket: Operation not permitted`.
Descriptor open_raw_socket() {
  // TODO(12.5): make a raw IPv4 socket for TCP.
  todo("12.5");
}

/// The address from which this host sends to the server. It goes into the pseudo header before the kernel
/// chooses it for the packet, so the kernel must be asked: connect on a UDP socket sends nothing, but chooses
/// route and address (udp(7)), and local_address tells which. Errors read `connect 10.12.0.2:1060: Network is
/// unreachable`.
Address own_address_towards(const Address& server) {
  // TODO(12.5): connect a UDP socket to the server, and return its local address.
  todo("12.5", server);
}

/// A number from `low` to `high` that nobody can foresee. Who knows port and sequence numbers of a connection
/// can speak in it without seeing it (RFC 6056, RFC 6528), and who uses the same ones in every run meets
/// segments of the run before.
std::uint32_t unforeseeable(std::uint32_t low, std::uint32_t high) {
  // TODO(12.5): draw an evenly distributed number from std::random_device.
  todo("12.5", low, high);
}

Connection::Connection(const Address& server, Seconds silence)
    : server_name_(server.to_string()),
      server_(v4(server)),
      own_(v4(own_address_towards(server))),
      server_port_(server.port()),
      port_(static_cast<std::uint16_t>(unforeseeable(49152, 65535))),  // RFC 6335: the dynamic ports
      socket_(open_raw_socket()),
      unacknowledged_(unforeseeable(0, std::numeric_limits<std::uint32_t>::max())),
      next_(unacknowledged_),
      silence_(silence),
      heard_(Clock::now()) {}

// ---- in and out ---------------------------------------------------------------------------------

/// A SYN carries the MSS option; before the SYN-ACK has come there is nothing to acknowledge.
void Connection::send_segment(std::uint32_t sequence, std::uint8_t flags, const std::string& data) {
  Segment segment;
  segment.source_port = port_;
  segment.destination_port = server_port_;
  segment.sequence = sequence;
  segment.acknowledgment = (flags & flag::ack) != 0 ? expected_ : 0;
  segment.flags = flags;
  segment.window = own_window;
  if ((flags & flag::syn) != 0) segment.maximum_segment_size = own_segment_size;
  segment.data = data;

  const std::vector<std::byte> bytes = to_bytes(segment, own_, server_);
  sockaddr_in to{};  // with port 0: to a raw socket ports mean nothing
  to.sin_family = AF_INET;
  to.sin_addr = server_;
  while (sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) <
         0) {
    if (errno != EINTR) throw_errno("send to", server_name_);
  }
}

/// Waits for a segment of this connection, not longer than until the deadline. Everything else that the
/// socket hands over is somebody else's, or damaged, and counts for nothing.
std::optional<Segment> Connection::receive_until(Clock::time_point deadline) {
  std::vector<std::byte> packet(65535);
  do {
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    pollfd watched{socket_.get(), POLLIN, 0};
    const int ready = poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 60000)));
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready <= 0) continue;
    const ssize_t count = recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR) throw_errno("receive from", server_name_);
    if (count < 0) continue;
    auto segment = from_packet(std::span(packet).first(static_cast<std::size_t>(count)), server_, own_);
    if (segment && segment->source_port == server_port_ && segment->destination_port == port_) return segment;
  } while (Clock::now() < deadline);
  return std::nullopt;
}

/// The next segment of this connection. What the server does not acknowledge meanwhile is sent again, after
/// one second, then two, four ... (RFC 6298, section 5). Throws when the server has been silent for too long.
Segment Connection::await_segment() {
  while (true) {
    const auto give_up_at = heard_ + std::chrono::ceil<Clock::duration>(silence_);
    if (auto segment = receive_until(std::min(send_again_at_, give_up_at))) {
      heard_ = Clock::now();
      return *std::move(segment);
    }
    if (Clock::now() >= give_up_at) throw_errno("receive from", server_name_, ETIMEDOUT);
    time_out_ = std::min(2 * time_out_, longest_time_out);
    start_timer();
    send_again();
  }
}

// ---- the handshake ------------------------------------------------------------------------------

/// RFC 9293, section 3.5 and, for what may come in answer, 3.10.7.3. A SYN takes up one sequence number. Only
/// a segment that acknowledges exactly our SYN is an answer to it; any other belongs to an earlier
/// connection, or is forged: the server is told so (RST, with the number that it acknowledged), unless it is
/// a RST itself. With the SYN-ACK come the server's first sequence number, its window and its MSS, which is
/// 536 when it does not say. A refusal is an RST; its error reads `connect 10.12.0.2:1060: Connection
/// refused`.
/// - With the SYN: next_ goes one further, and start_timer.
/// - With the SYN-ACK: established_; unacknowledged_, expected_; window_, window_sequence_ and
///   window_acknowledgment_ (of this segment); largest_segment_; time_out_ is first_time_out again, and
///   start_timer. Then `acknowledge`.
void Connection::open() {
  heard_ = Clock::now();
  // TODO(12.6): send a SYN, wait for the SYN-ACK, note what it says, and acknowledge it.
  todo("12.6", first_time_out, established_, expected_, window_, largest_segment_);
}

// ---- sending ------------------------------------------------------------------------------------

void Connection::send(const std::string& data) {
  outgoing_ += data;
  transmit();
}

/// Sends what has not been sent yet, as far as may be; the FIN, which takes up one sequence number, behind
/// the last byte.
void Connection::transmit() {
  if (finished_) return;
  const bool idle = send_again_at_ == Clock::time_point::max();
  std::size_t sent = next_ - unacknowledged_;
  while (const std::size_t size = may_send(outgoing_.size() - sent)) {
    send_segment(next_, flag::ack | flag::psh, outgoing_.substr(sent, size));
    next_ += static_cast<std::uint32_t>(size);
    sent += size;
  }
  if (finishing_ && sent == outgoing_.size()) {
    send_segment(next_++, flag::fin | flag::ack, "");
    finished_ = true;
  }
  if (idle) start_timer();
}

/// How much of these bytes may go in one segment now: not more than the server's MSS, nor than its window has
/// room for. The window counts from `unacknowledged_`; what is on its way already takes up some of it.
std::size_t Connection::may_send(std::size_t unsent) const {
  // STRETCH(12.13): return how many bytes the next segment may carry.
  return unsent;
}

/// The time to send again begins anew, if there is anything the server has not acknowledged, or has not let
/// us send.
void Connection::start_timer() {
  const bool waiting = next_ != unacknowledged_ || !outgoing_.empty();
  send_again_at_ =
      waiting ? Clock::now() + std::chrono::ceil<Clock::duration>(time_out_) : Clock::time_point::max();
}

/// Sends the first segment again that has not been acknowledged: the SYN, data from `unacknowledged_` on, or
/// the FIN; the same numbers and the same bytes as the first time. When the server's window is closed, one
/// byte goes all the same, for the server must answer that, and say how its window is now: were the segment
/// lost that opens it, both would wait for ever (RFC 9293, section 3.8.6.1).
void Connection::send_again() {
  // STRETCH(12.12): send again what comes first of the things that are not acknowledged.
  return;
}

/// Takes note of the window, unless an older segment speaks of it (RFC 9293, section 3.10.7.4). When it
/// opens, whatever was sent into the closed one has been thrown away.
void Connection::note_window(const Segment& segment) {
  const std::int32_t newer = distance(segment.sequence, window_sequence_);
  if (newer < 0 || (newer == 0 && distance(segment.acknowledgment, window_acknowledgment_) < 0)) return;
  if (window_ == 0 && segment.window > 0 && next_ != unacknowledged_) send_again_at_ = Clock::now();
  window_ = segment.window;
  window_sequence_ = segment.sequence;
  window_acknowledgment_ = segment.acknowledgment;
}

// ---- receiving ----------------------------------------------------------------------------------

std::string Connection::receive() {
  while (received_.empty() && !ended_) {
    transmit();
    handle(await_segment());
  }
  return std::exchange(received_, {});
}

/// Takes note of what the segment acknowledges: that need not be kept any longer, and the timer begins anew,
/// with the first time-out. An acknowledgment of bytes that were never sent is not from this connection, and
/// neither is one that is older than a whole window (largest_window): then false (RFC 9293, section 3.10.7.4;
/// RFC 5961, section 5). With something new: unacknowledged_ moves on, outgoing_ loses as many bytes from its
/// front, time_out_ is first_time_out again, and start_timer. (Our FIN takes up a number, and no byte of
/// outgoing_: `erase` passes over what is not there.)
bool Connection::heed_acknowledgment(const Segment& segment) {
  // TODO(12.7): return false if it cannot be true; take what is acknowledged newly out of `outgoing_`.
  todo("12.7", segment, largest_window, outgoing_, unacknowledged_, next_);
}

/// A segment of the open connection, RFC 9293, section 3.10.7.4:
/// - a RST ends it when its sequence number is exactly the one expected; within the window it is answered
///   with an acknowledgment, and elsewhere it is nothing, or anybody could end our connections (RFC 5961,
///   section 3). The error reads `receive from 10.12.0.2:1060: Connection reset by peer`.
/// - a SYN is answered with an acknowledgment: our last one of the handshake was lost, or it is forged.
/// - one without an acknowledgment is nothing; one that acknowledges what cannot be is answered with ours.
/// - of every other note_window and take have their part, in this order.
/// It sets nothing by itself: heed_acknowledgment, note_window and take do.
void Connection::handle(const Segment& segment) {
  // TODO(12.7): do what the segment asks for.
  todo("12.7", segment, own_window);
}

/// How many bytes of the segment lie within the window that we have announced, counted from its first one.
/// What lies beyond is left over from an earlier connection, or forged (RFC 9293, section 3.10.7.4).
std::size_t Connection::within_window(const Segment& segment) const {
  // STRETCH(12.14): return how many bytes of data do not reach beyond the window.
  return segment.data.size();
}

/// Puts data in order. A segment may begin behind a gap, repeat what is here, or do both in part: when a
/// server sends again it may cut the bytes in other places. Every byte is taken once. `early_` keeps what
/// lies behind a gap; places in the stream count from its first byte, and do not wrap around. The FIN stands
/// behind the last byte, takes up one sequence number, and may come early like any byte. A segment that holds
/// anything, or is not where we are, is answered with an acknowledgment at once, also when it brings nothing
/// new: our last acknowledgment may have been lost (RFC 9293, section 3.10.7.4; RFC 5681, section 4.2).
/// - A piece goes into early_, by its place; with a FIN, length_ is the place behind its data.
/// - What is in order now goes from early_ to received_, and taken_ counts it.
/// - ended_ when length_ is reached; expected_ moves on by what was taken, and by one for the FIN.
/// - Last, when `answer` says so, `acknowledge`: it sends expected_.
void Connection::take(Segment segment) {
  const bool answer =
      !segment.data.empty() || (segment.flags & flag::fin) != 0 || segment.sequence != expected_;
  if (ended_) return answer ? acknowledge() : void();
  if (const std::size_t size = within_window(segment); size < segment.data.size()) {
    segment.data.resize(size);
    segment.flags &= static_cast<std::uint8_t>(~flag::fin);  // it stood behind the last byte
  }
  // TODO(12.8): put the data in order, heed the FIN, set `expected_` and `ended_`, and answer.
  todo("12.8", received_, early_, length_, taken_, distance);
}

// ---- the end ------------------------------------------------------------------------------------

/// RFC 9293, section 3.6. After our FIN the server may go on sending: that is acknowledged, though nobody
/// fetches it. We are done when our FIN is acknowledged and the server's has come, in whichever order; who
/// sent the first one then has to wait a while. Set finishing_ and `transmit`: that sends the FIN behind the
/// last byte, moves next_ on and sets finished_. Then `handle` what comes and `transmit` again, until
/// finished_, ended_, and next_ == unacknowledged_; received_ is cleared each time.
void Connection::close() {
  const bool first = !ended_;
  // TODO(12.9): send the FIN, and handle segments until both sides have closed.
  todo("12.9", first, finishing_);
  if (first) time_wait();
}

/// TIME-WAIT. Our last acknowledgment may have been lost: then the server sends its FIN again, and wants it
/// acknowledged again. The one who closed first waits for that (RFC 9293, section 3.6.1), here for one second
/// after the last FIN.
void Connection::time_wait() {
  // STRETCH(12.15): for `time_to_wait` acknowledge every FIN that comes, and begin to wait anew after each.
  return;
}

}  // namespace wirelab
