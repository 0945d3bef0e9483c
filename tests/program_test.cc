#include <gmock/gmock.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <thread>

#include "tests/program_fixture.hh"

namespace wirelab {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Reason = Exit::Reason;

class Sandboxed : public ProgramTest {};
class Limited : public ProgramTest {};
class Watched : public ProgramTest {};

// ------------------------------------------------------------------------------------------------------- its
// end

TEST_F(Watched, exit_status_is_told) {
  const Exit exit = run({"exit", "42"});
  EXPECT_EQ(exit.reason, Reason::exited);
  EXPECT_EQ(exit.code, 42);
  EXPECT_EQ(exit.to_string(), "exit status 42");
}

TEST_F(Watched, signal_is_told) {
  const Exit exit = run({"raise", "11"});
  EXPECT_EQ(exit.reason, Reason::signalled);
  EXPECT_EQ(exit.to_string(), "killed by signal 11 (Segmentation fault)");
}

TEST_F(Watched, program_that_cannot_be_executed_exits_127_and_says_why) {
  Launch launch;
  launch.command = {"nosuch"};
  EXPECT_EQ(run(launch).code, 127);
  EXPECT_EQ(errors_, "nosuch: No such file or directory\n");
}

TEST_F(Watched, missing_bind_is_the_graders_trouble) {
  Launch launch = subject({"exit", "0"});
  launch.binds.push_back({"/nosuch/folder", "/x", false});
  EXPECT_THAT([&] { start(launch); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr("/nosuch/folder")));
}

TEST_F(Watched, signals_reach_the_program) {
  Process process = start({"sleep"});
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  EXPECT_FALSE(process.exit().has_value());
  EXPECT_FALSE(process.wait(Clock::now() + 1ms).has_value());
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(patience())->signal, SIGTERM);
  process.signal(SIGTERM);  // nobody there: nothing happens
}

TEST_F(Watched, daemons_die_with_the_program) {
  run({"daemons"});
  EXPECT_EQ(output_, "started\n");
}

TEST_F(Watched, kill_ends_the_program_and_its_daemons) {
  Process process = start({"daemons", "stay"});
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  process.kill();
  EXPECT_EQ(process.exit()->signal, SIGKILL);
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(process.pid())));
}

/// Waits until every descendant of this process has ended. It must be the one to whom orphans go.
bool all_descendants_end() {
  for (const auto deadline = patience(); Clock::now() < deadline; usleep(1000)) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
  }
  return false;
}

TEST_F(Watched, nothing_survives_a_grader_that_is_killed_at_any_moment) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  const auto start_programs_for_ever = [this](bool wait_for_them) noexcept {
    for (;;) {
      Process process = start({"daemons", "stay"});
      if (wait_for_them) process.wait_for_lines(0, patience());
    }
  };
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 80; ++round) {
    const pid_t grader = fork();
    if (grader == 0) start_programs_for_ever(round % 4 == 0);
    usleep(static_cast<useconds_t>(std::uniform_int_distribution(0, 8000)(random)));
    kill(grader, SIGKILL);
    ASSERT_TRUE(all_descendants_end()) << "in round " << round;
  }
}

TEST_F(Watched, nothing_survives_its_process_object) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  { Process process = start({"daemons", "stay"}); }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(Watched, killed_launcher_is_no_verdict_on_the_program) {
  Process process = start({"sleep"});
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
  pid_t parent = -1;
  for (std::string word; status >> word;) {
    if (word == "PPid:") status >> parent;
  }
  kill(parent, SIGKILL);
  EXPECT_THROW(static_cast<void>(process.wait(patience())), std::runtime_error);
}

// ------------------------------------------------------------------------------------------------ input and
// output

TEST_F(Watched, input_given_at_the_start_ends) {
  Launch launch = subject({"copy"});
  launch.input = "hello\n";
  EXPECT_EQ(run(launch).code, 0);
  EXPECT_EQ(output_, "hello\n");
}

