// From saving a file to the program running in its sandbox, as the grader does it: the file's content
// changes, the program is compiled and linked in a sandbox, a host is made, the program starts there in a
// sandbox of its own, says how it wants to be called, and ends.
//
// usage: start_bench LAB SOURCES CACHE ROUNDS     (adds a comment to the first of the student's files each
// time) prints for each round: MILLISECONDS_TO_COMPILE_AND_LINK MILLISECONDS_IN_ALL
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "common/error.hh"
#include "grader/course/builder.hh"
#include "grader/network/network.hh"
#include "grader/program/process.hh"

namespace {

using namespace wirelab;
namespace fs = std::filesystem;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void change(const fs::path& file, int round) {
  std::ofstream(file, std::ios::app) << "// " << getpid() << " " << round << "\n";
}

/// What a check does first. A process of its own, since nobody leaves a private world.
void run_to_its_end(const fs::path& program) {
  enter_private_world();
  Network net;
  Launch launch;
  launch.command = {"/program"};
  launch.binds = {{program, "/program"}};
  const Process process = Process::start(net.host("host"), launch);
  const auto exit = process.wait(Clock::now() + std::chrono::seconds(10));
  if (!exit || exit->code != 2) throw std::runtime_error("the program does not do what it should");
}

void measure(const Toolbox& toolbox, const Lab& lab, const fs::path& sources, const fs::path& cache,
             int round) {
  const fs::path file = sources / lab.files.front();
  change(file, round);
  const auto saved = Clock::now();
  const Build build = build_program(toolbox, lab, sources, sources / lab.program, cache);
  if (!build.ok) throw std::runtime_error(build.missing + build.diagnostics);
  const double built = milliseconds_since(saved);
  const pid_t child = must(fork(), "fork");
  if (child == 0) {
    try {
      run_to_its_end(build.program);
      std::printf("%.1f %.1f\n", built, milliseconds_since(saved));
      std::fflush(stdout);
      _exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "start_bench: %s\n", error.what());
      _exit(1);
    }
  }
  int status = 0;
  must(waitpid(child, &status, 0), "waitpid");
  if (status != 0) throw std::runtime_error("the program did not start");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: start_bench LAB SOURCES CACHE ROUNDS\n");
    return 2;
  }
  try {
    const Toolbox toolbox = Toolbox::locate();
    const Lab lab = load_course(toolbox.root).find(argv[1]);
    for (int round = 0; round < std::stoi(argv[4]); ++round) measure(toolbox, lab, argv[2], argv[3], round);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "start_bench: %s\n", error.what());
    return 1;
  }
}
