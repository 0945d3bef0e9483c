// wirelab-unpack NAME... <ARCHIVE: the program on the far side of the fence. archive_reader.hh says what it
// answers. It writes no file and needs none: it is started in a sandbox in which there is nothing.

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "grader/classroom/contents.hh"
#include "grader/classroom/limits.hh"

namespace {

using namespace wirelab;
using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

class NoArchive : public std::exception {};

[[noreturn]] void refuse(const std::string& reason) { throw Unreadable(reason); }

std::string reason_of(archive* reader) {
  const char* text = archive_error_string(reader);
  return text == nullptr ? "damaged" : text;
}

/// Nothing can be read: damage, where a format or a compression was recognised.
[[noreturn]] void give_up(archive* reader) {
  if (archive_format(reader) == 0 && archive_errno(reader) == EILSEQ) throw NoArchive();  // "unrecognized"
  refuse("it is damaged: " + reason_of(reader));
}

/// The formats that students' machines make, and no other: every reader left out is a hole left out.
Archive open_archive() {
  Archive reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip_streamable(reader.get());
  archive_read_support_format_zip_seekable(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  if (archive_read_open_fd(reader.get(), 0, 64 << 10) != ARCHIVE_OK) give_up(reader.get());
  return reader;
}

/// Windows writes backslashes now and then; a newline in a name would break the answer.
std::string path_of(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) refuse("it holds a name that cannot be read");
  std::string path(name);
  std::ranges::replace(path, '\\', '/');
  std::ranges::replace_if(
      path, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return path;
}

void refuse_trickery(archive_entry* entry, const std::string& path) {
  const FoundPath found = take_apart(path);
  const bool drive = path.size() > 1 && path[1] == ':';
  if (path.starts_with('/') || drive) refuse("it holds an absolute path: " + path);
  if (found.name == ".." || std::ranges::count(found.folders, "..") > 0)
    refuse("it holds a path with '..': " + path);
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr ||
      archive_entry_filetype(entry) == AE_IFLNK) {
    refuse("it holds a link: " + path);
  }
  const auto type = archive_entry_filetype(entry);
  if (type != AE_IFREG && type != AE_IFDIR && type != 0) refuse("it holds a device or the like: " + path);
  if (archive_entry_is_encrypted(entry) != 0) refuse("it is encrypted");
}

/// Reads an entry to its end, wanted or not: so damage anywhere is noticed, and every byte is counted that
/// comes out. Keeps what is kept of a file.
std::string content_of(archive* reader, std::uint64_t& unpacked) {
  std::string content;
  char block[16 << 10];
  for (;;) {
    const la_ssize_t count = archive_read_data(reader, block, sizeof block);
    if (count < 0) refuse("it is damaged: " + reason_of(reader));
    if (count == 0) return content;
    unpacked += static_cast<std::uint64_t>(count);
    if (unpacked > most_archive_bytes)
      refuse("it unpacks to more than " + std::to_string(most_archive_bytes >> 20) + " MiB");
    if (content.size() <= most_file_bytes) content.append(block, static_cast<std::size_t>(count));
  }
}

bool is_wanted(const std::string& path, const std::set<std::string_view>& wanted) {
  const FoundPath found = take_apart(path);
  return wanted.contains(found.name) && found.folders.size() <= most_depth &&
         std::ranges::all_of(found.folders, worth_a_look);
}

void answer(const std::string& path, const std::string& content) {
  if (content.size() > most_file_bytes) {
    std::printf("note %s was not taken: larger than %zu KiB\n", path.c_str(), most_file_bytes >> 10);
    return;
  }
  std::printf("file %zu %s\n", content.size(), path.c_str());
  std::fwrite(content.data(), 1, content.size(), stdout);
  std::printf("\n");
}

void read_all(const std::set<std::string_view>& wanted) {
  const Archive reader = open_archive();
  std::uint64_t unpacked = 0;
  std::size_t taken = 0;
  for (unsigned entries = 1;; ++entries) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) give_up(reader.get());
    if (entries > most_entries) refuse("it holds more than " + std::to_string(most_entries) + " files");
    const std::string path = path_of(entry);
    refuse_trickery(entry, path);
    const std::string content = content_of(reader.get(), unpacked);
    if (archive_entry_filetype(entry) != AE_IFREG || !is_wanted(path, wanted)) continue;
    taken += std::min(content.size(), most_file_bytes);
    if (taken > most_taken_bytes) refuse("it holds too many files with the names of the labs");
    answer(path, content);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_ALL, "C.UTF-8");  // or names outside of ASCII could not be read
  try {
    read_all(std::set<std::string_view>(argv + 1, argv + argc));
    std::printf("end\n");
  } catch (const NoArchive&) {
    std::printf("none\n");
  } catch (const Unreadable& error) {
    std::printf("unreadable %s\n", error.what());
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}
