#include "grader/report/ladder.hh"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

namespace wirelab {
namespace {

constexpr std::size_t most_rows = 24;
constexpr std::size_t first_rows =
    10;  // of a long ladder; the rest of the rows are its end, where the trouble is
constexpr std::size_t left_margin = 16;   // the time, and half of the first host's name
constexpr std::size_t right_margin = 30;  // what befell a frame
constexpr std::size_t widest_gap = 46;    // between two lifelines

/// `UDP 10.5.0.1:40213 > 10.5.0.2:1060, 12 bytes` taken apart.
struct Summary {
  std::string protocol;
  std::string source;
  std::string destination;
  std::string rest;  ///< "12 bytes"
};

std::optional<Summary> take_apart(std::string_view text) {
  const auto next = [&text](std::string_view ends) {
    const std::size_t end = std::min(text.find_first_of(ends), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    return word;
  };
  Summary summary;
  summary.protocol = next(" ");
  summary.source = next(" ");
  if (next(" ") != ">") return {};
  summary.destination = next(" ,");
  if (text.starts_with(' ')) text.remove_prefix(1);
  summary.rest = text;
  return summary;
}

/// Everything after the last colon: `1060`.
std::string_view port_of(std::string_view end) {
  const auto colon = end.rfind(':');
  return colon == end.npos ? end : end.substr(colon + 1);
}

/// The two ends of a conversation, whichever way the frame goes.
std::pair<std::string, std::string> conversation(const Summary& summary) {
  return std::minmax(summary.source, summary.destination);  // the pair is copied before the references end
}

/// One frame as it will be drawn.
struct Arrow {
  double time = 0;
  std::size_t from = 0;
  std::vector<std::size_t> to;
  bool lost = false;
  std::string label;
  std::string note;
};

std::string note_for(const FrameRecord& frame) {
  const double way = frame.arrived - frame.time;
  if (frame.arrived < 0) return frame.fate.empty() ? "never arrived" : frame.fate;
  if (!frame.fate.empty() && !frame.fate.starts_with("delayed") && way > 0.002) {
    return fmt::format("{}, there at {:.3f} s", frame.fate, frame.arrived);
  }
  return frame.fate;
}

std::vector<std::string> split_hosts(std::string_view joined) {
  std::vector<std::string> hosts;
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find(", "), joined.size());
    hosts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(joined.size(), end + 2));
  }
  return hosts;
}

/// The ladder as data: who takes part, and every arrow.
class Plan {
 public:
  explicit Plan(const std::vector<FrameRecord>& frames) {
    std::set<std::pair<std::string, std::string>> conversations;
    for (const FrameRecord& frame : frames) {
      if (frame.background) continue;
      if (const auto summary = take_apart(frame.summary)) conversations.insert(conversation(*summary));
    }
    several_conversations_ = conversations.size() > 1;
    for (const FrameRecord& frame : frames) {
      if (!frame.background) add(frame);
    }
  }

  std::vector<std::string> hosts;
  std::vector<Arrow> arrows;

 private:
  void add(const FrameRecord& frame) {
    Arrow arrow{frame.time, lane(frame.from), {}, frame.arrived < 0, label(frame.summary), note_for(frame)};
    for (const std::string& host : split_hosts(frame.to)) {
      if (host != frame.from) arrow.to.push_back(lane(host));
    }
    if (!arrow.to.empty()) arrows.push_back(std::move(arrow));
  }

  std::size_t lane(const std::string& host) {
    const auto found = std::ranges::find(hosts, host);
    const auto index = static_cast<std::size_t>(found - hosts.begin());
    if (found == hosts.end()) hosts.push_back(host);
    return index;
  }

  /// The lifelines tell the addresses already; ports only matter when there is more than one conversation.
  [[nodiscard]] std::string label(const std::string& text) const {
    const auto summary = take_apart(text);
    if (!summary) return text;
    std::string ports;
    if (several_conversations_ && summary->protocol != "ICMP") {
      ports = fmt::format(" {} > {}", port_of(summary->source), port_of(summary->destination));
    }
    return fmt::format("{}{}{}{}", summary->protocol, ports, summary->rest.empty() ? "" : " ", summary->rest);
  }

  bool several_conversations_ = false;
};

class Drawing {
 public:
  Drawing(const Plan& plan, const Style& style) : plan_(plan), style_(style) {
    const std::size_t room =
        style.width > left_margin + right_margin ? style.width - left_margin - right_margin : 1;
    gap_ = std::clamp<std::size_t>(room / (plan.hosts.size() - 1), 8, widest_gap);
  }

