#include "grader/cli/command_line.hh"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "grader/checks/verdict.hh"
#include "grader/cli/commands.hh"

// CLI11 is a large library in headers: it is included here and nowhere else.

namespace wirelab {
namespace {

using Command = std::function<int(Session&)>;

/// A command without options of its own.
CLI::App* add_plain(CLI::App& app, Command& chosen, const char* name, const char* help,
                    int (*run)(Session&)) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&chosen, run] { chosen = run; });
  return command;
}

/// A command whose options fill a request, which lives as long as the command may run.
template <typename Request>
std::pair<CLI::App*, std::shared_ptr<Request>> add(CLI::App& app, Command& chosen, const char* name,
                                                   const char* help, int (*run)(Session&, const Request&)) {
  auto request = std::make_shared<Request>();
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&chosen, run, request] {
    chosen = [run, request](Session& session) { return run(session, *request); };
  });
  return {command, request};
}

void add_check(CLI::App& app, Command& chosen) {
  const auto [command, request] = add(
      app, chosen, "check", "Build your program and check it; a failed check explains itself", check_labs);
  command->add_option("LAB", request->labs, "Labs by number or name; all of them without any");
  auto* program =
      command->add_option("--program", request->program, "Check this command instead of building your files")
          ->type_name("CMD");
  auto* solution =
      command->add_flag("--solution", request->solution, "Check the reference solution")->excludes(program);
  command
      ->add_option("--mistake", request->mistake,
                   "Check the reference solution with this mistake of grader/mistakes")
      ->type_name("NAME")
      ->excludes(program)
      ->excludes(solution);
  command
      ->add_option("--only", request->only, "Only checks whose name matches this pattern; may be given again")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command->add_option("--json", request->json, "Write the result for machines into this file")
      ->type_name("FILE");
  command->add_option("--evidence", request->evidence, "Keep captures and transcripts in this folder")
      ->type_name("DIR");
  command->add_option("--seed", request->seed, "Draw the same values as an earlier run");
  command->add_option("--jobs", request->jobs, "Checks at once")->check(CLI::Range(1, 1000));
  command->footer(
      "Exit status: 0 all checks passed, 1 some failed, 2 some could not be judged, or trouble.\n"
      "Examples:\n"
      "  ./wirelab check 05                                   your files in labs/05-unreliable-udp\n"
      "  ./wirelab check 05 --only 'client_*'                 some checks\n"
      "  ./wirelab check 05 --program 'python3 my_udp.py'     a program in any language");
}

void add_hint(CLI::App& app, Command& chosen) {
  const auto [command, request] =
      add(app, chosen, "hint", "The next hint for a lab; they come one at a time", give_hint);
  command->add_option("LAB", request->lab, "A lab by number or name")->required();
  command->add_flag("--again", request->again, "Begin with the first again");
}

void add_show(CLI::App& app, Command& chosen) {
  const auto [command, request] =
      add(app, chosen, "show", "A check of the last run at length: steps, packets, output", show_check);
  command->add_option("LAB", request->lab, "A lab by number or name")->required();
  command->add_option("CHECK", request->check, "The check's name, or a pattern")->required();
  command->add_option("--evidence", request->evidence, "Where `check --evidence` kept the run")
      ->type_name("DIR");
  auto* svg = command
                  ->add_option("--svg", request->svg,
                               "Draw the run's ladder into this file instead, - for standard output")
                  ->type_name("FILE");
  auto* frames = command->add_option("--frames", request->frames, "Of the frames that are drawn, only these")
                     ->type_name("A-B")
                     ->needs(svg);
  auto* packet =
      command->add_option("--packet", request->packet, "Draw the headers of this one of them, counted from 1")
          ->type_name("N")
          ->check(CLI::PositiveNumber)
          ->needs(svg)
          ->excludes(frames);
  command->add_option("--layers", request->layers, "Which headers, as in ipv4,icmp (default: all)")
      ->type_name("LAYERS")
      ->delimiter(',')
      ->needs(packet);
  command->footer(
      "LAYERS are some of ethernet, arp, ipv4, ipv6, icmp, icmpv6, udp, tcp.\n"
      "Examples:\n"
      "  ./wirelab show 05 silence_doubles_the_wait\n"
      "  ./wirelab show 05 silence_doubles_the_wait --svg ladder.svg --frames 1-5\n"
      "  ./wirelab show 05 silence_doubles_the_wait --svg header.svg --packet 1 --layers ipv4,udp");
}

