// The machine of states, as RFC 9293 names them.
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/error.hh"
#include "raw_tcp.hh"

namespace wirelab::by_structures {

std::uint16_t tcp_sum(in_addr source, in_addr destination, const void* segment, std::size_t count);

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

enum class State {
  syn_sent,
  established,
  fin_wait_1,
  fin_wait_2,
  closing,
  time_wait,
  close_wait,
  last_ack,
  closed
};

struct Tcp {
  int socket = -1;
  std::string name;
  in_addr here{}, there{};
  std::uint16_t port_here = 0, port_there = 0;  // network byte order
  State state = State::syn_sent;
  std::uint32_t una = 0, nxt = 0, rcv = 0;
  std::string unsent, sent;
  std::size_t mss = 536;
  std::uint32_t window = 0;
  static constexpr std::uint32_t room = 16384;
  std::array<char, room> ring{};
  std::array<bool, room> full{};
  std::uint32_t fin_at = 0;
  bool fin_known = false;
  std::string arrived;
  Clock::time_point heard, again, end_of_wait;
  milliseconds timeout{1000}, silence{};
};

static in_addr host_of(const Address& address) {
  return reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr;
}

static void transmit(Tcp& t, std::uint32_t sequence, unsigned flags, const char* data, std::size_t count) {
  const std::size_t options = (flags & TH_SYN) != 0 ? 4 : 0;
  std::vector<unsigned char> packet(sizeof(iphdr) + sizeof(tcphdr) + options + count);
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_TCP;
  ip.frag_off = htons(IP_DF);
  ip.saddr = t.here.s_addr;
  ip.daddr = t.there.s_addr;  // total length and checksum are filled in by the kernel: raw(7)
  tcphdr tcp{};
  tcp.th_sport = t.port_here;
  tcp.th_dport = t.port_there;
  tcp.th_seq = htonl(sequence);
  tcp.th_ack = (flags & TH_ACK) != 0 ? htonl(t.rcv) : 0;
  tcp.th_off = static_cast<unsigned char>((5 + options / 4) & 0xf);
  tcp.th_flags = static_cast<unsigned char>(flags);
  tcp.th_win = htons(static_cast<std::uint16_t>(Tcp::room));
  unsigned char* at = packet.data();
  std::memcpy(at, &ip, sizeof ip);
  std::memcpy(at + sizeof ip, &tcp, sizeof tcp);
  if (options != 0) std::memcpy(at + sizeof ip + sizeof tcp, "\x02\x04\x05\xb4", 4);  // 1460
  if (count != 0) std::memcpy(at + sizeof ip + sizeof tcp + options, data, count);
  const std::uint16_t sum = tcp_sum(t.here, t.there, at + sizeof ip, packet.size() - sizeof ip);
  std::memcpy(at + sizeof ip + 16, &sum, 2);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr = t.there;
  while (sendto(t.socket, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0) {
    if (errno != EINTR) throw_errno("send to", t.name);
  }
}

static void acknowledge(Tcp& t) { transmit(t, t.nxt, TH_ACK, nullptr, 0); }

/// Sends what the server's window and MSS let through.
static void push(Tcp& t) {
  while (!t.unsent.empty() && t.sent.size() < t.window) {
    const std::size_t count = std::min({t.unsent.size(), t.mss, t.window - t.sent.size()});
    transmit(t, t.nxt, TH_ACK | TH_PUSH, t.unsent.data(), count);
    if (t.sent.empty()) t.again = Clock::now() + t.timeout;
    t.sent += t.unsent.substr(0, count);
    t.unsent.erase(0, count);
    t.nxt += static_cast<std::uint32_t>(count);
  }
}

static bool fin_is_out(const Tcp& t) {
  return t.state == State::fin_wait_1 || t.state == State::closing || t.state == State::last_ack;
}

static void time_out(Tcp& t) {
  if (t.state == State::time_wait) {
    t.state = State::closed;
    return;
  }
  t.timeout = std::min(2 * t.timeout, milliseconds(60000));
  t.again = Clock::now() + t.timeout;
  if (t.state == State::syn_sent) {
    transmit(t, t.una, TH_SYN, nullptr, 0);
  } else if (!t.sent.empty()) {
    transmit(t, t.una, TH_ACK | TH_PUSH, t.sent.data(), std::min(t.sent.size(), t.mss));
  } else if (!t.unsent.empty() && t.window == 0) {
    transmit(t, t.nxt - 1, TH_ACK, nullptr,
             0);  // a probe as Linux sends it: an old number, which has to be answered
  } else if (fin_is_out(t)) {
    transmit(t, t.una, TH_FIN | TH_ACK, nullptr, 0);
  }
}

/// What waits for a time-out.
static Clock::time_point next_time(const Tcp& t) {
  if (t.state == State::time_wait) return t.end_of_wait;
  const bool waiting = t.nxt != t.una || !t.unsent.empty();
  return waiting ? std::min(t.again, t.heard + t.silence) : t.heard + t.silence;
}

static void take_data(Tcp& t, std::uint32_t sequence, const char* data, std::size_t count, bool fin) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t number = sequence + static_cast<std::uint32_t>(i);
    if (number - t.rcv >= Tcp::room) continue;
    t.ring[number % Tcp::room] = data[i];
    t.full[number % Tcp::room] = true;
  }
  const std::uint32_t end = sequence + static_cast<std::uint32_t>(count);
  if (fin && end - t.rcv < Tcp::room) {
    t.fin_known = true;
    t.fin_at = end;
  }
  for (; t.full[t.rcv % Tcp::room]; ++t.rcv) {
    t.full[t.rcv % Tcp::room] = false;
    t.arrived += t.ring[t.rcv % Tcp::room];
  }
  if (!t.fin_known || t.fin_at != t.rcv) return;
  ++t.rcv;
  t.fin_known = false;
  if (t.state == State::established) t.state = State::close_wait;
  if (t.state == State::fin_wait_1) t.state = t.una == t.nxt ? State::time_wait : State::closing;
  if (t.state == State::fin_wait_2) t.state = State::time_wait;
  t.end_of_wait = Clock::now() + milliseconds(1000);
}

