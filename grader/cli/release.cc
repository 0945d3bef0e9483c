#include <fmt/format.h>

#include "grader/cli/commands.hh"
#include "grader/course/release.hh"

namespace wirelab {

int release(Session& session, const ReleaseRequest& request) {
  write_release(session.course, request.folder);
  session.console.print(fmt::format("{}: {} labs, as students get them\n", request.folder.string(),
                                    session.course.labs.size()));
  return exit_passed;
}

}  // namespace wirelab
