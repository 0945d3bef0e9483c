#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "grader/checks/verdict.hh"
#include "grader/cli/command_line.hh"

int main(int argc, char** argv) {
  using namespace wirelab;
  // Sandboxes read what we write as another user, whatever the user's own habits are.
  umask(022);
  int status = exit_trouble;
  const auto line = parse_command_line(argc, argv, status);
  if (!line) return status;
  try {
    Session session(line->colour);
    return line->command(session);
  } catch (const std::exception& trouble) {
    std::fflush(stdout);
    std::fprintf(stderr, "wirelab: %s\n", printable(trouble.what()).c_str());
    return exit_trouble;
  }
}
