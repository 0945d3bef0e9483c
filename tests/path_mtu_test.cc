// Lab 08's reference solution on many random topologies: the right value, with the fewest probes that the
// kernel's own discovery allows. WIRELAB_REPEAT says how many topologies, WIRELAB_SEED which: the failure
// names the seed.

#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "grader/network/chain.hh"
#include "grader/program/process.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAreArray;

unsigned setting(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

/// What is to be learnt on the way: the first MTU, and each that is smaller than all before it.
std::vector<std::size_t> narrowings(const std::vector<unsigned>& mtus) {
  std::vector<std::size_t> steps;
  for (const unsigned mtu : mtus) {
    if (steps.empty() || mtu < steps.back()) steps.push_back(mtu);
  }
  return steps;
}

/// The sizes of the IP packets with UDP in them that the client has sent.
std::vector<std::size_t> probes_on(const Segment& cable, const Host& client) {
  constexpr std::size_t ethernet_header = 14;
  std::vector<std::size_t> sizes;
  for (const CapturedFrame& frame : cable.frames(udp.from(client)))
    sizes.push_back(frame.length - ethernet_header);
  return sizes;
}

Launch solution(const Address& target) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  Launch launch;
  launch.command = {"/mtu", target.host()};
  launch.binds = {{folder / "solutions" / "mtu", "/mtu", false}};
  return launch;
}

void find_path_mtu(const std::vector<unsigned>& mtus) {
  Network net;
  const Chain path(net, mtus, 8);
  const Process process = Process::start(path.client, solution(path.server.at(0)));
  const auto exit = process.wait(std::chrono::steady_clock::now() + 60s);
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->to_string(), "exit status 0") << process.standard_error();
  const std::vector<std::size_t> steps = narrowings(mtus);
  EXPECT_EQ(process.standard_output(), "Path MTU: " + std::to_string(steps.back()) + "\n");
  EXPECT_THAT(probes_on(*path.cables.front(), path.client), ElementsAreArray(steps));
}

TEST(PathMtu, is_found_on_random_topologies_with_one_probe_more_than_narrowings) {
  const unsigned topologies = setting("WIRELAB_REPEAT", 20);
  const unsigned first = setting("WIRELAB_SEED", std::random_device()());
  for (unsigned i = 0; i < topologies && !testing::Test::HasFailure(); ++i) {
    std::mt19937 random(first + i);
    std::vector<unsigned> mtus(1 + random() % 5);            // zero to four routers
    std::uniform_int_distribution<unsigned> any(576, 9000);  // the kernel rounds up what is below 552
    for (unsigned& mtu : mtus) mtu = any(random);
    SCOPED_TRACE("WIRELAB_REPEAT=1 WIRELAB_SEED=" + std::to_string(first + i) +
                 ", MTUs: " + testing::PrintToString(mtus));
    find_path_mtu(mtus);
  }
}

}  // namespace
}  // namespace wirelab
