#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace wirelab {

/// The SHA-256 digest of these bytes (FIPS 180-4; RFC 6234). Written for the course, to be read: a program in
/// earnest takes a library that many have looked at, such as OpenSSL or libsodium.
std::array<std::uint8_t, 32> sha256(std::string_view bytes);

/// HMAC-SHA256 of a message under a key, as 64 lower-case hexadecimal digits (RFC 2104). Who does not know
/// the key can neither make the tag of a message nor learn the key from any number of tags.
std::string hmac_sha256(std::string_view key, std::string_view message);

/// Whether both are the same, found out in a time that depends on their lengths alone: `==` stops at the
/// first byte that differs, and who can measure that may guess a secret byte by byte.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace wirelab
