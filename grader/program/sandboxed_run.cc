#include "grader/program/sandboxed_run.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "common/error.hh"
#include "grader/network/namespace.hh"
#include "grader/program/supervisor.hh"

namespace wirelab {
namespace {

/// The machine's root does not run strangers' work as itself: what is bound has to suit nobody.
void suit_nobody(const std::vector<Bind>& binds) {
  for (const Bind& bind : binds) {
    const std::string path = bind.outside.string();
    if (bind.writable) {
      must(chown(path.c_str(), outside_nobody, outside_nobody), "chown", path);
      continue;
    }
    struct stat status {};
    must(stat(path.c_str(), &status), "bind", path);
    const mode_t needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
    if ((status.st_mode & needed) != needed) throw_errno("bind for user nobody", path, EACCES);
  }
}

}  // namespace

RunResult run_sandboxed(const Sandbox& sandbox, const std::vector<std::string>& command, const Limits& limits,
                        std::chrono::milliseconds longest, std::string input, int input_fd) {
  if (geteuid() == 0 && has_user(outside_nobody)) suit_nobody(sandbox.binds);
  Confinement confinement;
  confinement.sandbox = sandbox;
  confinement.command = command;
  confinement.limits = limits;
  Supervisor run(std::move(confinement), input_fd);
  run.write_input(input);
  run.close_input();
  if (!run.wait(Clock::now() + longest)) run.end_because(Exit::Reason::time_limit);

  RunResult result;
  result.exit = run.wait(Clock::time_point::max()).value();
  result.cpu_seconds = run.cpu_seconds();
  run.with_outputs([&](const Output& output, const Output& errors) {
    result.output = output.bytes();
    result.errors = errors.bytes();
  });
  return result;
}

}  // namespace wirelab
