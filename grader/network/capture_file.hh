#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace wirelab {

/// The bytes of one frame of a capture file, as many as were kept; `number` counts from 1, as Wireshark does.
/// Throws std::runtime_error, `read x/wire.pcap: ...`: it cannot be read, or has no such frame. See
/// pcap-savefile(5).
std::vector<std::byte> read_frame(const std::filesystem::path& file, std::size_t number);

}  // namespace wirelab
