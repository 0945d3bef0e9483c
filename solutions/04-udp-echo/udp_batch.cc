#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include "common/address.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "udp_echo.hh"

// Stretch. A small datagram costs more for the way into the kernel and back than for its bytes. recvmmsg and
// sendmmsg carry many datagrams over that border at once. Each keeps its own address, length and ancillary
// data: a batch is many datagrams, not a large one.

namespace wirelab {
namespace {

/// Receives as many datagrams as are waiting, at most one for each message, and makes answers out of them;
/// waits only for the first. Returns how many. `batch[i]` belongs to `messages[i]`: the msghdr in it is a
/// copy of the message's header, and msg_len is the datagram's length. make_ready, turn_round and is_passing
/// are the same as for one datagram. The flag MSG_WAITFORONE keeps recvmmsg from waiting until the batch is
/// full: see recvmmsg(2), also for what its timeout does not do.
std::size_t receive_batch(int descriptor, std::vector<Message>& messages, std::vector<mmsghdr>& batch) {
  // STRETCH(04.10): ready every message, receive, and turn round each that came.
  for (std::size_t i = 0; i < messages.size(); ++i) {
    make_ready(messages[i]);
    batch[i] = {messages[i].header, 0};
  }
  const int count =
      recvmmsg(descriptor, batch.data(), static_cast<unsigned>(batch.size()), MSG_WAITFORONE, nullptr);
  if (count < 0 && is_passing(errno)) return 0;
  must(count, "receive");
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    messages[i].header = batch[i].msg_hdr;
    turn_round(messages[i], batch[i].msg_len);
    batch[i].msg_hdr = messages[i].header;
  }
  return static_cast<std::size_t>(count);
}

/// Sends all of them. sendmmsg stops at the first that it cannot send, and returns how many went before it;
/// an error only if that is the first of all. So one bad datagram must be reported and left out, and those
/// behind it are sent by the next call. See sendmmsg(2).
void send_batch(int descriptor, std::span<mmsghdr> answers) {
  // STRETCH(04.11): send, go on behind what was sent, and leave out what cannot be sent.
  while (!answers.empty()) {
    const int count = sendmmsg(descriptor, answers.data(), static_cast<unsigned>(answers.size()), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) {
      answers = answers.subspan(static_cast<std::size_t>(count));
    } else {
      const msghdr& failed = answers.front().msg_hdr;
      report_failure("send to", {static_cast<const sockaddr*>(failed.msg_name), failed.msg_namelen}, errno);
      answers = answers.subspan(1);
    }
  }
}

}  // namespace

void serve_batch(int descriptor, std::vector<Message>& messages) {
  static std::vector<mmsghdr> batch(messages.size());
  const std::size_t count = receive_batch(descriptor, messages, batch);
  send_batch(descriptor, std::span(batch).first(count));
}

}  // namespace wirelab
