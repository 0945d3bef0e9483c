#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/error.hh"
#include "grader/cli/commands.hh"

// `wirelab site`: the generator is JavaScript, for its work is Markdown and pages (slides/site/main.mjs). It
// calls this program for what only this program knows: recorded runs, ladders, headers.

namespace wirelab {
namespace fs = std::filesystem;
namespace {

void refuse_without_solutions(const Session& session) {
  if (fs::exists(session.course.root / "solutions")) return;
  throw std::runtime_error(
      "site: this tree has no solutions, and the slides show code and packets of theirs; "
      "the site is built from the instructor's tree");
}

std::vector<std::string> generator(const Session& session, const SiteRequest& request) {
  const fs::path program = session.toolbox.build / "bin" / "wirelab";
  std::vector<std::string> words = {"node", (session.course.root / "slides/site/main.mjs").string()};
  if (request.deck.empty()) {
    words.insert(words.end(), {"site", request.folder.string()});
  } else {
    words.insert(words.end(), {"deck", request.deck, request.folder.string()});
    if (!request.lang.empty()) words.insert(words.end(), {"--lang", request.lang});
    if (request.pictures) words.emplace_back("--pictures");
  }
  words.insert(words.end(), {"--wirelab", program.string(), "--state", (session.state() / "site").string()});
  return words;
}

}  // namespace

int build_site(Session& session, const SiteRequest& request) {
  refuse_without_solutions(session);
  const auto words = generator(session, request);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp("node", arguments.data());
  if (errno == ENOENT) throw std::runtime_error("site: node is not installed (Debian: nodejs, npm)");
  throw_errno("start", "node");
}

}  // namespace wirelab
