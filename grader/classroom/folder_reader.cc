// Reads a student's folder, of which nothing can be trusted: it may be full of links to the grader's own
// files, of FIFOs that never answer and of folders without end. Every step down is one openat(2) of a single
// name with O_NOFOLLOW, so no path is ever resolved twice, and no link at all.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "common/descriptor.hh"
#include "grader/checks/verdict.hh"
#include "grader/classroom/contents.hh"
#include "grader/classroom/limits.hh"

namespace wirelab {
namespace {

struct CloseStream {
  void operator()(DIR* stream) const { closedir(stream); }
};

class Walk {
 public:
  explicit Walk(const std::set<std::string>& wanted) : wanted_(wanted) {}

  void folder(Descriptor fd, const std::string& prefix, unsigned depth) {
    for (const std::string& name : names_in(fd.get())) {
      struct stat status {};
      if (fstatat(fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISDIR(status.st_mode)) {
        subfolder(fd.get(), name, prefix, depth);
      } else if (wanted_.contains(name)) {
        file(fd.get(), name, prefix + name, status.st_mode);
      }
    }
  }

  [[nodiscard]] Contents take() { return std::move(contents_); }

 private:
  std::vector<std::string> names_in(int folder) {
    // fdopendir(3) takes its descriptor over.
    const std::unique_ptr<DIR, CloseStream> stream(fdopendir(fcntl(folder, F_DUPFD_CLOEXEC, 0)));
    std::vector<std::string> names;
    while (stream) {
      const dirent* entry = readdir(stream.get());
      if (entry == nullptr) break;
      if (++entries_ > most_entries)
        throw Unreadable("more than " + std::to_string(most_entries) + " files and folders");
      if (worth_a_look(entry->d_name)) names.emplace_back(entry->d_name);
    }
    std::ranges::sort(names);  // the same submission is read the same way on every machine
    return names;
  }

  void subfolder(int parent, const std::string& name, const std::string& prefix, unsigned depth) {
    if (depth == most_depth) return;
    Descriptor fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return pass_over(prefix + name, std::strerror(errno));
    folder(std::move(fd), prefix + name + "/", depth + 1);
  }

  void file(int parent, const std::string& name, const std::string& path, mode_t mode) {
    if (S_ISLNK(mode)) return pass_over(path, "a symbolic link, which is not followed");
    if (!S_ISREG(mode)) return pass_over(path, "no regular file");
    // The file may have become something else since it was looked at: O_NONBLOCK keeps a FIFO from stopping
    // us.
    const Descriptor fd(openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return pass_over(path, std::strerror(errno));
    struct stat status {};
    if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return pass_over(path, "no regular file");
    read_file(fd.get(), path);
  }

  void read_file(int fd, const std::string& path) {
    std::string content(most_file_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
      const ssize_t count = read(fd, content.data() + size, content.size() - size);
      if (count < 0) return pass_over(path, std::strerror(errno));
      if (count == 0) break;
      size += static_cast<std::size_t>(count);
    }
    if (size > most_file_bytes)
      return pass_over(path, "larger than " + std::to_string(most_file_bytes >> 10) + " KiB");
    taken_ += size;
    if (taken_ > most_taken_bytes) throw Unreadable("too many files with the names of the labs");
    content.resize(size);
    content.shrink_to_fit();
    contents_.files.push_back({path, std::move(content)});
  }

  void pass_over(const std::string& path, const std::string& reason) {
    contents_.notes.push_back(printable(path) + " was not taken: " + reason);
  }

  const std::set<std::string>& wanted_;
  Contents contents_;
  unsigned entries_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace

Contents read_folder(const std::filesystem::path& folder, const std::set<std::string>& wanted) {
  Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Unreadable(std::strerror(errno));
  Walk walk(wanted);
  walk.folder(std::move(fd), "", 0);
  return walk.take();
}

}  // namespace wirelab
