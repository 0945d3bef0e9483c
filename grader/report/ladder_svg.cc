#include "grader/report/ladder_svg.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "grader/report/style.hh"
#include "grader/report/svg.hh"

namespace wirelab {
namespace {

constexpr double time_column = 74;     // where times end
constexpr double left_margin = 110;    // the first lifeline is no further left
constexpr double head_height = 30;     // of the boxes with the hosts' names
constexpr double row_height = 33;      // from one sending to the next, at least: a line and its label
constexpr double arrival_height = 20;  // from any event to an arrival
constexpr double prompt_slant = 9;     // of a frame that arrived at once
constexpr double still_time = 0.005;   // seconds in which nothing happens that are worth saying
constexpr double least_gap = 210;      // between two lifelines
constexpr double widest_gap = 440;
constexpr double note_size = 12.5;
constexpr double label_size = 15;

/// `100 ms`, `1.20 s`.
std::string duration(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  return seconds >= 0.00995 ? fmt::format("{:.0f} ms", seconds * 1000)
                            : fmt::format("{:.1f} ms", seconds * 1000);
}

bool arrives_noticeably(const LadderArrow& arrow) {
  return arrow.arrived >= 0 && arrow.arrived - arrow.time > 0.002;
}

/// What happens at a height of the picture.
struct Event {
  double time = 0;
  double y = 0;
  std::size_t row = 0;
  bool arrival = false;
  bool left_out = false;  // frames, just before it
};

/// Where each row begins and ends, from top to bottom. Order is never changed; distances are.
class TimeAxis {
 public:
  struct Gap {
    double from = 0, to = 0;  // heights
    double seconds = 0;
  };

  TimeAxis(const std::vector<LadderRow>& rows, double top) : sent_(rows.size()), arrived_(rows.size()) {
    std::vector<Event> events = in_order(rows);
    double longest = 0;
    for (std::size_t i = 1; i < events.size(); ++i)
      longest = std::max(longest, events[i].time - events[i - 1].time);
    double y = top, last_sent = top - row_height;
    for (std::size_t i = 0; i < events.size(); ++i) {
      Event& event = events[i];
      if (i > 0) y += step(events[i - 1], event, longest);
      if (!event.arrival) y = last_sent = std::max(y, last_sent + row_height);
      event.y = y;
      (event.arrival ? arrived_ : sent_)[event.row] = y;
      if (i > 0 && is_still(events[i - 1], event))
        gaps_.push_back({events[i - 1].y, y, event.time - events[i - 1].time});
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (arrived_[i] == 0) arrived_[i] = sent_[i] + (rows[i].arrow ? prompt_slant : 0);
    }
    bottom_ = y + prompt_slant;
  }

  [[nodiscard]] double sent(std::size_t row) const { return sent_[row]; }
  [[nodiscard]] double arrived(std::size_t row) const { return arrived_[row]; }
  [[nodiscard]] double bottom() const { return bottom_; }
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }

 private:
  static std::vector<Event> in_order(const std::vector<LadderRow>& rows) {
    std::vector<Event> events;
    double now = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].arrow) now = std::max(now, rows[i].arrow->time);
      events.push_back({now, 0, i, false, i > 0 && !rows[i - 1].arrow});
      if (rows[i].arrow && arrives_noticeably(*rows[i].arrow))
        events.push_back({std::max(now, rows[i].arrow->arrived), 0, i, true, false});
    }
    std::ranges::stable_sort(events, {}, &Event::time);
    return events;
  }

  static bool is_still(const Event& before, const Event& after) {
    return !after.left_out && after.time - before.time >= still_time;
  }

  static double step(const Event& before, const Event& after, double longest) {
    if (is_still(before, after)) return row_height + 16 * std::sqrt((after.time - before.time) / longest);
    return after.arrival || before.arrival ? arrival_height : row_height;
  }

  std::vector<double> sent_, arrived_;
  std::vector<Gap> gaps_;
  double bottom_ = 0;
};

/// From a lifeline towards another, as far as the frame came.
struct Course {
  double x1, y1, x2, y2;
  [[nodiscard]] double degrees() const {
    return std::atan2(x2 > x1 ? y2 - y1 : y1 - y2, std::abs(x2 - x1)) * 180 / 3.14159265;
  }
  /// The point this far from the end, and this far aside.
  [[nodiscard]] std::pair<double, double> near_end(double back, double aside) const {
    const double length = std::hypot(x2 - x1, y2 - y1);
    const double dx = (x2 - x1) / length, dy = (y2 - y1) / length;
    return {x2 - back * dx - aside * dy, y2 - back * dy + aside * dx};
  }
};

class Picture {
 public:
  Picture(const LadderPlan& plan, std::string_view title)
      : plan_(plan),
        rows_(plan.rows()),
        svg_(title, description()),
        gap_(lane_gap()),
        left_(first_lane()),
        axis_(rows_, head_height + 34) {}

