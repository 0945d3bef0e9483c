#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <vector>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/lab_main.hh"

namespace wirelab {

/// `udp_echo server HOST [--batch N]`: sends every datagram back to where it came from, and from the address
/// that it was sent to. Runs until it is killed. Throws std::system_error when it cannot bind. Stretch:
/// `--batch N` takes up to N datagrams with one system call.
void run_server(const Arguments& arguments);

/// `udp_echo client HOST MESSAGE [--timeout SECONDS]`: sends the message as one datagram, waits for the
/// answer, for two seconds if nothing else is asked for, and prints it. Throws when none comes.
void run_client(const Arguments& arguments);

/// A datagram, and all that recvmsg(2) tells of it: its bytes, who sent it, and ancillary data. A msghdr only
/// points to these things; here they are together. The same message is then sent back with sendmsg(2).
struct Message {
  static constexpr std::size_t largest = 65535;  // UDP's length field has 16 bits (RFC 768)

  Message() = default;
  Message(const Message&) = delete;  // the header points into the message itself
  Message& operator=(const Message&) = delete;

  std::vector<char> bytes = std::vector<char>(largest);
  Address peer;
  alignas(
      cmsghdr) std::array<char, 128> ancillary{};  // room for some: a cmsghdr and what follows it (cmsg(3))
  iovec part{};
  msghdr header{};  // what the kernel reads and writes
};

// In udp_server.cc, where they are explained. The batches of udp_batch.cc are made of the same parts.
Descriptor open_socket(const Address& address);
void make_ready(Message& message);
void turn_round_ipv6(cmsghdr* header);
void turn_round(Message& message, std::size_t length);
void report_failure(const char* operation, const Address& peer, int error);
bool is_passing(int error);
void serve_one(int descriptor, Message& message);

/// In udp_batch.cc: the same as serve_one, for as many datagrams as there are messages, or as are waiting.
void serve_batch(int descriptor, std::vector<Message>& messages);

}  // namespace wirelab
