#include <sys/socket.h>

#include <array>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include "common/error.hh"
#include "common/hmac.hh"
#include "spoofed_reply.hh"

// Given: there is nothing to do in this file, but it is worth reading. The server knows the truth: what it
// was asked. It says so to everybody, and sends a token back to whoever put one before the question.

namespace wirelab {

std::string_view token_of(std::string_view datagram) {
  const std::size_t end = datagram.find_first_not_of("0123456789abcdef");
  const bool is_token = end != std::string_view::npos && end >= 16 && end <= 64 && datagram[end] == ' ';
  return is_token ? datagram.substr(0, end) : std::string_view();
}

std::string tag_of(std::string_view key, std::string_view token, std::string_view question,
                   std::string_view answer) {
  std::string covered(token);
  covered.append(" ").append(std::to_string(question.size())).append(" ").append(question).append(answer);
  return hmac_sha256(key, covered);
}

namespace {

std::string answer_to(std::string_view request, const Arguments& arguments) {
  const std::string_view token = token_of(request);
  if (token.empty()) return std::string("You asked: ").append(request);

  const std::string_view question = request.substr(token.size() + 1);
  const std::string answer = std::string("You asked: ").append(question);
  std::string text = std::string(token) + " ";
  if (arguments.has("--key")) text += tag_of(arguments.options.at("--key"), token, question, answer) + " ";
  return text + answer;
}

}  // namespace

void run_server(const Arguments& arguments) {
  const Address address = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  const Descriptor descriptor(must(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  must(bind(descriptor.get(), address.data(), *address.size()), "bind", address.to_string());
  std::cout << "Listening at " << local_address(descriptor.get()).to_string() << std::endl;

  static std::array<char, 65535> buffer;
  while (true) {
    Address client;
    const ssize_t count =
        recvfrom(descriptor.get(), buffer.data(), buffer.size(), 0, client.data(), client.size());
    if (count < 0 && errno == EINTR) continue;
    const std::string_view request(buffer.data(), static_cast<std::size_t>(must(count, "receive")));
    const std::string answer = answer_to(request, arguments);
    const ssize_t sent =
        sendto(descriptor.get(), answer.data(), answer.size(), 0, client.data(), *client.size());
    std::cout << count << " bytes from " << client.to_string() << ": "
              << (sent < 0 ? std::strerror(errno) : "answered") << std::endl;
  }
}

}  // namespace wirelab
