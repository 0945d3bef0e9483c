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
  static constexpr std::size_t largest = 65535;  ///< bytes: UDP's length field has 16 bits (RFC 768)

  /// Empty, with room for everything; not ready yet: see make_ready.
  Message() = default;
  Message(const Message&) = delete;  // the header points into the message itself
  Message& operator=(const Message&) = delete;

  std::vector<char> bytes =
      std::vector<char>(largest);  ///< room for the largest; part.iov_len says how many count
  Address peer;                    ///< who sent it, and so who gets the answer
  /// Room for some ancillary data: a cmsghdr and what follows it (cmsg(3)).
  alignas(cmsghdr) std::array<char, 128> ancillary{};
  iovec part{};     ///< the one piece that `bytes` is, for msg_iov
  msghdr header{};  ///< what the kernel reads and writes: points to all of the above
};

// In udp_server.cc, where they are explained at length. The batches of udp_batch.cc are made of the same
// parts.

/// A bound UDP socket that tells of each datagram which address it was sent to. Throws std::system_error.
Descriptor open_socket(const Address& address);

/// Fills in the message's header, so that recvmsg finds room for bytes, peer and ancillary data.
void make_ready(Message& message);

/// Stretch: the part of turn_round that is about IPV6_PKTINFO.
void turn_round_ipv6(cmsghdr* header);

/// Makes a request of `length` bytes its own answer: back to its peer, from the address that was asked.
void turn_round(Message& message, std::size_t length);

/// One line on standard error; `error` is an errno value.
void report_failure(const char* operation, const Address& peer, int error);

/// Whether a server that failed to receive with this errno may simply receive again.
bool is_passing(int error);

/// Receives one datagram, waiting for it, and answers it. Throws std::system_error when the socket is of no
/// use any more.
void serve_one(int descriptor, Message& message);

/// In udp_batch.cc: the same as serve_one, for as many datagrams as there are messages, or as are waiting.
void serve_batch(int descriptor, std::vector<Message>& messages);

}  // namespace wirelab