  std::string draw(bool with_style) {
    lifelines();
    for (std::size_t i = 0; i < plan_.hosts().size(); ++i) host(i);
    for (const TimeAxis::Gap& gap : axis_.gaps()) {
      svg_.text(time_column, (gap.from + gap.to) / 2 + 5, "+" + duration(gap.seconds), "small muted", "end");
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i].arrow ? arrow(i) : elision(i);
    return svg_.finish(width(), axis_.bottom() + 18, with_style);
  }

 private:
  [[nodiscard]] double x(std::size_t lane) const { return left_ + static_cast<double>(lane) * gap_; }
  [[nodiscard]] double last_x() const { return x(plan_.hosts().size() - 1); }

  /// In words, for those who cannot see it.
  [[nodiscard]] std::string description() const {
    std::string text = "Hosts: ";
    for (const std::string& host : plan_.hosts()) text += host + (host == plan_.hosts().back() ? "." : ", ");
    for (const LadderRow& row : rows_) {
      text += "\n" + (row.arrow ? in_words(*row.arrow) : fmt::format("{} more frames.", row.left_out));
    }
    return text;
  }

  [[nodiscard]] std::string in_words(const LadderArrow& one) const {
    std::string to;
    for (const std::size_t lane : one.to) to += (to.empty() ? "" : ", ") + plan_.hosts()[lane];
    return fmt::format("Frame {}, at {:.3f} s from {} to {}: {}{}{}.", one.number, one.time,
                       plan_.hosts()[one.from], to, one.summary, one.note.empty() ? "" : "; ", one.note);
  }

  /// As wide as the longest label between neighbours needs.
  [[nodiscard]] double lane_gap() const {
    double longest = 0;
    for (const LadderRow& row : rows_) {
      if (row.arrow) longest = std::max(longest, text_width(row.arrow->label, label_size) + 40);
    }
    for (const std::string& host : plan_.hosts()) longest = std::max(longest, box_width(host) + 16);
    const bool two = plan_.hosts().size() == 2;
    return std::clamp(longest, two ? widest_gap : least_gap, widest_gap);
  }

  static std::string shown(const std::string& host) { return shorten_to(host, 40, Style::plain()); }
  static double box_width(const std::string& host) {
    return std::max(64.0, text_width(shown(host), label_size) + 26);
  }
  [[nodiscard]] double first_lane() const {
    return std::max(left_margin, box_width(plan_.hosts().front()) / 2 + 8);
  }

  /// What is right of the last lifeline: half of its box, or the notes.
  [[nodiscard]] double width() const {
    double right = box_width(plan_.hosts().back()) / 2 + 8;
    for (const LadderRow& row : rows_) {
      if (row.arrow) right = std::max(right, 22 + text_width(note(*row.arrow), note_size + 0.5));
    }
    return last_x() + right;
  }

  static std::string note(const LadderArrow& one) { return shorten_to(one.note, 44, Style::plain()); }

  void host(std::size_t lane) {
    const double wide = box_width(plan_.hosts()[lane]);
    svg_.rectangle(x(lane) - wide / 2, 4, wide, head_height, 7, "box");
    svg_.text(x(lane), 4 + head_height / 2 + 5, shown(plan_.hosts()[lane]), "strong", "middle");
  }

  /// Dotted where time is shortened.
  void lifelines() {
    for (std::size_t lane = 0; lane < plan_.hosts().size(); ++lane) {
      double y = 4 + head_height;
      for (const TimeAxis::Gap& gap : axis_.gaps()) {
        const double from = gap.from + 12, to = gap.to - 6;
        if (from > y) svg_.line(x(lane), y, x(lane), from, "life");
        svg_.line(x(lane), std::max(y, from) + 3, x(lane), to - 3, "gap");
        y = to;
      }
      svg_.line(x(lane), y, x(lane), axis_.bottom() + 12, "life");
    }
  }

  void elision(std::size_t row) {
    svg_.text((x(0) + last_x()) / 2, axis_.sent(row) + 5,
              fmt::format("… {} more frames …", rows_[row].left_out), "halo muted", "middle");
  }

  void arrow(std::size_t row) {
    const LadderArrow& one = *rows_[row].arrow;
    svg_.open(in_words(one));
    svg_.text(time_column, axis_.sent(row) + 5, fmt::format("{:.3f} s", one.time), "small", "end");
    if (arrives_noticeably(one) && one.passage != Passage::lost) {
      svg_.text(time_column, axis_.arrived(row) + 5, fmt::format("{:.3f} s", one.arrived),
                one.passage == Passage::plain ? "small muted" : "small is-late", "end");
    }
    for (const std::size_t end : farthest(one)) shaft(row, end);
    label(row);
    if (!one.note.empty()) {
      svg_.text(last_x() + 14, axis_.sent(row) + prompt_slant / 2 + 5, note(one),
                one.passage == Passage::lost ? "small is-lost" : "small is-late");
    }
    svg_.close();
  }

