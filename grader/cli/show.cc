#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "grader/cli/commands.hh"
#include "grader/course/files.hh"

namespace wirelab {
namespace {

int show(Session& session, const std::string& lab_name, const std::string& glob) {
  const Lab& lab = session.course.find(lab_name);
  for (const CheckInfo* check : chosen_checks(lab, {glob})) {
    const auto file = session.evidence(lab) / check->name / "verdict.json";
    if (!std::filesystem::exists(file)) {
      throw std::runtime_error(fmt::format("show {}: no run of it is kept; first: ./wirelab check {}", check->name, number_of(lab)));
    }
    const auto verdict = nlohmann::json::parse(read_file(file)).get<Verdict>();
    const Caption caption = caption_of(lab, verdict, "./wirelab check " + number_of(lab));
    session.console.print(explain(verdict, caption, session.console.style()) + "\n");
  }
  return exit_passed;
}

}  // namespace

void add_show(CLI::App& app, Command& chosen) {
  struct Request {
    std::string lab;
    std::string check;
  };
  auto request = std::make_shared<Request>();
  CLI::App* command = app.add_subcommand("show", "A check of the last run at length: steps, packets, output");
  command->add_option("LAB", request->lab, "A lab by number or name")->required();
  command->add_option("CHECK", request->check, "The check's name, or a pattern")->required();
  command->callback([request, &chosen] {
    chosen = [request](Session& session) { return show(session, request->lab, request->check); };
  });
}

}  // namespace wirelab
