// A page by string functions of C.
#include <strings.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "common/lab_main.hh"
#include "raw_tcp.hh"

namespace wirelab {
namespace by_structures {

std::string exchange(const Address& server, double silence, const std::string& request,
                     bool (*done)(const std::string&), void (*use)(const std::string&, const std::string&),
                     const std::string& page);

/// Where the body begins; 0 when the head is not whole. `length` becomes -1 when it is not told.
static std::size_t split(const std::string& answer, int& status, long& length) {
  status = 0;
  length = -1;
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  const std::string head = answer.substr(0, end + 2);
  if (std::sscanf(head.c_str(), "HTTP/%*d.%*d %d", &status) != 1) throw std::runtime_error("no HTTP answer");
  for (const char* line = std::strstr(head.c_str(), "\r\n"); line != nullptr;
       line = std::strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, "content-length:", 15) == 0) length = std::atol(line + 17);
  }
  return end + 4;
}

static bool done(const std::string& answer) {
  int status = 0;
  long length = -1;
  const std::size_t begin = split(answer, status, length);
  return begin != 0 && length >= 0 && answer.size() >= begin + static_cast<std::size_t>(length);
}

static void print(const std::string& answer, const std::string& page) {
  int status = 0;
  long length = -1;
  const std::size_t begin = split(answer, status, length);
  if (status != 200) throw std::runtime_error(page + ": status " + std::to_string(status));
  std::size_t count = answer.size() - begin;
  if (length >= 0) {
    if (count < static_cast<std::size_t>(length)) throw std::runtime_error(page + ": it came in part only");
    count = static_cast<std::size_t>(length);
  }
  std::fwrite(answer.data() + begin, 1, count, stdout);
  std::fflush(stdout);
}

}  // namespace by_structures

void fetch(const Arguments& arguments) {
  if (arguments.words.size() != 1 || arguments.words[0][0] != '/') throw UsageError("PATH is missing");
  const std::string& path = arguments.words[0];
  const double silence = arguments.number("--silence", 60, 0.1, 3600);
  const Address server = Address::resolve(arguments.host, arguments.port, SOCK_STREAM).front();
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + arguments.host + ":" +
                              std::to_string(arguments.port) +
                              "\r\nUser-Agent: by_structures\r\nConnection: close\r\n\r\n";
  const std::string trouble =
      by_structures::exchange(server, silence, request, by_structures::done, by_structures::print,
                              "GET " + path + " from " + server.to_string());
  if (!trouble.empty()) throw std::runtime_error(trouble);
}

}  // namespace wirelab
