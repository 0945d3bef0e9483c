#include "grader/report/ladder.hh"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "grader/report/ladder_plan.hh"

namespace wirelab {
namespace {

constexpr std::size_t left_margin = 16;   // the time, and half of the first host's name
constexpr std::size_t right_margin = 30;  // what befell a frame
constexpr std::size_t usual_gap = 46;     // between two lifelines, at most; more where a label needs it
constexpr std::size_t around_label = 6;   // two blanks, and four of the line itself

bool is_lost(const LadderArrow& arrow) { return arrow.passage == Passage::lost; }

class Drawing {
 public:
  Drawing(const LadderPlan& plan, const Style& style) : plan_(plan), style_(style) {
    const std::size_t room =
        style.width > left_margin + right_margin ? style.width - left_margin - right_margin : 1;
    std::size_t wanted = usual_gap;
    for (const LadderRow& row : plan.rows()) {
      if (row.arrow != nullptr) wanted = std::max(wanted, columns(row.arrow->label) + around_label + 4);
    }
    gap_ = std::clamp<std::size_t>(room / (plan.hosts().size() - 1), 8, wanted);
  }

  std::string header() {
    std::vector<std::string> row = blank();
    for (std::size_t i = 0; i < plan_.hosts().size(); ++i) {
      const std::string name = shorten_to(plan_.hosts()[i], gap_ - 1, style_);
      write(row, x(i) - std::min(x(i), columns(name) / 2), name);
    }
    return finish(row, {});
  }

  std::string draw(const LadderArrow& arrow) {
    std::vector<std::string> row = lifelines();
    write(row, 0, fmt::format("{:9.3f} s", arrow.time));
    for (const std::size_t target : arrow.to) line(row, arrow, target);
    std::string note = arrow.note;
    if (!label(row, arrow)) note = note.empty() ? arrow.label : arrow.label + ", " + note;
    return finish(row, note, is_lost(arrow) || !arrow.note.empty());
  }

  std::string elision(std::size_t left_out) {
    std::vector<std::string> row = lifelines();
    const auto dots = style_.glyph("…", "...");
    const std::string text = fmt::format(" {} {} more frames {} ", dots, left_out, dots);
    const std::size_t middle = (x(0) + x(plan_.hosts().size() - 1)) / 2;
    write(row, middle + 1 - std::min(middle, columns(text) / 2), text);
    return finish(row, {});
  }

 private:
  [[nodiscard]] std::size_t x(std::size_t lane) const { return left_margin + lane * gap_; }
  [[nodiscard]] std::vector<std::string> blank() const {
    return std::vector<std::string>(x(plan_.hosts().size() - 1) + gap_ / 2 + 2, " ");
  }

  std::vector<std::string> lifelines() {
    std::vector<std::string> row = blank();
    for (std::size_t i = 0; i < plan_.hosts().size(); ++i) row[x(i)] = style_.glyph("│", "|");
    return row;
  }

  /// One code point for each cell.
  static void write(std::vector<std::string>& row, std::size_t at, std::string_view text) {
    std::size_t cell = at;
    for (std::size_t i = 0; i < text.size() && cell < row.size(); ++cell) {
      std::size_t end = i + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      row[cell] = text.substr(i, end - i);
      i = end;
    }
  }

  /// Where the line to a target ends: at its lifeline, or three quarters of the way when the frame was lost.
  [[nodiscard]] std::size_t end_of(const LadderArrow& arrow, std::size_t target) const {
    const bool right = target > arrow.from;
    if (!is_lost(arrow)) return right ? x(target) - 2 : x(target) + 2;
    const std::size_t way = (right ? x(target) - x(arrow.from) : x(arrow.from) - x(target)) * 3 / 4;
    return right ? x(arrow.from) + way : x(arrow.from) - way;
  }

  void line(std::vector<std::string>& row, const LadderArrow& arrow, std::size_t target) {
    const std::size_t end = end_of(arrow, target);
    const bool right = target > arrow.from;
    const std::size_t first = right ? x(arrow.from) + 2 : end;
    const std::size_t last = right ? end : x(arrow.from) - 2;
    for (std::size_t i = first; i <= last; ++i) {
      if (row[i] != " " && row[i] != style_.glyph("│", "|")) continue;  // of the arrow to another host
      row[i] = row[i] == " " ? style_.glyph("─", "-") : style_.glyph("┼", "+");
    }
    row[end] = is_lost(arrow) ? std::string_view("X")
               : right        ? style_.glyph("→", ">")
                              : style_.glyph("←", "<");
  }

  /// In the middle of the way to the next lifeline, or to the only target; false when it does not fit there.
  bool label(std::vector<std::string>& row, const LadderArrow& arrow) {
    const bool right = arrow.to.front() > arrow.from;
    const std::size_t next = right ? arrow.from + 1 : arrow.from - 1;
    if (arrow.to.size() == 1 && label_between(row, arrow, arrow.to.front())) return true;
    return !is_lost(arrow) && label_between(row, arrow, next);
  }

  bool label_between(std::vector<std::string>& row, const LadderArrow& arrow, std::size_t target) {
    const bool right = target > arrow.from;
    const std::size_t low = right ? x(arrow.from) + 2 : end_of(arrow, target);
    const std::size_t high = right ? end_of(arrow, target) : x(arrow.from) - 2;
    const std::string text = " " + arrow.label + " ";
    if (columns(arrow.label) + around_label > high - low) return false;
    write(row, low + (high - low - columns(text)) / 2 + 1, text);
    return true;
  }

  std::string finish(std::vector<std::string>& row, const std::string& note, bool notable = false) {
    while (!row.empty() && row.back() == " ") row.pop_back();
    std::string text;
    for (const std::string& cell : row) text += cell;
    if (note.empty()) return text + "\n";
    const std::size_t room = style_.width > row.size() + 3 ? style_.width - row.size() - 3 : 0;
    const std::string fitted = shorten_to(note, std::max<std::size_t>(room, 12), style_);
    return fmt::format("{}   {}\n", text, notable ? style_.red(fitted) : fitted);
  }

  const LadderPlan& plan_;
  const Style& style_;
  std::size_t gap_ = 0;
};

}  // namespace

std::string ladder(const std::vector<FrameRecord>& frames, const Style& style) {
  const LadderPlan plan(frames);
  if (plan.empty()) return {};
  Drawing drawing(plan, style);
  std::string text = drawing.header();
  for (const LadderRow& row : plan.rows())
    text += row.arrow ? drawing.draw(*row.arrow) : drawing.elision(row.left_out);
  return text;
}

}  // namespace wirelab