  /// A lost frame comes three quarters of the way.
  [[nodiscard]] Course course(std::size_t row, std::size_t target) const {
    const LadderArrow& one = *rows_[row].arrow;
    const double way = one.passage == Passage::lost ? 0.75 : 1;
    const double from = x(one.from), to = x(target), rise = axis_.arrived(row) - axis_.sent(row);
    return {from, axis_.sent(row), from + way * (to - from), axis_.sent(row) + way * rise};
  }

  static std::string_view look_of(Passage passage) {
    if (passage == Passage::lost) return "arrow lost";
    return passage == Passage::plain ? "arrow" : "arrow late";
  }

  /// The last host that the frame reaches on either side of its sender.
  static std::vector<std::size_t> farthest(const LadderArrow& one) {
    const auto [least, most] = std::ranges::minmax(one.to);
    std::vector<std::size_t> ends;
    if (least < one.from) ends.push_back(least);
    if (most > one.from) ends.push_back(most);
    return ends;
  }

  void shaft(std::size_t row, std::size_t end) {
    const LadderArrow& one = *rows_[row].arrow;
    const Course way = course(row, end);
    if (one.passage == Passage::lost) {
      svg_.line(way.x1, way.y1, way.x2, way.y2, look_of(one.passage));
      cross(way.x2, way.y2);
      return;
    }
    pointed(way, look_of(one.passage), one.passage);
    for (const std::size_t target : one.to) {  // a broadcast meets the others on its way
      if (std::min(one.from, end) < target && target < std::max(one.from, end))
        head({way.x1, way.y1, x(target),
              way.y1 + (x(target) - way.x1) / (way.x2 - way.x1) * (way.y2 - way.y1)},
             one.passage);
    }
    if (one.passage == Passage::duplicated) {
      pointed({way.x1, way.y1 + 7, way.x2, way.y2 + 7}, "arrow late copy", one.passage);
    }
    if (one.passage == Passage::changed) bolt(way);
  }

  /// The line ends inside its head, so that the head's point is sharp.
  void pointed(const Course& way, std::string_view look, Passage passage) {
    const auto [x, y] = way.near_end(8, 0);
    svg_.line(way.x1, way.y1, x, y, look);
    head(way, passage);
  }

  void head(const Course& way, Passage passage) {
    const auto [left_x, left_y] = way.near_end(12, -5);
    const auto [right_x, right_y] = way.near_end(12, 5);
    const auto [tip_x, tip_y] = way.near_end(1, 0);
    svg_.path(fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}Z", tip_x, tip_y, left_x, left_y,
                          right_x, right_y),
              passage == Passage::plain ? "head" : "head late");
  }

  void cross(double x, double y) {
    svg_.path(fmt::format("M{:.1f} {:.1f}l13 13m0 -13l-13 13", x - 6.5, y - 6.5), "cross");
  }

  /// Where a frame was changed on its way.
  void bolt(const Course& way) {
    const auto [x, y] = way.near_end(70, 0);
    svg_.path(fmt::format("M{:.1f} {:.1f}l-8 12h6l-3 10l10 -13h-6l5 -9z", x + 2, y - 11), "bolt");
  }

  /// Above the line, on its way to the next lifeline. A line that falls far will be crossed by others: its
  /// label stands at its beginning.
  void label(std::size_t row) {
    const LadderArrow& one = *rows_[row].arrow;
    const std::size_t end = farthest(one).front();
    const auto lanes = static_cast<double>(end > one.from ? end - one.from : one.from - end);
    const Course way = course(row, end);
    const bool falls = way.y2 - way.y1 > 2 * prompt_slant;
    const double share = lanes > 1 ? 0.5 / lanes : 0.5;
    const double from_start = falls ? 14 : share * std::abs(way.x2 - way.x1);
    const double x = way.x1 + (way.x2 > way.x1 ? from_start : -from_start);
    const double y = way.y1 + from_start / std::abs(way.x2 - way.x1) * (way.y2 - way.y1);
    const std::string_view anchor = !falls ? "middle" : way.x2 > way.x1 ? "start" : "end";
    svg_.text(x, y - 8, one.label, "halo", anchor, way.degrees());
  }

  const LadderPlan& plan_;
  std::vector<LadderRow> rows_;
  Svg svg_;
  double gap_;
  double left_;
  TimeAxis axis_;
};

}  // namespace

std::string ladder_svg(const LadderPlan& plan, std::string_view title, bool with_style) {
  return plan.empty() ? std::string() : Picture(plan, title).draw(with_style);
}

}  // namespace wirelab