TEST_F(Watched, megabytes_go_through_in_both_directions) {
  std::string data(16 << 20, '\0');
  std::mt19937 random(7);
  for (char& byte : data) byte = static_cast<char>(random());
  Launch launch = subject({"copy"});
  launch.limits.output = data.size();
  Process process = start(launch);
  process.write_input(std::string_view(data).substr(0, 1000));
  process.write_input(std::string_view(data).substr(1000));
  process.close_input();
  ASSERT_EQ(process.wait(patience())->code, 0);
  EXPECT_TRUE(process.standard_output() == data);
}

TEST_F(Watched, input_that_nobody_reads_does_no_harm) {
  Process process = start({"exit", "3"});
  process.write_input(std::string(1 << 20, 'x'));
  EXPECT_EQ(process.wait(patience())->code, 3);
}

TEST_F(Watched, lines_carry_the_time_of_their_last_byte) {
  const auto start_time = Clock::now();
  Process process = start({"lines"});
  EXPECT_TRUE(process.wait_for_lines(3, patience()));
  EXPECT_FALSE(process.wait_for_lines(4, patience()))
      << "the program has closed its output, nobody should wait";
  const std::vector<Line> lines = process.lines();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1].text, "second");
  EXPECT_EQ(lines[2].text, "third");
  EXPECT_EQ(lines[3].text, "last");
  EXPECT_GE(lines[0].time, start_time);
  EXPECT_GE(lines[1].time - lines[0].time, 0ms);
  EXPECT_GE(lines[2].time - start_time, 40ms) << "the program sleeps that long before";
  EXPECT_FALSE(process.exit().has_value());
}

TEST_F(Watched, pause_stops_every_thread_and_child_and_resume_lets_them_go_on) {
  Launch launch = subject({"count", "3"});
  launch.limits.output = 1 << 30;
  Process process = start(launch);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(process.wait_for_lines(process.lines().size() + 10, patience()));
    process.pause();
    usleep(2000);  // what was in the pipe is being read
    std::size_t before = process.standard_output().size();
    for (std::size_t after; (after = (usleep(5000), process.standard_output().size())) != before;) {
      ASSERT_LE(after - before, 1u << 20) << "more than pipes can hold";
      before = after;
    }
    usleep(20000);
    EXPECT_EQ(process.standard_output().size(), before);
    process.resume();
  }
}

// ----------------------------------------------------------------------------------------------------------
// limits

TEST_F(Limited, processor_time) {
  Launch launch = subject({"spin"});
  launch.limits.cpu = 1s;
  const Exit exit = run(launch);
  EXPECT_EQ(exit.reason, Reason::cpu_limit);
  EXPECT_EQ(exit.to_string(), "stopped: it used too much processor time");
}

TEST_F(Limited, memory) {
  for (const char* kind : {"private", "shared"}) {
    Launch launch = subject({"eat", "100", kind});
    launch.limits.memory = 50 << 20;
    EXPECT_EQ(run(launch).reason, Reason::memory_limit) << kind;
  }
}

TEST_F(Limited, memory_of_all_processes_together) {
  Launch launch = subject({"eat", "30", "private", "1"});
  launch.command = {"/bin/sh", "-c", "/subject eat 30 & /subject eat 30 & /subject eat 30"};
  launch.limits.memory = 60 << 20;
  EXPECT_EQ(run(launch).reason, Reason::memory_limit);
}

TEST_F(Limited, memory_that_children_share_counts_once) {
  Launch launch = subject({"eat", "30", "private", "10"});
  launch.limits.memory = 80 << 20;
  Process process = start(launch);
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  EXPECT_FALSE(process.wait(Clock::now() + 300ms).has_value());
}

TEST_F(Limited, processes) {
  Launch launch = subject({"fork-bomb"});
  launch.limits.processes = 50;
  EXPECT_EQ(run(launch).code, 0);
  // The machine's root cannot be limited where it has no other user to become.
  EXPECT_THAT(output_, StartsWith("fork EAGAIN\n"));
  EXPECT_LT(std::stoi(output_.substr(12)), 50);
}

TEST_F(Limited, open_files) {
  Launch launch = subject({"open-files"});
  launch.limits.files = 20;
  run(launch);
  EXPECT_EQ(output_, "open EMFILE\n17\n");
}

