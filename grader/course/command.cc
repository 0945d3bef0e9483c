#include "grader/course/command.hh"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "common/descriptor.hh"
#include "common/error.hh"

namespace wirelab {

CommandResult run_command(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno("start", words[0], error);
  write_end.reset();

  CommandResult result;
  std::array<char, 4096> part;
  while (const auto got = must(read(read_end.get(), part.data(), part.size()), "read", words[0])) {
    result.output.append(part.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  must(waitpid(pid, &status, 0), "wait for", words[0]);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace wirelab
