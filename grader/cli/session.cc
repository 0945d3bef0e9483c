#include "grader/cli/session.hh"

#include <fmt/format.h>

#include <algorithm>

namespace wirelab {

Session::Session(const std::string& colour)
    : console(colour), toolbox(Toolbox::locate()), course(load_course(toolbox.root)) {}

std::vector<const Lab*> Session::labs(const std::vector<std::string>& names) const {
  std::vector<const Lab*> chosen;
  if (names.empty() || names == std::vector<std::string>{"all"}) {
    for (const Lab& lab : course.labs) chosen.push_back(&lab);
  }
  for (const std::string& name : names) {
    if (name == "all") continue;
    const Lab* lab = &course.find(name);
    if (std::ranges::find(chosen, lab) == chosen.end()) chosen.push_back(lab);
  }
  return chosen;
}

std::string number_of(const Lab& lab) { return fmt::format("{:02}", lab.number); }

}  // namespace wirelab
