#include "grader/report/explanation.hh"

#include <fmt/format.h>

#include <algorithm>

#include "grader/report/excerpt.hh"
#include "grader/report/ladder.hh"

namespace wirelab {
namespace {

constexpr std::size_t indent = 4;  // of everything below the first line

std::string margin(std::size_t width = indent) { return std::string(width, ' '); }

std::string points(const Caption& caption) {
  return fmt::format("{} point{}", caption.points, caption.points == 1 ? "" : "s");
}

std::string worth(const Caption& caption) {
  return caption.badge.empty() ? points(caption) : "badge: " + caption.badge;
}

std::string mark(Outcome outcome, const Style& style) {
  if (outcome == Outcome::passed) return style.green(style.glyph("✓", "ok  "));
  if (outcome == Outcome::failed) return style.red(style.glyph("✗", "FAIL"));
  return style.yellow(style.glyph("?", "?   "));
}

constexpr std::size_t label_width = 12;

/// `again:     text`, on one line however long: something to copy.
std::string labelled_line(std::string_view label, std::string_view text) {
  return fmt::format("{}{:<{}}{}\n", margin(), fmt::format("{}:", label), label_width, text);
}

/// `expected:  text`, further lines under the first.
std::string labelled(std::string_view label, std::string_view text, const Style& style) {
  return labelled_line(label, wrap(text, style.width, indent + label_width));
}

std::string step_lines(const Verdict& verdict, const Style& style) {
  std::string text = margin() + "What happened:\n";
  const std::size_t count = verdict.steps.size();
  const std::size_t left_out = count > most_steps ? count - most_steps : 0;
  if (left_out > 0)
    text += fmt::format("{}      {} {} earlier steps\n", margin(), style.glyph("…", "..."), left_out);
  for (std::size_t i = left_out; i < count; ++i) {
    const bool last = i + 1 == count && verdict.outcome == Outcome::failed;
    std::string line = fmt::format("{:>3}. {:7.3f} s  {}", i + 1, verdict.steps[i].time,
                                   wrap(verdict.steps[i].text, style.width - indent - 4, indent + 16));
    if (last) line = style.red(fmt::format("{}{}", line, style.glyph("  ✗", "  <- here")));
    text += margin() + line + "\n";
  }
  return text;
}

/// The last lines of what a program printed, each set off by a bar.
std::string quoted(std::string_view what, std::string_view printed, const Style& style) {
  if (printed.empty()) return {};
  const Excerpt excerpt = last_lines(printed);
  std::string text = fmt::format("{}  {}{}\n", margin(), what,
                                 excerpt.left_out ? fmt::format(" (the last {} lines)", most_lines) : "");
  for (const std::string_view line : excerpt.lines) {
    text += fmt::format("{}  {} {}\n", margin(), style.glyph("│", "|"),
                        shorten_to(line, style.width - indent - 4, style));
  }
  return text;
}

std::string program_lines(const ProgramRecord& program, const Style& style) {
  return fmt::format("{}{}\n{}  {}\n{}{}", margin(),
                     wrap(fmt::format("On {}: {}", program.host, program.command), style.width, indent + 4),
                     margin(), program.end, quoted("it printed", program.output, style),
                     quoted("on standard error", program.errors, style));
}

std::string indented(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    result += "  " + std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  return result;
}

/// The slide's name is one word, which wrapping leaves whole: it becomes a link afterwards, for a link's
/// address takes no room.
std::string concept_lines(const Caption& caption, const Style& style) {
  if (caption.slide.empty()) return labelled("concept", caption.concept_name, style);
  std::string text = labelled("concept", fmt::format("{}: {}", caption.concept_name, caption.slide), style);
  if (const auto at = text.rfind(caption.slide); at != text.npos)
    text.replace(at, caption.slide.size(), style.link(caption.slide, caption.slide_address));
  return text;
}

std::string pointers(const Verdict& verdict, const Caption& caption, const Style& style) {
  std::string text;
  if (!verdict.cause.empty()) text += labelled("likely", verdict.cause, style);
  if (!caption.concept_name.empty()) text += concept_lines(caption, style);
  if (!verdict.evidence.empty()) text += labelled_line("packets", captures_of(verdict));
  if (!caption.rerun.empty()) text += labelled_line("again", caption.rerun);
  return text;
}

/// The ladder has two columns less, for it stands indented.
std::string ladder_block(const Verdict& verdict, const Style& style) {
  Style narrower = style;
  narrower.width -= 2;
  const std::string drawn = ladder(verdict.frames, narrower);
  return drawn.empty() ? std::string() : "\n" + margin() + "On the wire:\n" + indented(drawn);
}

}  // namespace

std::string unwritten_part(const Verdict& verdict) {
  constexpr std::string_view before = "TODO ", after = " is not written yet";
  for (const ProgramRecord& program : verdict.programs) {
    const auto end = program.errors.find(after);
    const auto begin = end == program.errors.npos ? end : program.errors.rfind(before, end);
    if (program.end == "exit status 3" && begin != program.errors.npos) {
      return program.errors.substr(begin + before.size(), end - begin - before.size());
    }
  }
  return {};
}

std::string verdict_line(const Verdict& verdict, const Caption& caption, const Style& style) {
  constexpr std::size_t right_column = 10;
  const std::string prize =
      fmt::format("{:>{}}", caption.badge.empty() ? points(caption) : "badge", right_column);
  const std::size_t room = style.width - right_column - 9;
  const std::string title = shorten_to(caption.title, room, style);
  return fmt::format("  {} {}{} {}", mark(verdict.outcome, style), title,
                     std::string(room - columns(title), ' '),
                     verdict.outcome == Outcome::passed ? prize : style.dim(prize));
}

std::string explain(const Verdict& verdict, const Caption& caption, const Style& style) {
  std::string text = fmt::format(
      "{} {}\n{}{}\n", mark(verdict.outcome, style), style.bold(wrap(caption.title, style.width, 2)),
      margin(), style.dim(fmt::format("{}, {}, seed {}", verdict.check, worth(caption), verdict.seed)));
  if (verdict.outcome == Outcome::inconclusive) {
    text += labelled("not judged", verdict.reason, style);
    if (!caption.rerun.empty()) text += labelled_line("again", caption.rerun);
    return text;
  }
  if (!verdict.expected.empty()) text += labelled("expected", verdict.expected, style);
  if (!verdict.actual.empty()) text += labelled("but", verdict.actual, style);
  if (!verdict.steps.empty()) text += "\n" + step_lines(verdict, style);
  text += ladder_block(verdict, style);
  if (!verdict.programs.empty()) text += "\n";
  for (const ProgramRecord& program : verdict.programs) text += program_lines(program, style);
  const std::string more = pointers(verdict, caption, style);
  return more.empty() ? text : text + "\n" + more;
}

}  // namespace wirelab
