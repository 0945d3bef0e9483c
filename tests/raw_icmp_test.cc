// Lab 09's reference solution against a second opinion: its requests of every size are written to a capture
// file, and tshark, which shares no code with us, decodes them. All sizes when WIRELAB_REPEAT is set, else
// every seventh or so.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "common/error.hh"
#include "grader/network/capture.hh"
#include "grader/network/network.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr unsigned most = 1472;        // bytes of data in an Ethernet frame
constexpr unsigned requests_each = 3;  // of each size
constexpr std::size_t batch = 150;     // sizes on one network, so that its capture keeps every frame whole

fs::path solution() { return fs::read_symlink("/proc/self/exe").parent_path() / "solutions" / "raw_icmp"; }

/// Runs the solution on a host; returns its exit status. Root in the private world, it may open raw sockets.
int ask(const Host& from, const Host& whom, unsigned size) {
  const auto inside = from.visit();
  std::vector<std::string> words = {
      solution(), whom.at(0).host(),   "-c", std::to_string(requests_each), "-i", "0", "-W", "20",
      "-s",       std::to_string(size)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int error = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno("start", arguments[0], error);
  int status = 0;
  must(waitpid(child, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// The output of a command, which must succeed.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"),
                                                   [](FILE* file) { return pclose(file); });
  if (pipe == nullptr) throw_errno("popen");
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    text.append(buffer.data(), count);
  return text;
}

bool has_tshark() { return std::system("tshark --version > /dev/null 2>&1") == 0; }

/// A message as tshark sees it.
struct Decoded {
  unsigned type = 0, code = 0, checksum_status = 0, ip_checksum_status = 0, identifier = 0, sequence = 0,
           length = 0;
  bool malformed = false;
};

/// Every frame of the file, as tshark sees it; all of them are ICMP echoes.
std::vector<Decoded> decode(const fs::path& capture) {
  const std::string text =
      output_of("tshark -n -r " + capture.string() +
                " -o ip.check_checksum:TRUE -T fields -E separator=, -E occurrence=f -e icmp.type -e "
                "icmp.code -e icmp.checksum.status "
                "-e icmp.ident -e icmp.seq -e data.len -e _ws.malformed -e ip.checksum.status 2> /dev/null");
  std::istringstream lines(text);
  std::vector<Decoded> result;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields(1);
    for (const char c : line) {
      if (c == ',')
        fields.emplace_back();
      else
        fields.back() += c;
    }
    if (fields.size() < 8) fields.resize(8);
    const auto number = [&](std::size_t i) {
      return fields[i].empty() ? 0u : static_cast<unsigned>(std::stoul(fields[i], nullptr, 0));
    };
    const auto status = [&](std::size_t i) { return fields[i].empty() ? 99u : number(i); };
    result.push_back({.type = number(0),
                      .code = number(1),
                      .checksum_status = status(2),
                      .ip_checksum_status = status(7),
                      .identifier = number(3),
                      .sequence = number(4),
                      .length = number(5),
                      .malformed = !fields[6].empty()});
  }
  return result;
}

void expect_alike(const Decoded& is, unsigned type, unsigned identifier, unsigned sequence, unsigned size) {
  constexpr unsigned good = 1;  // tshark's word for a checksum that is right
  EXPECT_EQ(is.type, type) << "size " << size;
  EXPECT_EQ(is.code, 0u) << "size " << size;
  EXPECT_EQ(is.checksum_status, good) << "size " << size;
  EXPECT_EQ(is.ip_checksum_status, good) << "size " << size;
  EXPECT_EQ(is.identifier, identifier) << "size " << size;
  EXPECT_EQ(is.sequence, sequence) << "size " << size;
  EXPECT_EQ(is.length, size);
  EXPECT_FALSE(is.malformed) << "size " << size;
}

/// Asks with each of these sizes, and has tshark look at all that crossed the cable.
void judge(const std::vector<unsigned>& sizes) {
  Network net;
  Host& client = net.host("client", "10.9.0.1/24");
  Host& server = net.host("server", "10.9.0.2/24");
  Segment& wire = net.link(client, server);
  for (const unsigned size : sizes) ASSERT_EQ(ask(client, server, size), 0) << "size " << size;

  std::string folder = (fs::temp_directory_path() / "raw_icmp_test.XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw_errno("mkdtemp", folder);
  const fs::path file = fs::path(folder) / "wire.pcap";
  const std::vector<CapturedFrame> frames = wire.frames(icmp);
  write_pcap(file, frames);
  const std::vector<Decoded> decoded = decode(file);
  fs::remove_all(folder);

  ASSERT_EQ(wire.overflowed(), 0u);
  ASSERT_EQ(frames.size(), 2 * requests_each * sizes.size());
  ASSERT_EQ(decoded.size(), frames.size()) << "tshark has not decoded every frame";
  for (std::size_t i = 0; i < decoded.size(); i += 2) {
    const unsigned size = sizes[i / (2 * requests_each)];
    const auto sequence = static_cast<unsigned>(i / 2 % requests_each + 1);
    const unsigned identifier = decoded[i / (2 * requests_each) * 2 * requests_each].identifier;
    EXPECT_EQ(identifier, frames[i].frame.headers().identifier);
    expect_alike(decoded[i], 8, identifier, sequence, size);      // the request
    expect_alike(decoded[i + 1], 0, identifier, sequence, size);  // the kernel's answer
  }
}

TEST(RawIcmp, tshark_finds_nothing_wrong_with_requests_of_any_size) {
  if (!has_tshark()) GTEST_SKIP() << "tshark is not installed";
  const unsigned stride =
      std::getenv("WIRELAB_REPEAT") != nullptr ? 1 : 7;  // odd, so that odd and even sizes come
  std::vector<unsigned> sizes;
  for (unsigned size = 0; size <= most; size += stride) sizes.push_back(size);
  if (sizes.back() != most) sizes.push_back(most);
  for (std::size_t first = 0; first < sizes.size() && !HasFailure(); first += batch) {
    const auto last = std::min(sizes.size(), first + batch);
    judge({sizes.begin() + static_cast<long>(first), sizes.begin() + static_cast<long>(last)});
  }
}

}  // namespace
}  // namespace wirelab
