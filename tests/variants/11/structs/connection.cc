#include <cstdio>
#include <iostream>
#include <set>

#include "packet_analysis.hh"

// Segments are only sorted while the file is read; everything is worked out when it is printed, once for each
// side.

namespace wirelab {

Connection::Connection(const Segment& first) : client_(first.source), server_(first.destination) {
  if (first.has(flag::syn) && first.has(flag::ack)) std::swap(client_, server_);
}

void Connection::add(const Segment& segment) {
  events_.push_back({.segment = segment, .from_client = segment.source == client_.address()});
}

bool Connection::is_over_with(const Segment& segment) const {
  if ((segment.flags & (flag::syn | flag::ack)) != flag::syn) return false;
  const Segment& first = events_.front().segment;
  return (first.flags & (flag::syn | flag::ack)) != flag::syn || first.sequence != segment.sequence ||
         !(first.source == segment.source);
}

void Analysis::add(const Segment& segment) {
  for (auto one = connections_.rbegin(); one != connections_.rend(); ++one) {
    const Address &a = one->client().address(), &b = one->server().address();
    if (!(a == segment.source && b == segment.destination) &&
        !(b == segment.source && a == segment.destination))
      continue;
    if (one->is_over_with(segment)) break;
    return one->add(segment);
  }
  connections_.emplace_back(segment).add(segment);
}

namespace {

/// The initial sequence number of a side.
std::uint32_t initial_of(const std::vector<Event>& events, bool client) {
  for (const Event& one : events) {
    if (one.from_client == client && one.segment.has(flag::syn)) return one.segment.sequence;
  }
  for (const Event& one : events) {
    if (one.from_client == client) return one.segment.sequence - 1;
    if (one.segment.has(flag::ack)) return one.segment.acknowledgment - 1;
  }
  return 0;
}

/// What one side sent; tells of each of its segments whether it was a retransmission.
void print_side(std::ostream& out, const char* name, std::vector<Event>& events, bool client) {
  const std::uint32_t initial = initial_of(events, client);
  const Segment* syn = nullptr;
  std::set<std::uint32_t> seen;  // relative numbers
  std::uint32_t highest = 0;
  unsigned bytes = 0, again = 0;
  for (Event& one : events) {
    const Segment& segment = one.segment;
    if (one.from_client != client || segment.has(flag::rst)) continue;
    if (segment.has(flag::syn) && syn == nullptr) syn = &segment;
    std::uint32_t number = segment.sequence - initial, fresh = 0, carried = 0;
    const bool probe = segment.length == 1 && !segment.has(flag::syn | flag::fin) && number == highest;
    const auto carry = [&](bool data) {
      const bool is_new = seen.insert(number).second;
      if (static_cast<std::int32_t>(number - highest) > 0) highest = number;
      fresh += is_new;
      bytes += is_new && data;
      ++carried;
      ++number;
    };
    if (segment.has(flag::syn)) carry(false);
    for (std::uint32_t i = 0; i < segment.length; ++i) carry(true);
    if (segment.has(flag::fin)) carry(false);
    one.retransmission = fresh < carried && !probe;
    again += one.retransmission;
  }
  const auto show = [&](const char* what, bool there, unsigned value) {
    out << ' ' << what << '=' << (there ? std::to_string(value) : "-");
  };
  out << name;
  show("mss", syn && syn->mss, syn && syn->mss ? *syn->mss : 0);
  show("window", syn, syn ? syn->window : 0);
  show("scale", syn && syn->scale, syn && syn->scale ? *syn->scale : 0);
  out << " bytes=" << bytes << " retransmissions=" << again << '\n';
}

std::string ending(const std::vector<Event>& events) {
  bool fin[2] = {false, false}, heard[2] = {false, false}, syn = false;
  for (const Event& one : events) {
    const bool client = one.from_client;
    syn = syn || (client && one.segment.has(flag::syn));
    if (one.segment.has(flag::rst) && !(fin[0] && fin[1])) {
      if (!client && !heard[0] && syn) return "refused";
      return client ? "reset by=client" : "reset by=server";
    }
    if (one.segment.has(flag::fin) && !one.segment.has(flag::rst)) fin[client] = true;
    heard[client] = true;
  }
  if (fin[0] && fin[1]) return "closed";
  if (syn && !heard[0]) return "unanswered";
  return fin[1] ? "half-closed by=client" : fin[0] ? "half-closed by=server" : "open";
}

void print_handshake(std::ostream& out, const std::vector<Event>& events) {
  int stage = 0;
  bool any = false;
  Nanoseconds begin{};
  for (const auto& [segment, from_client, s, a, w, r, f] : events) {
    const unsigned kind = segment.flags & (flag::syn | flag::ack | flag::rst);
    any = any || segment.has(flag::syn);
    if (from_client && segment.has(flag::syn) && !segment.has(flag::ack)) {
      begin = segment.time;
      stage = std::max(stage, 1);
    } else if (!from_client && segment.has(flag::syn) && segment.has(flag::ack) && stage == 1) {
      stage = 2;
    } else if (from_client && kind == flag::ack && stage == 2) {
      out << "handshake complete rtt=" << static_cast<double>((segment.time - begin).count()) / 1e9 << '\n';
      return;
    }
  }
  out << (any ? "handshake incomplete\n" : "handshake unseen\n");
}

void print_segment(std::ostream& out, const Event& one, const std::vector<Event>& events) {
  const Segment& segment = one.segment;
  out << "segment " << segment.packet << (one.from_client ? " from=client" : " from=server") << " flags=";
  const char* names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
  const char* comma = "";
  for (int bit = 7; bit >= 0; --bit) {
    if ((segment.flags >> bit & 1) == 0) continue;
    out << comma << names[bit];
    comma = ",";
  }
  if (segment.flags == 0) out << '-';
  out << " seq=" << segment.sequence - initial_of(events, one.from_client) << " ack=";
  if (segment.has(flag::ack)) {
    out << segment.acknowledgment - initial_of(events, !one.from_client);
  } else {
    out << '-';
  }
  int shift[2] = {-1, -1};
  for (const Event& other : events) {
    if (other.segment.has(flag::syn) && other.segment.scale && shift[other.from_client] < 0)
      shift[other.from_client] = *other.segment.scale;
  }
  const bool scaled = shift[0] >= 0 && shift[1] >= 0 && !segment.has(flag::syn);
  out << " length=" << segment.length
      << " window=" << (std::uint64_t{segment.window} << (scaled ? shift[one.from_client] : 0));
  out << (one.retransmission ? " retransmission\n" : "\n");
}

}  // namespace

void print(std::ostream& out, const Analysis& analysis, const Wishes& wishes) {
  out << std::fixed;
  int number = 0;
  for (const Connection& one : analysis.connections()) {
    std::vector<Event> events = one.events();
    out << "connection " << ++number << " client=" << one.client().address().to_string()
        << " server=" << one.server().address().to_string() << '\n';
    out << "end " << ending(events) << '\n';
    print_handshake(out, events);
    print_side(out, "server", events, false);
    print_side(out, "client", events, true);
    if (!wishes.segments) continue;
    for (const Event& event : events) print_segment(out, event, events);
  }
}

}  // namespace wirelab
