#include "grader/cli/console.hh"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace wirelab {
namespace {

constexpr std::size_t widest = 100;
constexpr std::size_t narrowest = 60;

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return widest;
  return std::clamp<std::size_t>(size.ws_col, narrowest, widest);
}

bool is_live_terminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) && terminal && std::string_view(terminal) != "dumb";
}

void write_out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

Console::Console(std::string_view colour)
    : style_(Style::for_stream(STDOUT_FILENO, colour)), live_(is_live_terminal()) {
  style_.width = terminal_width();
}

void Console::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_status();
  write_out(text);
  std::fflush(stdout);
}

void Console::status(std::string_view text) {
  if (!live_) return;
  const std::lock_guard lock(mutex_);
  clear_status();
  if (!text.empty()) write_out(style_.dim(shorten_to(text, style_.width - 1, style_)));
  shown_ = text.size();
  std::fflush(stdout);
}

void Console::clear_status() {
  if (shown_ > 0) write_out("\r\x1b[K");
  shown_ = 0;
}

}  // namespace wirelab