static void our_fin_is_acknowledged(Tcp& t) {
  if (t.state == State::fin_wait_1) t.state = State::fin_wait_2;
  if (t.state == State::last_ack) t.state = State::closed;
  if (t.state == State::closing) {
    t.state = State::time_wait;
    t.end_of_wait = Clock::now() + milliseconds(1000);
  }
}

static void take_segment(Tcp& t, const tcphdr& tcp, const unsigned char* options, const char* data,
                         std::size_t count) {
  const std::uint32_t sequence = ntohl(tcp.th_seq), acknowledged = ntohl(tcp.th_ack);
  const unsigned flags = tcp.th_flags;
  if (t.state == State::syn_sent) {
    if ((flags & TH_ACK) == 0 || acknowledged != t.nxt) return;
    if ((flags & TH_RST) != 0) throw_errno("connect", t.name, ECONNREFUSED);
    if ((flags & TH_SYN) == 0) return;
    for (unsigned i = 0, n = tcp.th_off * 4u - 20; i < n && options[i] != 0;) {
      if (options[i] == 2 && i + 3 < n) t.mss = std::max(1u, options[i + 2] * 256u + options[i + 3]);
      const unsigned step = options[i] == 1 ? 1u : i + 1 < n ? options[i + 1] : 0u;
      if (step == 0) break;
      i += step;
    }
    t.una = acknowledged;
    t.rcv = sequence + 1;
    t.window = ntohs(tcp.th_win);
    t.state = State::established;
    t.timeout = milliseconds(1000);
    return acknowledge(t);
  }
  if ((flags & TH_RST) != 0) {
    if (sequence == t.rcv) throw_errno("receive from", t.name, ECONNRESET);
    return;
  }
  if ((flags & TH_SYN) != 0) return acknowledge(t);
  if ((flags & TH_ACK) == 0) return;
  const auto ahead = static_cast<std::int32_t>(acknowledged - t.nxt),
             behind = static_cast<std::int32_t>(t.una - acknowledged);
  if (ahead > 0 || behind > 65535) return acknowledge(t);
  if (behind < 0) {
    const std::size_t of_data = std::min<std::size_t>(acknowledged - t.una, t.sent.size());
    t.sent.erase(0, of_data);
    t.una = acknowledged;
    t.timeout = milliseconds(1000);
    t.again = Clock::now() + t.timeout;
    if (t.una == t.nxt) our_fin_is_acknowledged(t);
  }
  if (behind <= 0) t.window = ntohs(tcp.th_win);
  const bool answer = count != 0 || (flags & TH_FIN) != 0 || sequence != t.rcv;
  if (t.state == State::time_wait && (flags & TH_FIN) != 0) t.end_of_wait = Clock::now() + milliseconds(1000);
  take_data(t, sequence, data, count, (flags & TH_FIN) != 0);
  if (answer) acknowledge(t);
}

