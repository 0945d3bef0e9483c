#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "common/descriptor.hh"
#include "common/error.hh"
#include "common/lab_main.hh"
#include "packet_analysis.hh"

namespace wirelab {
namespace {

std::vector<std::byte> read_file(const std::string& path) {
  const Descriptor file(must(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  std::vector<std::byte> content;
  std::vector<std::byte> chunk(1 << 16);
  while (const ssize_t count = must(read(file.get(), chunk.data(), chunk.size()), "read", path)) {
    content.insert(content.end(), chunk.begin(), chunk.begin() + count);
  }
  return content;
}

/// Prints what there is to say, also when the file turns out to be damaged further on.
void run(const Arguments& arguments) {
  const Wishes wishes{arguments.has("--segments"), arguments.has("--ladder")};
  CaptureFile file(arguments.host, read_file(arguments.host));
  Analysis analysis;
  try {
    while (const auto packet = file.next()) {
      if (const auto segment = read_segment(*packet)) analysis.add(*segment);
    }
  } catch (const std::runtime_error&) {
    print(std::cout, analysis, wishes);
    std::cout.flush();
    throw;
  }
  print(std::cout, analysis, wishes);
  std::cout.flush();
}

}  // namespace
}  // namespace wirelab

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "packet_analysis",
                           {{.name = "",
                             .synopsis = "FILE [--segments] [--ladder]",
                             .options = {},
                             .most_words = 0,
                             .run = wirelab::run,
                             .flags = {"--segments", "--ladder"},
                             .object = "FILE"}});
}
