#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/address.hh"
#include "common/descriptor.hh"
#include "common/lab_main.hh"

namespace wirelab {

/// `spoofed_reply server HOST [--key SECRET]`: answers each question. Runs until it is killed. Given.
void run_server(const Arguments& arguments);

/// `spoofed_reply client HOST [QUESTION] [--connected]`: asks, and believes the first datagram that comes;
/// with
/// --connected the first that has the server's address and port on it. Given.
void run_client(const Arguments& arguments);

/// `spoofed_reply attack VICTIM -p PORT [--as SERVER:PORT] [MESSAGE]`: sends MESSAGE to the victim in one
/// datagram; with --as in a packet that has another's address on it.
void run_attack(const Arguments& arguments);

/// `spoofed_reply careful-client HOST [QUESTION] [--wait SECONDS] [--count N] [--key SECRET]`: asks, and
/// believes only an answer that carries the token of its question.
void run_careful_client(const Arguments& arguments);

/// The checksum of IPv4, UDP and TCP over these bytes: packet.cc.
std::uint16_t internet_checksum(std::string_view bytes);

/// A whole IPv4 packet with a UDP datagram in it, from and to these addresses and ports: packet.cc.
std::string make_packet(const Address& source, const Address& destination, std::string_view message);

/// The token at the beginning of a datagram: 16 to 64 lower-case hexadecimal digits, if a space follows.
/// Empty when there is none.
std::string_view token_of(std::string_view datagram);

/// With --key: what the server puts between token and answer, 64 hexadecimal digits that nobody can work out
/// who does not know the key. It covers all that must belong together. The length keeps apart where the
/// question ends and where the answer begins.
std::string tag_of(std::string_view key, std::string_view token, std::string_view question,
                   std::string_view answer);

}  // namespace wirelab
