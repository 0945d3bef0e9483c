// Lab 09 in the manner of C: the kernel's own time stamps, select, recvmsg, printf. IPv4 only.
#include "raw_icmp.hh"

#include <arpa/inet.h>
#include <sys/random.h>
#include <sys/select.h>
#include <time.h>

#include <cstdio>
#include <cstring>

#include "common/address.hh"
#include "common/error.hh"

namespace {

struct heard {
  int type;  // 0, 3 or 11
  unsigned identifier, sequence;
  const unsigned char* data;
  size_t length;
};

unsigned ping_checksum(const unsigned char* bytes, size_t length) {
  unsigned long sum = 0xffff;  // which is another way to write zero (RFC 1071)
  for (size_t i = 0; i < length; ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256ul : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;  // the carry comes in again at once
  }
  return ~sum & 0xffff;
}

size_t ping_build(unsigned char* into, unsigned identifier, unsigned sequence, const std::string& data) {
  into[0] = 8;
  into[1] = into[2] = into[3] = 0;
  into[4] = static_cast<unsigned char>(identifier / 256);
  into[5] = static_cast<unsigned char>(identifier % 256);
  into[6] = static_cast<unsigned char>(sequence / 256);
  into[7] = static_cast<unsigned char>(sequence % 256);
  memcpy(into + 8, data.data(), data.size());
  const unsigned sum = ping_checksum(into, 8 + data.size());
  into[2] = static_cast<unsigned char>(sum / 256);
  into[3] = static_cast<unsigned char>(sum % 256);
  return 8 + data.size();
}

/// Where the ICMP message begins in an IPv4 packet; 0 if there is none.
size_t message_begin(const unsigned char* packet, size_t length) {
  if (length < 20 || packet[0] / 16 != 4 || packet[9] != 1) return 0;
  const size_t begin = packet[0] % 16 * 4u;
  return begin >= 20 && begin + 8 <= length ? begin : 0;
}

bool ping_parse(const unsigned char* packet, size_t length, struct heard* what) {
  const size_t begin = message_begin(packet, length);
  if (begin == 0 || ping_checksum(packet + begin, length - begin) != 0) return false;
  const unsigned char* message = packet + begin;
  what->type = message[0];
  what->data = message + 8;
  what->length = length - begin - 8;
  if (what->type == 3 || what->type == 11) {
    const size_t inner = message_begin(what->data, what->length);
    if (inner == 0 || what->data[inner] != 8) return false;
    message = what->data + inner;
  } else if (what->type != 0) {
    return false;
  }
  what->identifier = message[4] * 256u + message[5];
  what->sequence = message[6] * 256u + message[7];
  return true;
}

unsigned char buffer[70000];
std::string asked;  // the host's address
in_addr asked_address;
std::string data;
unsigned identifier, current;
bool waiting;
double sent_at;             // seconds of CLOCK_REALTIME, in which the kernel stamps
std::vector<double> times;  // ms
std::vector<bool> answered(65536);

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return seconds(time);
}

/// Reads one packet, and the time when it came to this machine.
void hear(int fd) {
  sockaddr_in from{};
  iovec part = {buffer, sizeof buffer};
  alignas(cmsghdr) char control[256];
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT);
  if (count < 0) return;
  double time = now(CLOCK_REALTIME);
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
    time = seconds(stamp);
  }
  heard what{};
  if (!ping_parse(buffer, static_cast<size_t>(count), &what) || what.identifier != identifier) return;

  char who[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &from.sin_addr, who, sizeof who);
  const bool mine = waiting && what.sequence == current;
  if (what.type != 0) {
    printf("%s: seq=%u: %s\n", who, what.sequence,
           what.type == 3 ? "host or network unreachable" : "TTL exceeded");
    if (mine) waiting = false;
  } else if (from.sin_addr.s_addr != asked_address.s_addr) {
    return;
  } else if (std::string(what.data, what.data + what.length) != data) {
    printf("%s: seq=%u: CHANGED DATA\n", who, what.sequence);
  } else if (mine) {
    times.push_back(1e3 * (time - sent_at));
    printf("%s: seq=%u time=%f ms\n", who, what.sequence, times.back());
    answered[what.sequence] = true;
    waiting = false;
  } else {
    printf("%s: seq=%u %s\n", who, what.sequence, answered[what.sequence] ? "duplicated" : "came late");
  }
  fflush(stdout);
}

/// Hears what comes until then (CLOCK_MONOTONIC), or until nobody waits, if that is wanted.
void listen_until(int fd, double end, bool while_waiting) {
  while (!while_waiting || waiting) {
    const double left = std::max(0.0, end - now(CLOCK_MONOTONIC));
    timeval span = {static_cast<time_t>(left),
                    static_cast<suseconds_t>((left - static_cast<double>(static_cast<time_t>(left))) * 1e6)};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    const int ready = select(fd + 1, &set, nullptr, nullptr, &span);
    if (ready > 0) hear(fd);
    if (ready == 0 && left == 0) return;
  }
}

}  // namespace

void wirelab::run_raw_icmp(const Arguments& arguments) {
  const int count = static_cast<int>(arguments.number("-c", 4, 1, 65535));
  const double interval = arguments.number("-i", 1, 0, 3600), limit = arguments.number("-W", 1, 0.001, 3600);
  const int hops = static_cast<int>(arguments.number("-t", 0, 1, 255));
  data = arguments.has("--data")
             ? arguments.options.at("--data")
             : std::string(static_cast<size_t>(arguments.number("-s", 56, 0, 65507)), '\0');
  Address host = Address::resolve(arguments.host, 0, SOCK_DGRAM).front();
  asked = host.host();
  if (inet_pton(AF_INET, asked.c_str(), &asked_address) != 1) throw UsageError("IPv4 only");

  const int fd = socket(PF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) throw_errno("socket");
  const int yes = 1, room = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  if (hops > 0) setsockopt(fd, SOL_IP, IP_TTL, &hops, sizeof hops);
  must(getrandom(&identifier, 2, 0), "getrandom");
  printf("Asking %s, id=%u.\n", asked.c_str(), identifier);
  fflush(stdout);
  for (int i = 1; i <= count; ++i) {
    current = static_cast<unsigned>(i);
    waiting = true;
    const size_t length = ping_build(buffer, identifier, current, data);
    const double begin = now(CLOCK_MONOTONIC);
    sent_at = now(CLOCK_REALTIME);
    must(sendto(fd, buffer, length, 0, host.data(), *host.size()), "send to", asked);
    listen_until(fd, begin + limit, true);
    if (waiting) printf("seq=%d: no answer in time\n", i);
    fflush(stdout);
    waiting = false;
    if (i < count) listen_until(fd, begin + interval, false);
  }
  const double received = static_cast<double>(times.size());
  printf("%d requests sent, %.0f received, %d%% lost\n", count, received,
         static_cast<int>(100 - 100 * received / count));
  if (times.empty()) throw std::runtime_error("receive from " + asked + ": nothing");
  double least = times[0], most = times[0], total = 0;
  for (const double time : times) least = std::min(least, time), most = std::max(most, time), total += time;
  printf("min/avg/max = %f/%f/%f ms\n", least, total / received, most);
}