void add_grade(CLI::App& app, Command& chosen) {
  const auto [command, request] =
      add(app, chosen, "grade", "Grade submissions, folders or archives: one, or a class of them", grade);
  command->add_option("PATH", request->paths, "A submission, or a folder of submissions")->required();
  command
      ->add_option("--labs", request->labs,
                   "Labs to grade, as in 03,05 (default: those that anybody handed in)")
      ->delimiter(',');
  command->add_option("--out", request->out, "Folder for gradebook, feedback and evidence")
      ->capture_default_str();
  command->add_option("--jobs", request->jobs, "Submissions at once (default: three times the cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--resume", request->resume,
                    "Go on with an earlier run: what is finished and unchanged stands");
  command
      ->add_option("--site", request->site,
                   "Where students find the course's site; the feedback's links lead to its slides")
      ->type_name("URL");
  command->add_option("--seed", request->seed, "Seed of what checks draw at random (default: drawn anew)");
}

void add_prove(CLI::App& app, Command& chosen) {
  const auto [command, request] = add(
      app, chosen, "prove", "Prove the course: skeletons fail, solutions pass, mistakes are caught", prove);
  command->add_option("LAB", request->labs, "Labs by number or name; all of them without any");
  command->add_flag("--all-checks", request->all_checks,
                    "Run every check on every mistake, and say which catch it");
  command->add_flag("-v,--verbose", request->verbose, "Print every claim, not only those that do not hold");
  command->add_flag("--record", request->record,
                    "Put on record what the makers of mistakes are told: read it first, it should help them");
  command->add_option("--json", request->json, "Write the result for machines into this file")
      ->type_name("FILE");
  command->add_option("--jobs", request->jobs, "Claims tried at once")->check(CLI::Range(1, 1000));
  command->footer(
      "Exit status: 0 everything holds, 1 something does not, 2 something could not be judged, or trouble.");
}

void add_release(CLI::App& app, Command& chosen) {
  const auto [command, request] =
      add(app, chosen, "release", "Write the tree that students get: no solutions, no mistakes", release);
  command->add_option("DIR", request->folder, "A new folder")->required();
}

void add_site(CLI::App& app, Command& chosen) {
  const auto [command, request] =
      add(app, chosen, "site", "Slides, handouts and reference as a static site", build_site);
  command->add_option("DIR", request->folder, "Its folder: a new one, or a site that it replaces")
      ->required();
  auto* deck = command->add_option("--deck", request->deck, "One deck alone, quickly, and what does not fit")
                   ->type_name("NN");
  command->add_option("--lang", request->lang, "With --deck: a translation")->type_name("LANG")->needs(deck);
  command->add_flag("--pictures", request->pictures, "With --deck: a picture of each slide")->needs(deck);
}

void add_test(CLI::App& app, Command& chosen) {
  const auto [command, filter] = add(app, chosen, "test", "The project's own tests", run_tests);
  command->add_option("-R,--only", *filter, "Only tests whose name matches this regular expression")
      ->type_name("REGEX");
}

void add_all(CLI::App& app, CommandLine& line) {
  app.name("./wirelab");
  app.require_subcommand(0, 1);
  app.add_option("--color", line.colour, "auto, always or never; NO_COLOR is honoured")
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
  add_plain(app, line.command, "list", "The labs, with the best result so far", list_labs);
  add_check(app, line.command);
  add_hint(app, line.command);
  add_show(app, line.command);
  add_plain(app, line.command, "doctor", "Can this machine run every lab? If not, what to do", examine);
  add_grade(app, line.command);
  add_prove(app, line.command);
  add_release(app, line.command);
  add_site(app, line.command);
  add_test(app, line.command);
}

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char** argv, int& status) {
  CLI::App app{"A course in network programming in C++, and the grader that is its network."};
  CommandLine line;
  line.command = where_you_are;
  add_all(app, line);
  try {
    app.parse(argc, argv);
    return line;
  } catch (const CLI::ParseError& error) {
    const bool help = error.get_exit_code() == 0;
    status = help ? app.exit(error) : exit_trouble;
    if (!help) std::fprintf(stderr, "wirelab: %s; see ./wirelab --help\n", printable(error.what()).c_str());
    return {};
  }
}

}  // namespace wirelab
