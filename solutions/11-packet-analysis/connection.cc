#include <algorithm>
#include <iomanip>
#include <iterator>
#include <ostream>
#include <sstream>
#include <string>

#include "common/todo.hh"
#include "packet_analysis.hh"

// Sequence numbers name the bytes of a stream, modulo 2^32, and begin at a random number: that of the SYN.
// What a reader wants is a byte's place in its stream, from 1 on, and for the sums behind it a number that
// does not begin again at 0. So everything here is done with positions: see Side::position.

namespace wirelab {

std::int64_t Ranges::add(std::int64_t begin, std::int64_t end) {
  if (begin >= end) return 0;
  std::int64_t fresh = end - begin, merged_begin = begin, merged_end = end;
  auto range = ranges_.upper_bound(begin);
  if (range != ranges_.begin() && std::prev(range)->second >= begin) --range;
  while (range != ranges_.end() && range->first <= end) {
    fresh -= std::min(end, range->second) - std::max(begin, range->first);
    merged_begin = std::min(merged_begin, range->first);
    merged_end = std::max(merged_end, range->second);
    range = ranges_.erase(range);
  }
  ranges_[merged_begin] = merged_end;
  return fresh;
}

// ---- one side
// -------------------------------------------------------------------------------------------------------

/// The difference between two sequence numbers is taken modulo 2^32 (RFC 9293, section 3.4): 3 is 5 behind
/// 4294967294. Many positions have the same number; the one meant is the one nearest to next_, which is never
/// far: a window is less than 2^30 bytes. When `initial` is not known yet, set it so that `number` has
/// position 1.
std::int64_t Side::position(std::uint32_t number) {
  // TODO(11.7): return the position of `number`, from its distance to the number that next_ stands for.
  if (!initial) {
    initial = number - 1;
    next_ = 1;
  }
  const std::uint32_t next_number = *initial + static_cast<std::uint32_t>(next_);
  return next_ + static_cast<std::int32_t>(number - next_number);
}

/// A segment carries `length` bytes of data, and its SYN and its FIN take one sequence number each: a SYN the
/// first, a FIN the last. It is a retransmission when some number that it carries has been carried before.
/// There is one exception: a keep-alive, one byte just below the highest number seen, with neither SYN nor
/// FIN. RST segments carry nothing here. `bytes` counts each byte of the stream once, however often it is
/// sent.
bool Side::send(const Segment& segment, std::int64_t begin) {
  ++segments;
  if (segment.has(flag::rst)) return false;
  // TODO(11.8): add what the segment carries to seen_, move next_ on, count bytes and retransmissions.
  const std::int64_t data = begin + (segment.has(flag::syn) ? 1 : 0);
  const std::int64_t data_end = data + segment.length;
  const std::int64_t end = data_end + (segment.has(flag::fin) ? 1 : 0);
  const bool keep_alive = segment.length == 1 && !segment.has(flag::syn | flag::fin) && end == next_;

  const std::int64_t fresh_data = seen_.add(data, data_end);
  const std::int64_t fresh = fresh_data + seen_.add(begin, data) + seen_.add(data_end, end);
  bytes += static_cast<std::uint64_t>(fresh_data);
  next_ = std::max(next_, end);
  const bool again = fresh < end - begin && !keep_alive;
  if (again) ++retransmissions;
  return again;
}

/// A duplicate acknowledgment (RFC 5681, section 2): it acknowledges no more than the one before, while
/// something is on the way, carries no data, SYN, FIN or RST, and has the same window as the one before.
void Side::hear([[maybe_unused]] const Segment& segment, [[maybe_unused]] std::int64_t position) {
  // STRETCH(11.15): keep request_, for is_fast.
  const bool bare = segment.length == 0 && !segment.has(flag::syn | flag::fin | flag::rst);
  if (!request_ || position > request_->position) {
    request_ = {.position = position};
  } else if (position == request_->position && bare && position < next_ &&
             segment.window == request_->window) {
    ++request_->duplicates;
  }
  request_->window = segment.window;
}

/// Three duplicate acknowledgments ask for the segment that begins where they point: sent again for the first
/// time since that was acknowledged, it is a fast retransmission. Everything else that is sent again was
/// waited for in vain.
bool Side::is_fast([[maybe_unused]] std::int64_t begin) {
  // STRETCH(11.15): tell by request_; count `fast`.
  if (!request_ || begin != request_->position) return false;
  const bool quick = request_->duplicates >= 3 && !request_->granted;
  request_->granted = true;
  if (quick) ++fast;
  return quick;
}

// ---- a connection
// ---------------------------------------------------------------------------------------------------

namespace {

/// The client opens: it sends the SYN, or gets the SYN with ACK. When neither is there, it is whoever spoke
/// first.
bool comes_from_client(const Segment& first) { return !first.has(flag::syn) || !first.has(flag::ack); }

}  // namespace

Connection::Connection(const Segment& first)
    : client_(comes_from_client(first) ? first.source : first.destination),
      server_(comes_from_client(first) ? first.destination : first.source) {}

void Connection::add(const Segment& segment) {
  const bool from_client = segment.source == client_.address();
  Side& sender = from_client ? client_ : server_;
  Side& receiver = from_client ? server_ : client_;
  if (segment.has(flag::syn) && !sender.syn_seen) {
    sender.syn_seen = true;
    sender.initial = segment.sequence;
    sender.mss = segment.mss;
    sender.scale = segment.scale;
    sender.window = segment.window;
  }
  follow_handshake(segment, from_client);
  follow_end(segment, from_client);

  Event event{segment, from_client};
  event.window = window_of(segment, sender);
  event.sequence = sender.position(segment.sequence);
  event.retransmission = sender.send(segment, event.sequence);
  event.fast = event.retransmission && sender.is_fast(event.sequence);
  if (segment.has(flag::ack)) {
    event.acknowledgment = receiver.position(segment.acknowledgment);
    receiver.hear(segment, event.acknowledgment);
  }
  events_.push_back(event);
}

/// The same two ports can be used again for another connection, which begins with a SYN without ACK. A SYN
/// that has been lost is sent again with the same sequence number: that is the same connection.
bool Connection::is_over_with(const Segment& segment) const {
  // TODO(11.9): tell whether the segment is a SYN that this connection did not begin with.
  if (!segment.has(flag::syn) || segment.has(flag::ack)) return false;
  const bool repeated =
      client_.syn_seen && segment.source == client_.address() && segment.sequence == client_.initial;
  return !repeated;
}

/// The handshake is complete when there were, in this order, a SYN without ACK from the client, a SYN with
/// ACK from the server, and a segment with ACK, and without SYN or RST, from the client. Its round trip is
/// the time from the last SYN to that third segment, which is the same wherever on the way the capture was
/// taken.
void Connection::follow_handshake(const Segment& segment, bool from_client) {
  // TODO(11.10): keep last_syn_ and syn_answered_, and set round_trip_ when the third segment comes.
  if (round_trip_) return;
  const bool syn = segment.has(flag::syn), ack = segment.has(flag::ack);
  if (from_client && syn && !ack) last_syn_ = segment.time;
  if (!from_client && syn && ack && last_syn_) syn_answered_ = true;
  if (from_client && !syn && ack && !segment.has(flag::rst) && syn_answered_)
    round_trip_ = segment.time - *last_syn_;
}

/// A RST ends a connection, whoever sends it, unless both FINs have come before it. When it is the very first
/// that is heard of the server, and the client sent a SYN, it is a refusal. The first RST counts.
void Connection::follow_end(const Segment& segment, bool from_client) {
  // TODO(11.11): note the sender's FIN, and set broken_off_ at the first RST.
  Side& sender = from_client ? client_ : server_;
  if (segment.has(flag::rst) && !broken_off_ && !(client_.fin_seen && server_.fin_seen)) {
    const bool refused = !from_client && client_.syn_seen && server_.segments == 0;
    broken_off_ = refused ? End::refused : from_client ? End::reset_by_client : End::reset_by_server;
  }
  if (segment.has(flag::fin) && !segment.has(flag::rst)) sender.fin_seen = true;
}

/// Broken off or not: closed with a FIN from both sides, half closed with one. Without any, it is unanswered
/// if the client sent its SYN and nothing at all came from the server, and still open otherwise.
End Connection::end() const {
  // TODO(11.12): return how the connection ended.
  if (broken_off_) return *broken_off_;
  if (client_.fin_seen && server_.fin_seen) return End::closed;
  if (client_.syn_seen && server_.segments == 0) return End::unanswered;
  if (client_.fin_seen) return End::half_closed_by_client;
  if (server_.fin_seen) return End::half_closed_by_server;
  return End::open;
}

/// A window is shifted by the scale of its sender's SYN, but only when both sides offered to scale, and never
/// in a SYN itself (RFC 7323, section 2.2).
std::uint64_t Connection::window_of(const Segment& segment, const Side& sender) const {
  // TODO(11.13): return the window in bytes.
  const bool scaled = client_.scale && server_.scale && !segment.has(flag::syn);
  return std::uint64_t{segment.window} << (scaled ? *sender.scale : 0);
}

// ---- all of them
// ----------------------------------------------------------------------------------------------------

void Analysis::add(const Segment& segment) {
  std::pair key(segment.source.to_string(), segment.destination.to_string());
  if (key.second < key.first) std::swap(key.first, key.second);  // the same for both directions
  Connection*& current = latest_[key];
  if (current == nullptr || current->is_over_with(segment)) current = &connections_.emplace_back(segment);
  current->add(segment);
}

namespace {

std::string flag_names(const Segment& segment) {
  static constexpr std::pair<std::uint8_t, const char*> names[] = {
      {flag::fin, "FIN"}, {flag::syn, "SYN"}, {flag::rst, "RST"}, {flag::psh, "PSH"},
      {flag::ack, "ACK"}, {flag::urg, "URG"}, {flag::ece, "ECE"}, {flag::cwr, "CWR"}};
  std::string text;
  for (const auto& [bit, name] : names) {
    if (segment.has(bit)) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text.empty() ? "-" : text;
}

std::string in_seconds(Nanoseconds time) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(9) << std::chrono::duration<double>(time).count();
  return text.str();
}

template <typename Number>
std::string or_dash(const std::optional<Number>& number) {
  return number ? std::to_string(*number) : "-";
}

/// Relative numbers are printed modulo 2^32, as they are in the header.
std::uint32_t printed(std::int64_t position) { return static_cast<std::uint32_t>(position); }

std::string describe(const Event& event) {
  std::string text = "flags=" + flag_names(event.segment) + " seq=" + std::to_string(printed(event.sequence));
  text += " ack=" + (event.segment.has(flag::ack) ? std::to_string(printed(event.acknowledgment)) : "-");
  text += " length=" + std::to_string(event.segment.length);
  if (event.retransmission) text += " retransmission";
  return text;
}

void print_side(std::ostream& out, const char* name, const Side& side) {
  out << name << " mss=" << or_dash(side.mss) << " window=" << or_dash(side.window)
      << " scale=" << or_dash(side.scale) << " bytes=" << side.bytes
      << " retransmissions=" << side.retransmissions << " fast=" << side.fast << "\n";
}

const char* name_of(End end) {
  switch (end) {
    case End::refused:
      return "refused";
    case End::reset_by_client:
      return "reset by=client";
    case End::reset_by_server:
      return "reset by=server";
    case End::closed:
      return "closed";
    case End::unanswered:
      return "unanswered";
    case End::half_closed_by_client:
      return "half-closed by=client";
    case End::half_closed_by_server:
      return "half-closed by=server";
    case End::open:
      break;
  }
  return "open";
}

void print_segments(std::ostream& out, const Connection& connection) {
  for (const Event& event : connection.events()) {
    out << "segment " << event.segment.packet
        << " time=" << in_seconds(event.segment.time - connection.events().front().segment.time)
        << " from=" << (event.from_client ? "client " : "server ") << describe(event)
        << " window=" << event.window << (event.fast ? " fast" : "") << "\n";
  }
}

/// `|---- SYN seq=0 ---->|` or `|<--- SYN,ACK seq=0 ack=1 ---|`: an arrow of always the same length with text
/// on it.
std::string arrow(const std::string& text, bool to_the_right) {
  constexpr std::size_t width = 76;
  // STRETCH(11.16): draw the arrow between two bars, `width` characters in all.
  std::string line = (to_the_right ? "|---- " : "|<--- ") + text + " ";
  line.resize(std::max(width - 2, line.size()), '-');
  return line + (to_the_right ? ">|" : "-|");
}

void print_ladder(std::ostream& out, const Connection& connection) {
  for (const Event& event : connection.events()) {
    const Nanoseconds since = event.segment.time - connection.events().front().segment.time;
    out << "ladder " << std::setw(15) << in_seconds(since) << " " << arrow(describe(event), event.from_client)
        << "\n";
  }
}

}  // namespace

void print(std::ostream& out, const Analysis& analysis, const Wishes& wishes) {
  std::size_t number = 0;
  for (const Connection& one : analysis.connections()) {
    out << "connection " << ++number << " client=" << one.client().address().to_string()
        << " server=" << one.server().address().to_string() << "\n";
    out << "handshake ";
    if (const auto round_trip = one.round_trip()) {
      out << "complete rtt=" << in_seconds(*round_trip) << "\n";
    } else {
      out << (one.client().syn_seen || one.server().syn_seen ? "incomplete" : "unseen") << "\n";
    }
    print_side(out, "client", one.client());
    print_side(out, "server", one.server());
    out << "end " << name_of(one.end()) << "\n";
    if (wishes.segments) print_segments(out, one);
    if (wishes.ladder) print_ladder(out, one);
  }
}

}  // namespace wirelab
