// Lab 12's program against a server that knows nothing of any test: python3's http.server in another host,
// across a cable that loses one segment in ten. A TCP that is right in every single case still has to get
// through all of them together.

#include <gmock/gmock.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include "common/error.hh"
#include "grader/network/network.hh"
#include "grader/program/files.hh"
#include "grader/program/process.hh"
#include "grader/program/sockets.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t port = 8000;
constexpr std::size_t page_size = 20000;
constexpr auto patience = 100s;  // for ever, as far as a lossy cable and a busy machine are concerned

std::filesystem::path solution() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "solutions" / "raw_tcp";
}

/// WIRELAB_REPEAT, or what is usual.
int repetitions(int usual) {
  const char* wanted = std::getenv("WIRELAB_REPEAT");
  return wanted != nullptr ? std::atoi(wanted) : usual;
}

/// Bytes of every value, the same for a seed.
std::string page_of(unsigned seed) {
  std::mt19937 random(seed);
  std::string page(page_size, '\0');
  for (char& one : page) one = static_cast<char>(random());
  return page;
}

class RawTcp : public testing::Test {
 protected:
  RawTcp() {
    client.hush_tcp();
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  }

  /// A web server that shows the folder, once it listens.
  Process start_server() {
    Launch launch;
    launch.command = {"python3", "-m",     "http.server", "--directory",
                      "/www",    "--bind", "0.0.0.0",     std::to_string(port)};
    launch.binds = {{folder.path(), "/www", false}};
    Process server_process = Process::start(server, std::move(launch));
    const auto deadline = Clock::now() + patience;
    while (sockets_in(server, SOCK_STREAM, listen_state).empty()) {
      if (server_process.exit()) throw std::runtime_error("http.server: " + server_process.standard_error());
      if (Clock::now() > deadline) throw std::runtime_error("http.server: it does not listen");
      std::this_thread::sleep_for(2ms);
    }
    return server_process;
  }

  Process fetch(const std::string& path) {
    Launch launch;
    launch.command = {"/raw_tcp", server.at(0).host(), path, "-p", std::to_string(port)};
    launch.binds = {{solution(), "/raw_tcp", false}};
    launch.raw_sockets = true;
    return Process::start(client, std::move(launch));
  }

  Network net;
  Host& client = net.host("client", "10.12.0.1/24");
  Host& server = net.host("server", "10.12.0.2/24");
  Segment& wire = net.link(client, server);
  TemporaryFolder folder{std::filesystem::temp_directory_path()};
};

TEST_F(RawTcp, fetches_a_page_whole_across_a_cable_that_loses_one_segment_in_ten) {
  const std::string page = page_of(12);
  write_file(folder.path() / "page", page);
  const Process web = start_server();
  const int runs = repetitions(5);
  const unsigned first_seed = std::random_device()();
  std::size_t lost = 0;
  for (int run = 0; run < runs; ++run) {
    const unsigned seed = first_seed + static_cast<unsigned>(run);
    SCOPED_TRACE("run " + std::to_string(run) + ", cable's seed " + std::to_string(seed));
    const auto lossy = wire.impair(drop_randomly(tcp, 0.1, seed));
    const Process program = fetch("/page");
    const auto exit = program.wait(Clock::now() + patience);
    ASSERT_TRUE(exit.has_value()) << "still running";
    EXPECT_EQ(exit->to_string(), "exit status 0") << program.standard_error();
    EXPECT_TRUE(program.standard_output() == page)
        << program.standard_output().size() << " bytes, or other ones";
  }
  for (const CapturedFrame& one : wire.frames(tcp)) lost += one.fate == "lost" ? 1u : 0u;
  EXPECT_GT(lost, 0u);
  RecordProperty("runs", runs);
  RecordProperty("lost", static_cast<int>(lost));
  std::printf("%d pages, %zu of %zu segments lost\n", runs, lost, wire.count(tcp));
}

TEST_F(RawTcp, says_what_the_server_says_of_a_page_that_is_not_there) {
  const Process web = start_server();
  const Process program = fetch("/nosuch");
  const auto exit = program.wait(Clock::now() + patience);
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->to_string(), "exit status 1");
  EXPECT_THAT(program.standard_error(), testing::HasSubstr("404"));
  EXPECT_EQ(program.standard_output(), "");
}

}  // namespace
}  // namespace wirelab
