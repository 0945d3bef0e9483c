#include "grader/program/limits.hh"

#include <cstring>

namespace wirelab {

std::string Exit::to_string() const {
  switch (reason) {
    case Reason::exited:
      return "exit status " + std::to_string(code);
    case Reason::signalled:
      return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
    case Reason::cpu_limit:
      return "stopped: it used too much processor time";
    case Reason::memory_limit:
      return "stopped: it used too much memory";
    case Reason::output_limit:
      return "stopped: it printed too much";
    case Reason::time_limit:
      return "stopped: it took too long";
  }
  return {};
}

}  // namespace wirelab
