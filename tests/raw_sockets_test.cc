// A program that may open raw and packet sockets has that right inside its host, and nowhere else: labs 06,
// 09 and 12 let students write packets of any kind, and none of them may ever reach a network that is real.

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <set>
#include <string>

#include "common/error.hh"
#include "grader/network/network.hh"
#include "tests/program_fixture.hh"

namespace wirelab {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::Not;

/// The attacker's host shares a cable with a victim. Two others share another cable.
class RawSockets : public testing::Test {
 protected:
  std::string output_of(const std::vector<std::string>& words) {
    Launch launch = subject(words);
    launch.raw_sockets = true;
    Process process = Process::start(attacker, std::move(launch));
    const auto exit = process.wait(patience());
    EXPECT_TRUE(exit && exit->code == 0) << process.standard_error();
    return process.standard_output();
  }

  Network net;
  Host& attacker = net.host("attacker", "10.6.0.3/24");
  Host& victim = net.host("victim", "10.6.0.1/24");
  Host& here = net.host("here", "10.7.0.1/24");
  Host& there = net.host("there", "10.7.0.2/24");
  Segment& own = net.link(attacker, victim);
  Segment& other = net.link(here, there);
};

std::string network_seen_from(const Host& host) {
  const auto inside = host.visit();
  std::array<char, 64> text{};
  must(readlink("/proc/thread-self/ns/net", text.data(), text.size() - 1), "readlink");
  return text.data();
}

TEST_F(RawSockets, see_the_interfaces_of_their_host_and_no_others) {
  std::istringstream lines(output_of({"interfaces"}));
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) seen.insert(line);
  EXPECT_THAT(seen, ElementsAre("bound eth0", "bound lo", "counted eth0", "counted lo", "listed eth0",
                                "listed lo", "named eth0", "named lo"));
}

TEST_F(RawSockets, send_to_the_cable_of_their_host_and_to_no_other) {
  const std::string mark = "is there anybody on this network?";
  const Match marked([&mark](const Frame& frame) {
    const auto bytes = frame.bytes();
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(mark) !=
           std::string_view::npos;
  });
  output_of({"send-frames", mark});
  EXPECT_TRUE(own.wait_for(marked.from(attacker), 1, patience()));

  // Whatever came before it onto the other cable has been recorded when this one is.
  const auto inside = here.visit();
  const Descriptor fence(must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Address to = there.at(1060);
  must(sendto(fence.get(), "fence", 5, 0, to.data(), *to.size()), "sendto");
  EXPECT_TRUE(other.wait_for(udp.saying("fence"), 1, patience()));
  EXPECT_EQ(own.count(marked), 1u);
  EXPECT_EQ(other.count(marked), 0u);
}

TEST_F(RawSockets, lead_into_no_other_network) {
  std::istringstream lines(output_of({"leave-network"}));
  std::vector<std::string> tried;
  for (std::string line; std::getline(lines, line);) tried.push_back(line);
  ASSERT_EQ(tried.size(), 13u);
  EXPECT_EQ(tried.back(), network_seen_from(attacker));
  tried.pop_back();
  for (const std::string& line : tried) EXPECT_THAT(line, Not(EndsWith(" ok")));
}

}  // namespace
}  // namespace wirelab
