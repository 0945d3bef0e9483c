#include "grader/classroom/archive_reader.hh"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/descriptor.hh"
#include "grader/checks/verdict.hh"
#include "grader/classroom/limits.hh"
#include "grader/program/sandboxed_run.hh"

namespace wirelab {
namespace {

constexpr std::chrono::seconds patience{20};
constexpr const char* unpacker_inside = "/tmp/wirelab-unpack";

/// Takes the answer line by line, and as many bytes in between as a line promises.
class Answer {
 public:
  explicit Answer(std::string_view rest) : rest_(rest) {}

  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) throw Unreadable("its reader broke down");
    return bytes(end + 1).substr(0, end);
  }

  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) throw Unreadable("its reader broke down");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

 private:
  std::string_view rest_;
};

/// Cuts the first word off a line.
std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

FoundFile file_of(std::string_view line, Answer& answer, const std::set<std::string>& wanted) {
  const std::string_view digits = next_word(line);
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  const FoundPath path = take_apart(line);
  if (error != std::errc{} || end != digits.data() + digits.size() || size > most_file_bytes ||
      !wanted.contains(path.name)) {
    throw Unreadable("its reader broke down");
  }
  FoundFile file{std::string(line), std::string(answer.bytes(size))};
  answer.bytes(1);
  return file;
}

Descriptor open_archive(const std::filesystem::path& archive) {
  Descriptor fd(open(archive.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) throw Unreadable(std::strerror(errno));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) throw NotAnArchive("no regular file");
  if (static_cast<std::uint64_t>(status.st_size) > most_archive_bytes) {
    throw Unreadable("it is larger than " + std::to_string(most_archive_bytes >> 20) + " MiB");
  }
  return fd;
}

}  // namespace

Contents parse_unpacked(std::string_view text, const std::set<std::string>& wanted) {
  Contents contents;
  Answer answer(text);
  for (;;) {
    std::string_view line = answer.line();
    const std::string_view kind = next_word(line);
    if (kind == "end") return contents;
    if (kind == "none") throw NotAnArchive("no zip or tar archive");
    if (kind == "unreadable") throw Unreadable(printable(line, 200));
    if (kind == "note") {
      contents.notes.push_back(printable(line, 200));
    } else if (kind == "file") {
      contents.files.push_back(file_of(line, answer, wanted));
    } else {
      throw Unreadable("its reader broke down");
    }
  }
}

Contents read_archive(const std::filesystem::path& archive, const std::set<std::string>& wanted,
                      const std::filesystem::path& unpacker) {
  const Descriptor input = open_archive(archive);
  Sandbox sandbox;
  sandbox.binds = {{unpacker, unpacker_inside, false}};
  std::vector<std::string> command = {unpacker_inside};
  command.insert(command.end(), wanted.begin(), wanted.end());

  Limits limits;
  limits.memory = 256u << 20;  // xz may want 64 MiB for its dictionary
  limits.processes = 16;
  limits.output = most_taken_bytes + (1u << 20);
  const RunResult run = run_sandboxed(sandbox, command, limits, patience, {}, input.get());
  if (!run.ok()) throw Unreadable("its reader broke down: " + run.exit.to_string());
  return parse_unpacked(run.output, wanted);
}

}  // namespace wirelab
