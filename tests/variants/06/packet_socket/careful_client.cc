// Lab 06's careful client with a thread that receives and one that waits, and with std::random_device.
// Answers and tags are compared as whole datagrams that might have come.
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/error.hh"
#include "common/hmac.hh"
#include "spoofed_reply.hh"

namespace wirelab {
namespace {

std::string draw_token() {
  std::random_device device;
  std::ostringstream text;
  for (int i = 0; i < 5; ++i) text << std::hex << std::setfill('0') << std::setw(8) << device();
  return text.str();
}

struct Asked {
  std::string token, question;
  std::optional<std::string> key;

  /// The answer, if this is it.
  [[nodiscard]] std::optional<std::string> answer(const std::string& datagram) const {
    const std::size_t text_at = token.size() + 1 + (key ? 65 : 0);
    if (datagram.size() < text_at) return std::nullopt;
    const std::string text = datagram.substr(text_at);
    std::string wanted = token + ' ';
    if (key) wanted += tag_of(*key, token, question, text) + ' ';
    if (datagram != wanted + text) return std::nullopt;
    return text;
  }
};

class Mailbox {
 public:
  void put(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    came_.notify_all();
  }
  std::optional<std::string> wait(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    came_.wait_until(lock, deadline, [this] { return answer_.has_value(); });
    return answer_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<std::string> answer_;
};

std::string ask(const Address& server, const Asked& asked, std::chrono::duration<double> wait) {
  const Descriptor descriptor(must(socket(server.family(), SOCK_DGRAM, 0), "socket"));
  must(connect(descriptor.get(), server.data(), *server.size()), "connect", server.to_string());
  const std::string request = asked.token + ' ' + asked.question;
  must(write(descriptor.get(), request.data(), request.size()), "send to", server.to_string());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::ceil<std::chrono::nanoseconds>(wait);
  Mailbox mailbox;
  std::thread receiver([&] {
    std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t count = read(descriptor.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      const std::string datagram(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      if (count < 0) return;
      if (const auto answer = asked.answer(datagram)) return mailbox.put(*answer);
      if (std::chrono::steady_clock::now() > deadline) return;
    }
  });
  const auto answer = mailbox.wait(deadline);
  shutdown(descriptor.get(), SHUT_RDWR);  // wakes the receiver
  receiver.join();
  if (!answer) throw std::runtime_error("receive from " + server.to_string() + ": no true answer in time");
  return *answer;
}

}  // namespace

void run_careful_client(const Arguments& arguments) {
  const std::string question = arguments.words.empty() ? "Where is the bank?" : arguments.words[0];
  const std::chrono::duration<double> wait(arguments.number("--wait", 2, 0.1, 600));
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_DGRAM).front();
  std::optional<std::string> key;
  if (arguments.has("--key")) key = arguments.options.at("--key");
  for (int i = 0; i < arguments.number("--count", 1, 1, 1e9); ++i) {
    std::cout << ask(server, {draw_token(), question, key}, wait) << std::endl;
  }
}

}  // namespace wirelab
