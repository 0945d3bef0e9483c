// A UDP echo server as short as it can be: recvfrom and sendto, and no word of addresses. Where a host has
// several, it answers from the wrong one. What the right address costs, lab 04 is measured against this.
// usage: plain_udp_echo PORT
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: plain_udp_echo PORT\n";
    return 2;
  }
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    std::cerr << "plain_udp_echo: port " << argv[1] << " cannot be bound\n";
    return 1;
  }
  static std::array<char, 65535> buffer;
  for (;;) {
    sockaddr_in client{};
    socklen_t size = sizeof client;
    const ssize_t length =
        recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&client), &size);
    if (length < 0) continue;
    sendto(fd, buffer.data(), static_cast<std::size_t>(length), 0, reinterpret_cast<sockaddr*>(&client),
           size);
  }
}