/// Waits for one packet, or for what is due next.
static void turn(Tcp& t) {
  if (t.state != State::syn_sent) push(t);
  const auto due = next_time(t);
  const auto left = std::chrono::ceil<std::chrono::microseconds>(due - Clock::now()).count();
  if (left <= 0) {
    if (t.state != State::time_wait && Clock::now() >= t.heard + t.silence)
      throw_errno("receive from", t.name, ETIMEDOUT);
    return time_out(t);
  }
  const timeval limit{left / 1000000, left % 1000000};
  must(setsockopt(t.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "setsockopt");
  static std::array<unsigned char, 65536> packet;
  const ssize_t got = recv(t.socket, packet.data(), packet.size(), 0);
  if (got < 0 && errno != EAGAIN && errno != EINTR) throw_errno("receive from", t.name);
  if (got < 40) return;
  iphdr ip{};
  std::memcpy(&ip, packet.data(), sizeof ip);
  const std::size_t begin = ip.ihl * 4u, end = ntohs(ip.tot_len);
  if (ip.saddr != t.there.s_addr || ip.daddr != t.here.s_addr || end > static_cast<std::size_t>(got) ||
      begin + 20 > end)
    return;
  tcphdr tcp{};
  std::memcpy(&tcp, packet.data() + begin, sizeof tcp);
  const std::size_t data = begin + tcp.th_off * 4u;
  if (tcp.th_sport != t.port_there || tcp.th_dport != t.port_here || tcp.th_off < 5 || data > end) return;
  if (tcp_sum(t.there, t.here, packet.data() + begin, end - begin) != 0) return;
  t.heard = Clock::now();
  take_segment(t, tcp, packet.data() + begin + 20, reinterpret_cast<const char*>(packet.data() + data),
               end - data);
}

static void fill_randomly(void* to, std::size_t count) {
  if (getrandom(to, count, 0) != static_cast<ssize_t>(count)) throw_errno("getrandom");
}

static void connect_to(Tcp& t, const Address& server, double silence) {
  t.name = server.to_string();
  t.there = host_of(server);
  t.port_there = htons(server.port());
  t.silence = milliseconds(static_cast<int>(silence * 1000));
  t.socket = must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP), "socket");
  const int on = 1;
  must(setsockopt(t.socket, IPPROTO_IP, IP_HDRINCL, &on, sizeof on), "setsockopt");
  const int probe = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  must(connect(probe, server.data(), *server.size()), "connect", t.name);
  t.here = host_of(local_address(probe));
  fill_randomly(&t.port_here, 2);
  t.port_here = htons(static_cast<std::uint16_t>(ntohs(t.port_here) % 60000 + 2000));
  fill_randomly(&t.una, 4);
  t.nxt = t.una + 1;
  t.heard = Clock::now();
  t.again = t.heard + t.timeout;
  transmit(t, t.una, TH_SYN, nullptr, 0);
  while (t.state == State::syn_sent) turn(t);
}

static void finish(Tcp& t) {
  while (!t.unsent.empty() || !t.sent.empty()) turn(t);
  transmit(t, t.nxt++, TH_FIN | TH_ACK, nullptr, 0);
  t.again = Clock::now() + t.timeout;
  t.state = t.state == State::close_wait ? State::last_ack : State::fin_wait_1;
  while (t.state != State::closed) turn(t);
}

/// Fetches until `done` says that enough has come, or the server has finished.
std::string exchange(const Address& server, double silence, const std::string& request,
                     bool (*done)(const std::string&), void (*use)(const std::string&, const std::string&),
                     const std::string& page) {
  Tcp t;
  connect_to(t, server, silence);
  t.unsent = request;
  while (t.state == State::established && !done(t.arrived)) turn(t);
  std::string trouble;
  try {
    use(t.arrived, page);
  } catch (const std::runtime_error& what) {
    trouble = what.what();
  }
  try {
    finish(t);
  } catch (const std::system_error&) {
  }
  return trouble;
}

}  // namespace wirelab::by_structures
