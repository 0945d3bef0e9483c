#include "grader/cli/session.hh"

#include <fmt/format.h>

#include <algorithm>

#include "grader/course/slide_link.hh"

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

Caption Session::caption(const Lab& lab, const Verdict& verdict, const std::string& rerun) const {
  Caption caption = caption_of(lab, verdict, rerun);
  caption.slide_address = slide_address(caption.slide, course.root, state());
  return caption;
}

std::string number_of(const Lab& lab) { return fmt::format("{:02}", lab.number); }

Verdict seen_from_here(Verdict verdict) {
  if (verdict.evidence.empty()) return verdict;
  const std::string near =
      std::filesystem::path(verdict.evidence).lexically_proximate(std::filesystem::current_path());
  if (!near.starts_with("..")) verdict.evidence = near;
  return verdict;
}

}  // namespace wirelab
