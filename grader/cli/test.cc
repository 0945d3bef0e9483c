#include <unistd.h>

#include "common/error.hh"
#include "grader/cli/commands.hh"

namespace wirelab {
int run_tests(Session& session, const std::string& filter) {
  const std::string build = session.toolbox.build.string();
  std::vector<const char*> arguments = {
      "ctest", "--test-dir", build.c_str(), "--output-on-failure", "--no-tests=error", "-j2"};
  if (!filter.empty()) arguments.insert(arguments.end(), {"-R", filter.c_str()});
  arguments.push_back(nullptr);
  execvp("ctest", const_cast<char**>(arguments.data()));
  throw_errno("start", "ctest");
}

}  // namespace wirelab
