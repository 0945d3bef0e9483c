#include <fmt/format.h>

#include "grader/cli/commands.hh"
#include "grader/cli/memory.hh"

namespace wirelab {
namespace {

/// The manifest's own line breaks are for its reader; an empty line stays.
std::string as_paragraphs(std::string text) {
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\n' && text[i - 1] != '\n' && text[i + 1] != '\n' && text[i + 1] != ' ') text[i] = ' ';
  }
  return text;
}

}  // namespace

int give_hint(Session& session, const HintRequest& request) {
  const Lab& lab = session.course.find(request.lab);
  Memory memory(session);
  const std::size_t given = request.again ? 0 : memory.hints(lab);
  if (given >= lab.hints.size()) {
    session.console.print(
        fmt::format("You have had all {} hints of lab {}. To read them again: ./wirelab hint {} --again\n",
                    lab.hints.size(), number_of(lab), number_of(lab)));
    return exit_passed;
  }
  const Style& style = session.console.style();
  session.console.print(
      style.bold(fmt::format("Hint {} of {} for {}", given + 1, lab.hints.size(), lab.id())) + "\n");
  session.console.print(wrap(as_paragraphs(lab.hints[given]), style.width) + "\n");
  memory.remember_hints(lab, given + 1);
  memory.save();
  return exit_passed;
}

}  // namespace wirelab
