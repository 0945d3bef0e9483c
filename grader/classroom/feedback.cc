#include "grader/classroom/feedback.hh"

#include <fmt/format.h>

#include "grader/classroom/feedback_page.hh"

namespace wirelab {
namespace {

std::string score_of(const LabResult& lab) {
  if (lab.standing == Standing::graded) return fmt::format("{} of {} points", lab.points, lab.most);
  return fmt::format("? of {} points", lab.most);
}

std::string summary_of(const LabResult& lab) {
  std::string text = fmt::format("  {:<22} {:<18} {}\n", lab.lab, score_of(lab), lab.word);
  for (const std::string& badge : lab.badges) text += fmt::format("  {:<22} badge: {}\n", "", badge);
  return text;
}

std::string_view mark_of(const CheckLine& line) {
  switch (line.outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "FAILED";
    case Outcome::inconclusive:
      break;
  }
  return "not judged";
}

std::string text_of(const CheckLine& line) {
  const std::string worth = line.badge.empty() ? std::to_string(line.points) : "badge";
  std::string text = fmt::format("  {:<10} {:>5}  {}\n", mark_of(line), worth, line.title);
  if (!line.said.empty()) text += fmt::format("  {:<16}  {}\n", "", line.said);
  return text;
}

std::string heading(const std::string& text) {
  return "\n" + text + "\n" + std::string(text.size(), '=') + "\n\n";
}

std::string text_of(const LabResult& lab) {
  std::string text = heading(lab.lab + ": " + score_of(lab) + ", " + lab.word);
  for (const std::string& note : lab.notes) text += "  Note: " + note + "\n";
  if (!lab.notes.empty() && !lab.checks.empty()) text += "\n";
  for (const CheckLine& line : lab.checks) text += text_of(line);
  if (!lab.diagnostics.empty()) text += "\nWhat the compiler said:\n\n" + lab.diagnostics + "\n";
  if (!lab.explanations.empty()) text += "\nWhat went wrong, and why:\n\n" + lab.explanations;
  return text;
}

std::string text_of(const StudentResult& result) {
  std::string text = result.student + "\nhanded in as " + result.submission + "\n\n";
  for (const LabResult& lab : result.labs) text += summary_of(lab);
  for (const std::string& note : result.notes) text += "\n  Note: " + note + "\n";
  for (const LabResult& lab : result.labs) text += text_of(lab);
  return text;
}

}  // namespace

Feedback feedback_of(const StudentResult& result) { return {text_of(result), feedback_page(result)}; }

}  // namespace wirelab
