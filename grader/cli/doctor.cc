#include <fmt/format.h>

#include "grader/cli/commands.hh"
#include "grader/course/machine.hh"

namespace wirelab {
namespace {

std::string mark(const Finding& finding, const Style& style) {
  if (finding.ok) return style.green(style.glyph("✓", "ok     "));
  return finding.optional ? style.yellow(style.glyph("–", "absent "))
                          : style.red(style.glyph("✗", "MISSING"));
}

std::string describe(const Finding& finding, const Style& style) {
  std::string text = fmt::format("  {} {}\n", mark(finding, style), finding.need);
  if (!finding.trouble.empty())
    text += fmt::format("      {}\n", wrap(printable(finding.trouble), style.width, 6));
  // Not wrapped: it is often a command to copy.
  if (!finding.remedy.empty()) text += fmt::format("      {} {}\n", style.glyph("→", "->"), finding.remedy);
  return text;
}

}  // namespace

int examine(Session& session) {
  bool all = true;
  for (const Finding& finding : examine_machine(session.toolbox)) {
    session.console.print(describe(finding, session.console.style()));
    all = all && (finding.ok || finding.optional);
  }
  session.console.print(all ? "\nThis machine can run every lab.\n"
                            : "\nSome checks cannot run on this machine; they will say so and count neither "
                              "as passed nor as failed.\n");
  return all ? exit_passed : exit_trouble;
}

}  // namespace wirelab
