#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "grader/cli/session.hh"

// Every command is one `add_...` function in a file of its own: it tells CLI11 what may be typed, and sets what is to
// be done when the command was. `main` parses, opens the session, and does it.

namespace wirelab {

/// What the command line asked for; the result is the exit status.
using Command = std::function<int(Session&)>;

void add_list(CLI::App& app, Command& chosen);
void add_check(CLI::App& app, Command& chosen);
void add_hint(CLI::App& app, Command& chosen);
void add_show(CLI::App& app, Command& chosen);
void add_doctor(CLI::App& app, Command& chosen);
void add_prove(CLI::App& app, Command& chosen);
void add_grade(CLI::App& app, Command& chosen);
void add_test(CLI::App& app, Command& chosen);

/// Without a command: where the user is, and what to do next.
int where_you_are(Session& session);

}  // namespace wirelab
