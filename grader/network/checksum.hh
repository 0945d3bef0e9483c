#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace wirelab {

/// What is wrong with the checksums of an Ethernet frame: those of the IPv4 header, of ICMP, ICMPv6, UDP and
/// TCP (RFC 1071; RFC 8200 section 8.1 for the pseudo header of IPv6). Empty when they are right, and for
/// frames that have none; else `the UDP checksum is 0x1234, and should be 0xabcd`. A UDP checksum of 0 over
/// IPv4 says that there is none (RFC 768). In fragments only the IPv4 header's is judged. A packet that is
/// shorter than its own headers say has a trouble, too.
std::string checksum_trouble(std::span<const std::byte> frame);

}  // namespace wirelab
