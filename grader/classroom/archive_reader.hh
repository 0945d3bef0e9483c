#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "grader/classroom/contents.hh"

namespace wirelab {

// An archive is read by a program of its own, wirelab-unpack, in a sandbox without network, because archive
// formats are intricate and their readers have had holes: whoever finds the next one has gained an empty
// room. It gets the names to look for as arguments and the archive on standard input, and answers on standard
// output:
//
//     file 1234 05-unreliable-udp/client.cc      followed by that many bytes and a newline
//     note deep/server.cc was not taken: larger than 256 KiB
//     unreadable it holds a link: a/b            the last line, if the archive is refused
//     none                                       the last line, if this is no archive at all
//     end                                        the last line otherwise
//
// What it answers is believed no further than the submission itself: `parse_unpacked` holds it to the same
// limits.

/// This is no archive of a kind that can be read.
class NotAnArchive : public Unreadable {
  using Unreadable::Unreadable;
};

/// Reads the files called `wanted` anywhere in an archive. Throws Unreadable (NotAnArchive), and
/// std::system_error when the sandbox cannot be started.
Contents read_archive(const std::filesystem::path& archive, const std::set<std::string>& wanted,
                      const std::filesystem::path& unpacker);

/// Reads the unpacker's answer. Throws Unreadable.
Contents parse_unpacked(std::string_view text, const std::set<std::string>& wanted);

}  // namespace wirelab