TEST_F(Limited, file_size) {
  Launch launch = subject({"write-file", "/tmp/x"});
  launch.limits.file_size = 3 << 20;
  run(launch);
  EXPECT_EQ(output_, "write EFBIG\n3145728\n");
}

TEST_F(Limited, scratch_space) {
  Launch launch = subject({"write-file", "/tmp/x"});
  launch.limits.file_size = 1ull << 40;
  launch.limits.memory = 1ull << 40;
  run(launch);
  EXPECT_EQ(output_, "write ENOSPC\n67108864\n");
  launch.command.back() = "/dev/shm/x";
  run(launch);
  EXPECT_EQ(output_, "write ENOSPC\n67108864\n");
}

TEST_F(Limited, output) {
  for (const char* stream : {"output", "errors"}) {
    Launch launch = subject({"flood", stream});
    launch.limits.output = 100'000;
    EXPECT_EQ(run(launch).reason, Reason::output_limit);
    EXPECT_EQ((output_ + errors_).size(), 100'000u);
  }
}

// --------------------------------------------------------------------------------------------------------
// sandbox

TEST_F(Sandboxed, environment_is_cleared) {
  setenv("SECRET", "x", 1);
  Launch launch = subject({"environment"});
  launch.environment = {{"GIVEN", "yes"}};
  run(launch);
  EXPECT_THAT(output_, HasSubstr("GIVEN=yes\n"));
  EXPECT_THAT(output_, HasSubstr("PATH=/usr/local/bin:/usr/bin:/bin\n"));
  EXPECT_THAT(output_, Not(HasSubstr("SECRET")));
}

TEST_F(Sandboxed, program_is_an_ordinary_user_without_rights) {
  run({"identity"});
  EXPECT_EQ(output_, "uid 1000 1000\ngid 1000 1000\ncapabilities 0\nno_new_privs 1\npid 2\n");
}

TEST_F(Sandboxed, no_descriptor_is_inherited) {
  const int leaked = dup2(0, 77);  // without CLOEXEC
  run({"descriptors"});
  close(leaked);
  EXPECT_EQ(output_, "0 1 2 \n");
}

TEST_F(Sandboxed, no_descriptor_is_inherited_where_calls_are_watched) {
  Launch launch = subject({"descriptors"});
  launch.watched = {Call::receive, Call::send, Call::close};
  run(launch);
  EXPECT_EQ(output_, "0 1 2 \n");
}

TEST_F(Sandboxed, scratch_space_is_empty_and_private) {
  run({"list", "/tmp", "/dev/shm"});
  EXPECT_EQ(output_, "");
  run({"touch", "/tmp/of-the-program", "/dev/shm/of-the-program"});
  EXPECT_EQ(output_, "/tmp/of-the-program ok\n/dev/shm/of-the-program ok\n");
  EXPECT_FALSE(std::filesystem::exists("/tmp/of-the-program"));
}

TEST_F(Sandboxed, nothing_else_can_be_written) {
  run({"touch", "/x", "/dev/x", "/etc/x", "/usr/x", "/subject", "/proc/sys/net/ipv4/ip_forward",
       "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/core_pattern"});
  std::istringstream lines(output_);
  for (std::string line; std::getline(lines, line);) {
    // ETXTBSY: a file of one's own that is being executed is refused before the mount is asked.
    EXPECT_THAT(line,
                AnyOf(EndsWith(" EROFS"), EndsWith(" EACCES"), EndsWith(" EPERM"), EndsWith(" ETXTBSY")))
        << output_;
  }
}

TEST_F(Sandboxed, machine_is_not_visible) {
  run({"list", "/home", "/root", "/var", "/sys", "/run", "/boot"});
  std::istringstream lines(output_);
  for (std::string line; std::getline(lines, line);)
    EXPECT_THAT(line, EndsWith(": No such file or directory"));
  run({"read-files", "/etc/shadow", "/etc/passwd", "/etc/ssh"});
  EXPECT_EQ(output_, "/etc/shadow ENOENT\n/etc/passwd ENOENT\n/etc/ssh ENOENT\n");
  run({"list", "/proc"});
  EXPECT_THAT(output_, HasSubstr("/proc/1\n/proc/2\n"));
  EXPECT_THAT(output_, Not(HasSubstr("/proc/3\n")));
}

std::string refusals() {
  // In the user namespace of an ordinary user's program there is no user 0 to become.
  const std::string setuid = has_sandbox_user() ? "EPERM" : "EINVAL";
  return "ptrace EPERM\nprocess_vm_readv EPERM\nunshare user EPERM\nunshare net EPERM\nclone user EPERM\n"
         "clone net with bits above EPERM\nclone3 ENOSYS\nsetns EPERM\nmount EPERM\nchroot EPERM\nkeyctl "
         "EPERM\n"
         "bpf EPERM\nio_uring ENOSYS\ntiocsti EPERM\ntiocsti with bits above EPERM\nprlimit of launcher "
         "EPERM\n"
         "vsock EAFNOSUPPORT\nraw socket EPERM\npacket socket EPERM\nsetuid " +
         setuid + "\nsethostname EPERM\n";
}

TEST_F(Sandboxed, ways_out_are_closed) {
  run({"break-out"});
  EXPECT_EQ(output_, refusals());
}

TEST_F(Sandboxed, ways_out_are_closed_where_every_call_is_watched) {
  Launch launch = subject({"break-out"});
  launch.watched = {Call::socket,  Call::bind, Call::listen, Call::connect, Call::accept,
                    Call::receive, Call::send, Call::wait,   Call::close};
  run(launch);
  EXPECT_EQ(output_, refusals());
}

TEST_F(Sandboxed, raw_sockets_open_no_other_way_out) {
  Launch launch = subject({"break-out"});
  launch.raw_sockets = true;
  run(launch);
  std::string expected = refusals();
  const auto allow = [&](const std::string& refused, const std::string& name) {
    if (const auto at = expected.find(refused); at != std::string::npos)
      expected.replace(at, refused.size(), name + " ok");
  };
  allow("raw socket EPERM", "raw socket");
  allow("packet socket EPERM", "packet socket");
  allow("setuid EINVAL", "setuid");  // it is user 0 already, by name
  EXPECT_EQ(output_, expected);
}

TEST_F(Sandboxed, launcher_is_out_of_reach) {
  for (const bool raw_sockets : {false, true}) {
    Launch launch = subject({"touch-launcher"});
    launch.raw_sockets = raw_sockets;
    EXPECT_EQ(run(launch).code, 7);
    std::istringstream lines(output_);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_THAT(line, AnyOf(EndsWith(" EACCES"), EndsWith(" EPERM"), EndsWith(" ENOENT"))) << output_;
    }
    EXPECT_THAT(output_, HasSubstr("write /proc/1/mem EACCES"));
  }
}