  std::string header() {
    std::vector<std::string> row = blank();
    for (std::size_t i = 0; i < plan_.hosts.size(); ++i) {
      const std::string name = shorten_to(plan_.hosts[i], gap_ - 1, style_);
      write(row, x(i) - std::min(x(i), columns(name) / 2), name);
    }
    return finish(row, {});
  }

  std::string draw(const Arrow& arrow) {
    std::vector<std::string> row = lifelines();
    write(row, 0, fmt::format("{:9.3f} s", arrow.time));
    for (const std::size_t target : arrow.to) line(row, arrow, target);
    std::string note = arrow.note;
    if (!label(row, arrow)) note = note.empty() ? arrow.label : arrow.label + ", " + note;
    return finish(row, note, arrow.lost || !arrow.note.empty());
  }

  std::string elision(std::size_t left_out) {
    std::vector<std::string> row = lifelines();
    const auto dots = style_.glyph("…", "...");
    const std::string text = fmt::format(" {} {} more frames {} ", dots, left_out, dots);
    const std::size_t middle = (x(0) + x(plan_.hosts.size() - 1)) / 2;
    write(row, middle + 1 - std::min(middle, columns(text) / 2), text);
    return finish(row, {});
  }

 private:
  [[nodiscard]] std::size_t x(std::size_t lane) const { return left_margin + lane * gap_; }
  [[nodiscard]] std::vector<std::string> blank() const {
    return std::vector<std::string>(x(plan_.hosts.size() - 1) + gap_ / 2 + 2, " ");
  }

  std::vector<std::string> lifelines() {
    std::vector<std::string> row = blank();
    for (std::size_t i = 0; i < plan_.hosts.size(); ++i) row[x(i)] = style_.glyph("│", "|");
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
  [[nodiscard]] std::size_t end_of(const Arrow& arrow, std::size_t target) const {
    const bool right = target > arrow.from;
    if (!arrow.lost) return right ? x(target) - 2 : x(target) + 2;
    const std::size_t way = (right ? x(target) - x(arrow.from) : x(arrow.from) - x(target)) * 3 / 4;
    return right ? x(arrow.from) + way : x(arrow.from) - way;
  }

  void line(std::vector<std::string>& row, const Arrow& arrow, std::size_t target) {
    const std::size_t end = end_of(arrow, target);
    const bool right = target > arrow.from;
    const std::size_t first = right ? x(arrow.from) + 2 : end;
    const std::size_t last = right ? end : x(arrow.from) - 2;
    for (std::size_t i = first; i <= last; ++i) {
      if (row[i] != " " && row[i] != style_.glyph("│", "|")) continue;  // of the arrow to another host
      row[i] = row[i] == " " ? style_.glyph("─", "-") : style_.glyph("┼", "+");
    }
    row[end] = arrow.lost ? std::string_view("X") : right ? style_.glyph("→", ">") : style_.glyph("←", "<");
  }

  /// In the middle of the way to the next lifeline, or to the only target; false when it does not fit there.
  bool label(std::vector<std::string>& row, const Arrow& arrow) {
    const bool right = arrow.to.front() > arrow.from;
    const std::size_t next = right ? arrow.from + 1 : arrow.from - 1;
    if (arrow.to.size() == 1 && label_between(row, arrow, arrow.to.front())) return true;
    return !arrow.lost && label_between(row, arrow, next);
  }

  bool label_between(std::vector<std::string>& row, const Arrow& arrow, std::size_t target) {
    const bool right = target > arrow.from;
    const std::size_t low = right ? x(arrow.from) + 2 : end_of(arrow, target);
    const std::size_t high = right ? end_of(arrow, target) : x(arrow.from) - 2;
    const std::string text = " " + arrow.label + " ";
    if (columns(text) + 4 > high - low) return false;
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

  const Plan& plan_;
  const Style& style_;
  std::size_t gap_ = 0;
};

}  // namespace

std::string ladder(const std::vector<FrameRecord>& frames, const Style& style) {
  const Plan plan(frames);
  if (plan.arrows.empty() || plan.hosts.size() < 2) return {};
  Drawing drawing(plan, style);
  std::string text = drawing.header();
  const std::size_t count = plan.arrows.size();
  const std::size_t left_out = count > most_rows ? count - (most_rows - 1) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (left_out > 0 && i == first_rows) {
      text += drawing.elision(left_out);
      i += left_out;
    }
    text += drawing.draw(plan.arrows[i]);
  }
  return text;
}

}  // namespace wirelab
