// Tests of lab 03 as they are commonly written: the program is started on the loopback interface, and talked
// to. They see far less than the lab's checks do (no cable, no faults, no limits, no explanation), and cost
// less to run.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

/// A port that is probably free.
int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&here), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size), 0);
  close(fd);
  return ntohs(here.sin_port);
}

int try_to_connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(static_cast<std::uint16_t>(port));
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0) return fd;
  close(fd);
  return -1;
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    ASSERT_GT(count, 0);
    done += static_cast<std::size_t>(count);
  }
}

std::string receive(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = recv(fd, bytes.data() + done, size - done, 0);
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

std::string every_byte() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

class TcpEcho : public testing::Test {
 protected:
  void SetUp() override {
    alarm(20);
    server_ = fork();
    if (server_ == 0) {
      dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
      execl(PROGRAM, PROGRAM, "server", "127.0.0.1", "-p", std::to_string(port_).c_str(), nullptr);
      _exit(127);
    }
    int fd = -1;
    while ((fd = try_to_connect(port_)) < 0) usleep(1000);
    close(fd);
  }

  void TearDown() override {
    EXPECT_EQ(waitpid(server_, nullptr, WNOHANG), 0) << "the server has ended";
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }

  int connect_to_server() {
    const int fd = try_to_connect(port_);
    EXPECT_GE(fd, 0);
    return fd;
  }

  /// What the program's client prints.
  std::string run_client(const std::string& arguments) {
    const std::string command =
        std::string(PROGRAM) + " client 127.0.0.1 -p " + std::to_string(port_) + " " + arguments;
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    EXPECT_EQ(pclose(pipe), 0);
    return output;
  }

  int port_ = free_port();
  pid_t server_ = -1;
};

TEST_F(TcpEcho, ReturnsEveryByte) {
  const int fd = connect_to_server();
  send_all(fd, every_byte());
  EXPECT_EQ(receive(fd, 256), every_byte());
  close(fd);
}

TEST_F(TcpEcho, ReturnsSingleBytes) {
  const int fd = connect_to_server();
  for (const char byte : every_byte()) send_all(fd, std::string(1, byte));
  EXPECT_EQ(receive(fd, 256), every_byte());
  close(fd);
}

TEST_F(TcpEcho, ReturnsTheRestAfterHalfClose) {
  const int fd = connect_to_server();
  send_all(fd, "the rest");
  shutdown(fd, SHUT_WR);
  EXPECT_EQ(receive(fd, 100), "the rest");
  close(fd);
}

TEST_F(TcpEcho, ReturnsMuch) {
  const int fd = connect_to_server();
  const std::string much(16 << 20, 'x');
  std::thread sending([&] { send_all(fd, much); });
  EXPECT_EQ(receive(fd, much.size()), much);
  sending.join();
  close(fd);
}

TEST_F(TcpEcho, ServesSeveralAtOnce) {
  std::vector<int> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_to_server());
  for (auto one = clients.rbegin(); one != clients.rend(); ++one) {
    send_all(*one, "hello");
    EXPECT_EQ(receive(*one, 5), "hello");
    close(*one);
  }
}

TEST_F(TcpEcho, SurvivesReset) {
  const int fd = connect_to_server();
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  send_all(fd, std::string(100000, 'x'));
  close(fd);
  const int other = connect_to_server();
  send_all(other, "still there?");
  EXPECT_EQ(receive(other, 12), "still there?");
  close(other);
}

TEST_F(TcpEcho, ClientPrintsWhatComesBack) { EXPECT_EQ(run_client("hello"), "hello"); }

TEST_F(TcpEcho, ClientTakesStandardInput) { EXPECT_EQ(run_client("< /dev/null"), ""); }

TEST_F(TcpEcho, ClientReadsWhileItWrites) {
  EXPECT_EQ(run_client("< /dev/zero | head -c 8000000 | wc -c").substr(0, 7), "8000000");
}

}  // namespace
