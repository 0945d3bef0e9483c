#include "grader/classroom/gradebook.hh"

#include <fmt/format.h>

#include <algorithm>

#include "grader/report/style.hh"

namespace wirelab {
namespace {

bool all_stand(const GradebookRow& row) {
  return std::ranges::all_of(row.labs, [](const auto& cell) { return cell.standing == Standing::graded; });
}

int total(const GradebookRow& row) {
  int sum = 0;
  for (const auto& cell : row.labs) sum += cell.points;
  return sum;
}

/// Empty, or a mark, where the points do not stand.
std::string points_of(const GradebookRow::Cell& cell, std::string_view mark) {
  return cell.standing == Standing::graded ? std::to_string(cell.points) : std::string(mark);
}

std::string_view word_of(const GradebookRow::Cell& cell) {
  return cell.standing == Standing::pending ? std::string_view("pending") : cell.word;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : "; ").append(part);
  return text;
}

/// What the table shows beside the points; badges are counted, the feedback names them.
std::string remark_of(const GradebookRow::Cell& cell) {
  const std::string word(word_of(cell));
  return cell.badges.empty() ? word : fmt::format("{} +{}", word, cell.badges.size());
}

std::string fitted(const std::string& text, std::size_t width) {
  const std::string shown = shorten_to(text, width, Style::plain());
  return shown + std::string(width - columns(shown), ' ');
}

/// How much room each column gets.
struct Layout {
  std::size_t student = 7;  // the heading's own
  std::size_t word = 0;     // 0: no words

  Layout(const std::vector<std::string>& labs, const std::vector<GradebookRow>& rows, std::size_t width) {
    for (const GradebookRow& row : rows) {
      student = std::max(student, columns(row.student));
      for (const auto& cell : row.labs) word = std::max(word, columns(remark_of(cell)));
    }
    for (const std::string& lab : labs)
      word = std::max(word, lab.size() - 5);  // beside its points, under the heading
    student = std::min<std::size_t>(student, 28);
    const std::size_t fixed = student + total_width + labs.size() * points_width;
    const std::size_t room = width > fixed && !labs.empty() ? (width - fixed) / labs.size() : 0;
    word = room < 12 ? 0 : std::min(word, room - 2);
  }

  static constexpr std::size_t points_width = 2 + 3;
  static constexpr std::size_t total_width = 2 + 5;
};

std::string heading(const std::vector<std::string>& labs, const Layout& layout) {
  std::string line = fitted("student", layout.student);
  for (const std::string& lab : labs) {
    line += layout.word == 0 ? fmt::format("  {:>3.2}", lab) : "  " + fitted(lab, 3 + 2 + layout.word);
  }
  return line + "  total\n";
}

std::string line_of(const GradebookRow& row, const Layout& layout) {
  std::string line = fitted(row.student, layout.student);
  for (const auto& cell : row.labs) {
    line += fmt::format("  {:>3}", points_of(cell, "?"));
    if (layout.word > 0) line += "  " + fitted(remark_of(cell), layout.word);
  }
  return line + fmt::format("  {:>5}\n", all_stand(row) ? std::to_string(total(row)) : "?");
}

}  // namespace

GradebookRow row_of(const StudentResult& result, const std::vector<std::string>& labs) {
  GradebookRow row{result.student, {}};
  for (const std::string& id : labs) {
    const auto found = std::ranges::find(result.labs, id, &LabResult::lab);
    row.labs.push_back(found == result.labs.end()
                           ? GradebookRow::Cell{}
                           : GradebookRow::Cell{found->standing, found->points, found->word, found->badges});
  }
  return row;
}

std::string csv_cell(std::string_view text) {
  std::string cell(text);
  if (!cell.empty() && std::string_view("=+-@\t\r").find(cell[0]) != std::string_view::npos)
    cell.insert(0, "'");
  if (cell.find_first_of(",\"\r\n'") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted.append(c == '"' ? "\"\"" : std::string_view(&c, 1));
  return quoted + "\"";
}

std::string gradebook_csv(const std::vector<std::string>& labs, const std::vector<GradebookRow>& rows) {
  std::string csv = "student";
  for (const std::string& lab : labs)
    csv += "," + csv_cell(lab) + "," + csv_cell(lab + " word") + "," + csv_cell(lab + " badges");
  csv += ",total\r\n";
  for (const GradebookRow& row : rows) {
    csv += csv_cell(row.student);
    for (const auto& cell : row.labs) {
      csv += "," + points_of(cell, "") + "," + csv_cell(word_of(cell)) + "," + csv_cell(joined(cell.badges));
    }
    csv += "," + (all_stand(row) ? std::to_string(total(row)) : "") + "\r\n";
  }
  return csv;
}

std::string gradebook_table(const std::vector<std::string>& labs, const std::vector<GradebookRow>& rows,
                            std::size_t width) {
  const Layout layout(labs, rows, width);
  std::string table = heading(labs, layout);
  bool badges = false;
  for (const GradebookRow& row : rows) {
    table += line_of(row, layout);
    for (const auto& cell : row.labs) badges = badges || !cell.badges.empty();
  }
  if (badges && layout.word > 0) table += "(+1: a badge, for a stretch check)\n";
  return table;
}

}  // namespace wirelab
