#pragma once

#include <cstddef>
#include <cstdint>

namespace wirelab {

/// What is taken from one submission. A student's file is some ten kilobytes long; who is over these limits
/// has handed in something else, or wants to see the grader run out of memory.
inline constexpr std::size_t most_file_bytes = 256u << 10;  ///< of one file
inline constexpr std::size_t most_taken_bytes = 4u << 20;   ///< of all files that are read, together
inline constexpr unsigned most_entries = 10'000;            ///< files and folders looked at
inline constexpr unsigned most_depth = 6;                   ///< folders inside folders

/// Of an archive, packed and unpacked alike. What it unfolds to is bounded in itself, so the ratio need not
/// be: a log file full of zeros is no attack.
inline constexpr std::uint64_t most_archive_bytes = 64u << 20;

}  // namespace wirelab
