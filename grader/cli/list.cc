#include <fmt/format.h>

#include <algorithm>

#include "grader/cli/commands.hh"
#include "grader/cli/memory.hh"

namespace wirelab {
namespace {

long badges_of(const Lab& lab) { return std::ranges::count(lab.checks, true, &CheckInfo::stretch); }

std::string points_of(const BestResult& best) {
  return best.checked ? fmt::format("{:>3} of 100 points", best.points) : "  not checked yet";
}

std::string row(const Lab& lab, const BestResult& best, const Style& style) {
  const std::string line =
      fmt::format("  {:<20} {:<38} {}, {} of {} badges", lab.id(), shorten_to(lab.title, 38, style),
                  points_of(best), best.badges.size(), badges_of(lab));
  return best.points == 100 ? style.green(line) : line;
}

void print_labs(Session& session, const Memory& memory) {
  for (const Lab& lab : session.course.labs) {
    session.console.print(row(lab, memory.best(lab), session.console.style()) + "\n");
  }
}

/// The first lab that is not complete is the one to go on with.
std::string next_step(const Session& session, const Memory& memory) {
  for (const Lab& lab : session.course.labs) {
    const BestResult best = memory.best(lab);
    const std::string number = number_of(lab);
    if (!best.checked) {
      return fmt::format("read labs/{}/README.md, fill the first TODO, and: ./wirelab check {}", lab.id(),
                         number);
    }
    if (best.points < 100)
      return fmt::format("./wirelab check {0}, and when you are stuck: ./wirelab hint {0}", number);
  }
  for (const Lab& lab : session.course.labs) {
    const long left = badges_of(lab) - static_cast<long>(memory.best(lab).badges.size());
    if (left > 0)
      return fmt::format("all points are yours; lab {} has {} more badges for you", number_of(lab), left);
  }
  return "everything is done; ./wirelab check runs it all again";
}

}  // namespace

int list_labs(Session& session) {
  print_labs(session, Memory(session));
  return exit_passed;
}

int where_you_are(Session& session) {
  const Memory memory(session);
  print_labs(session, memory);
  session.console.print(
      fmt::format("\nNext: {}\nAll commands: ./wirelab --help\n", next_step(session, memory)));
  return exit_passed;
}

}  // namespace wirelab