TEST_F(Sandboxed, privileged_ports_are_refused) {
  run({"bind", "80"});
  EXPECT_EQ(output_, "bind EACCES\n");
  run({"bind", "1060"});
  EXPECT_EQ(output_, "bind ok\n");
}

TEST_F(Sandboxed, kernel_without_ipv6_has_no_such_sockets) {
  Launch launch = subject({"families"});
  run(launch);
  EXPECT_EQ(output_, "IPv4 socket ok\nIPv6 socket ok\n");
  launch.without_ipv6 = true;
  launch.watched = {Call::connect};
  run(launch);
  EXPECT_EQ(output_, "IPv4 socket ok\nIPv6 socket EAFNOSUPPORT\n");
  launch.watched = {Call::socket};
  EXPECT_THROW(start(launch), std::logic_error);
}

TEST_F(Sandboxed, raw_sockets_are_a_right_of_its_own) {
  Launch launch = subject({"raw"});
  launch.raw_sockets = true;
  run(launch);
  EXPECT_EQ(output_, "raw socket ok\npacket socket ok\naddress ok\nsend ok\n");
  launch.command = {"/subject", "execute", "/subject", "raw"};
  run(launch);
  EXPECT_THAT(output_, StartsWith("raw socket ok\n")) << "after exec";
  launch.command = {"/subject", "bind", "80"};
  run(launch);
  EXPECT_EQ(output_, "bind EACCES\n") << "no other right comes with it";
  launch.command = {"/subject", "touch", "/x", "/proc/sys/net/ipv4/ip_forward"};
  run(launch);
  EXPECT_THAT(output_, Not(HasSubstr("ok")));
}

