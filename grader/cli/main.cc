#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "grader/checks/verdict.hh"
#include "grader/cli/commands.hh"

namespace {

using namespace wirelab;

/// One line: thing, operation, reason.
int complain(const std::exception& trouble) {
  std::fflush(stdout);
  std::fprintf(stderr, "wirelab: %s\n", printable(trouble.what()).c_str());
  return exit_trouble;
}

/// CLI11's own complaints, in the same form. `--help` is no complaint.
int report_parse(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::fprintf(stderr, "wirelab: %s; see ./wirelab --help\n", printable(error.what()).c_str());
  return exit_trouble;
}

}  // namespace

int main(int argc, char** argv) {
  // The sandbox reads what we write as another user, whatever the user's own habits are.
  umask(022);

  CLI::App app{"A course in network programming in C++, and the grader that is its network."};
  app.name("./wirelab");
  app.require_subcommand(0, 1);
  std::string colour = "auto";
  app.add_option("--color", colour, "auto, always or never; NO_COLOR is honoured")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN");
  app.footer(
      "LAB is a number or a name: 5, 05, unreliable-udp.\n"
      "Without a command: where you are, and what to do next.\n"
      "Examples:\n"
      "  ./wirelab check 05          build your files for lab 05 and check them\n"
      "  ./wirelab hint 05           when you are stuck\n"
      "  ./wirelab check --help      more about one command");
  app.fallthrough();  // --color may stand anywhere

  Command chosen = where_you_are;
  add_list(app, chosen);
  add_check(app, chosen);
  add_hint(app, chosen);
  add_show(app, chosen);
  add_doctor(app, chosen);
  add_grade(app, chosen);
  add_prove(app, chosen);
  add_test(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse(app, error);
  }
  try {
    Session session(colour);
    return chosen(session);
  } catch (const std::exception& trouble) {
    return complain(trouble);
  }
}
