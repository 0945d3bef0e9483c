#include <unistd.h>

#include "common/error.hh"
#include "grader/cli/commands.hh"

namespace wirelab {
namespace {

int run_tests(Session& session, const std::string& filter) {
  const std::string build = session.toolbox.build.string();
  std::vector<const char*> arguments = {"ctest", "--test-dir", build.c_str(), "--output-on-failure", "-j2"};
  if (!filter.empty()) arguments.insert(arguments.end(), {"-R", filter.c_str()});
  arguments.push_back(nullptr);
  execvp("ctest", const_cast<char**>(arguments.data()));
  throw_errno("start", "ctest");
}

}  // namespace

void add_test(CLI::App& app, Command& chosen) {
  auto filter = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("test", "The project's own tests");
  command->add_option("-R,--only", *filter, "Only tests whose name matches this regular expression")->type_name("REGEX");
  command->callback([filter, &chosen] { chosen = [filter](Session& session) { return run_tests(session, *filter); }; });
}

}  // namespace wirelab