TEST_F(Sandboxed, sanitizers_work) {
  Launch launch = subject({"exit", "4"});
  launch.command[0] = "/sanitized";
  launch.binds = {{subject_path().parent_path() / "subject-sanitized", "/sanitized", false}};
  EXPECT_EQ(run(launch).code, 4) << errors_;
  launch.command = {"/sanitized", "overflow"};
  EXPECT_NE(run(launch).code, 0);
  EXPECT_THAT(errors_, HasSubstr("AddressSanitizer: heap-buffer-overflow"));
}

TEST_F(Sandboxed, outputs_can_be_opened_by_name) {
  Launch launch;
  launch.command = {"/bin/sh", "-c", "echo one > /dev/stdout; echo two > /dev/stderr"};
  EXPECT_EQ(run(launch).code, 0);
  EXPECT_EQ(output_, "one\n");
  EXPECT_EQ(errors_, "two\n");
}

// ----------------------------------------------------------------------------------------------------------
// sockets

TEST_F(Watched, sockets_of_a_program_tell_the_truth) {
  Process process = start({"hold-sockets", "1060"});
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  const std::vector<HeldSocket> held = process.sockets();
  ASSERT_EQ(held.size(), 3u);
  EXPECT_EQ(held[0].number, 3);
  EXPECT_TRUE(held[0].listening);
  EXPECT_EQ(held[0].type, SOCK_STREAM);
  EXPECT_EQ(held[0].local, Address::numeric("127.0.0.1", 1060));
  EXPECT_FALSE(held[0].peer.has_value());
  int reuse = 0;
  socklen_t size = sizeof reuse;
  ASSERT_EQ(getsockopt(held[0].fd.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, &size), 0);
  EXPECT_NE(reuse, 0);
  EXPECT_EQ(held[1].family, AF_INET6);
  EXPECT_EQ(held[1].type, SOCK_DGRAM);
  EXPECT_EQ(held[1].local.port(), 5353);
  EXPECT_FALSE(held[2].listening);
  EXPECT_EQ(held[2].peer, Address::numeric("127.0.0.1", 1060));
}

TEST_F(Watched, sockets_in_a_host_are_listed) {
  EXPECT_TRUE(sockets_in(host_, SOCK_STREAM).empty());
  Process process = start({"hold-sockets", "1060"});
  ASSERT_TRUE(process.wait_for_lines(0, patience()));
  const std::vector<BoundSocket> streams = sockets_in(host_, SOCK_STREAM);
  const auto listening = std::ranges::find(streams, static_cast<int>(TCP_LISTEN), &BoundSocket::state);
  ASSERT_NE(listening, streams.end());
  EXPECT_EQ(listening->local, Address::numeric("127.0.0.1", 1060));
  EXPECT_EQ(listening->receive_queue, 1u) << "connections waiting";
  EXPECT_EQ(listening->send_queue, 17u) << "backlog";
  EXPECT_EQ(std::ranges::count(streams, static_cast<int>(TCP_ESTABLISHED), &BoundSocket::state), 2);
  const std::vector<BoundSocket> datagrams = sockets_in(host_, SOCK_DGRAM);
  ASSERT_EQ(datagrams.size(), 1u);
  EXPECT_EQ(datagrams[0].local.to_string(), "[::]:5353");
}

TEST_F(Watched, starvation_is_counted_and_still_known_after_the_end) {
  std::vector<Process> processes;  // two for each processor, and each wants a second of it
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i) {
    Launch launch = subject({"spin"});
    launch.limits.cpu = std::chrono::seconds(1);
    processes.push_back(start(std::move(launch)));
  }
  std::chrono::nanoseconds most{0};
  for (Process& process : processes) {
    ASSERT_TRUE(process.wait(patience()).has_value());
    most = std::max(most, process.starved());
  }
  EXPECT_GT(most, std::chrono::milliseconds(200));
}

}  // namespace
}  // namespace wirelab
