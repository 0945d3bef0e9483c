#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "grader/cli/commands.hh"
#include "grader/program/files.hh"

namespace wirelab {
int show_check(Session& session, const ShowRequest& request) {
  const Lab& lab = session.course.find(request.lab);
  for (const CheckInfo* check : chosen_checks(lab, {request.check})) {
    const auto file = session.evidence(lab) / check->name / "verdict.json";
    if (!std::filesystem::exists(file)) {
      throw std::runtime_error(fmt::format("show {}: no run of it is kept; first: ./wirelab check {}",
                                           check->name, number_of(lab)));
    }
    const auto verdict = nlohmann::json::parse(read_file(file)).get<Verdict>();
    const Caption caption = caption_of(lab, verdict, "./wirelab check " + number_of(lab));
    session.console.print(explain(seen_from_here(verdict), caption, session.console.style()) + "\n");
  }
  return exit_passed;
}

}  // namespace wirelab
