#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/address.hh"
#include "common/todo.hh"
#include "raw_tcp.hh"

// As much HTTP as it takes to fetch a page. TCP hands over bytes in order, but in pieces of any size: a line
// may come in two of them. So the answer is collected, and looked at anew whenever more of it is here.

namespace wirelab {
namespace {

constexpr std::size_t longest_head = 64 << 10;
constexpr std::size_t longest_body = 64 << 20;

/// The part of `text` up to `mark`, which is taken away together with it. All of it when there is no mark.
std::string_view split_off(std::string_view& text, std::string_view mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + mark.size()));
  return part;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Decimal digits and nothing else, at most `most`.
std::size_t to_number(std::string_view text, std::size_t most) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > most) {
    throw std::runtime_error("HTTP answer: '" + std::string(text.substr(0, 40)) + "' is not a good number");
  }
  return number;
}

/// Something that fits between the two blanks of a request line: without control characters and blanks, which
/// would begin a request of their own (RFC 9112, section 3.2).
bool is_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

/// The first IPv4 address of a name or number.
Address resolve_v4(const std::string& host, std::uint16_t port) {
  for (const Address& one : Address::resolve(host, port, SOCK_STREAM)) {
    if (one.family() == AF_INET) return one;
  }
  throw std::runtime_error("resolve " + host + ": it has no IPv4 address");
}

}  // namespace

/// Four lines that end in "\r\n": the request line, `Host:` with host and port as the user gave them (RFC
/// 9110, section 7.2), `Connection: close`, so that the server keeps nothing open for a second request, and
/// an empty one.
std::string request_for(const std::string& host, std::uint16_t port, const std::string& path) {
  // TODO(12.10): return the request.
  todo("12.10", host, port, path);
}

/// `HTTP/1.0 200 OK`, then lines `Name: value`, then an empty line. Names may be written with capitals or
/// without, and blanks may stand around the value (RFC 9112, section 5).
std::optional<Head> read_head(const std::string& answer) {
  std::string_view rest = answer;
  // TODO(12.11): return status, reason, Content-Length and size of the head, once it is all there.
  todo("12.11", rest, split_off, lower, without_blanks, to_number);
}

/// Whether the whole answer is here, as far as that can be known while the connection lasts.
bool is_complete(const std::string& answer) {
  const auto head = read_head(answer);
  if (answer.size() > (head ? head->size + longest_body : longest_head)) {
    throw std::runtime_error("HTTP answer: it is too long");
  }
  return head && head->length && answer.size() >= head->size + *head->length;
}

/// The body of an answer that has ended. Throws when it is not the page.
std::string body_of(const std::string& answer, const std::string& page) {
  const auto head = read_head(answer);
  if (!head) throw std::runtime_error(page + ": the server closed the connection before it answered");
  if (head->status != 200)
    throw std::runtime_error(page + ": " + std::to_string(head->status) + " " + head->reason);
  std::string body = answer.substr(head->size, head->length.value_or(std::string::npos));
  if (body.size() < head->length.value_or(0)) {
    throw std::runtime_error(page + ": the server closed the connection after " +
                             std::to_string(body.size()) + " of " + std::to_string(*head->length) + " bytes");
  }
  return body;
}

void fetch(const Arguments& arguments) {
  if (arguments.words.empty()) throw UsageError("PATH is missing");
  const std::string path = arguments.words.front();
  if (!is_path(path)) throw UsageError("path '" + path + "': it must begin with / and hold no blanks");
  const double silence = arguments.number("--silence", 60, 0.1, 3600);
  const Address server = resolve_v4(arguments.host, arguments.port);

  Connection connection(server, Connection::Seconds(silence));
  connection.open();
  connection.send(request_for(arguments.host, arguments.port, path));
  std::string answer;
  while (!is_complete(answer)) {
    const std::string data = connection.receive();
    if (data.empty()) break;
    answer += data;
  }

  std::optional<std::runtime_error> trouble;
  try {
    std::cout << body_of(answer, "GET " + path + " from " + server.to_string()) << std::flush;
  } catch (const std::runtime_error& what) {
    trouble = what;
  }
  try {
    connection.close();
  } catch (const std::runtime_error&) {
    // Whether the page is here is settled: it does not matter any more when the server breaks off now.
  }
  if (trouble) throw std::runtime_error(*trouble);
}

}  // namespace wirelab
