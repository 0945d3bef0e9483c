#pragma once

#include "common/lab_main.hh"

namespace wirelab {

/// `tcp_echo server HOST`: sends back what every client sends, to all clients at once, until SIGTERM (which
/// ends it at once unless the stretch part is written). Throws std::system_error when it cannot listen.
void run_server(const Arguments& arguments);

/// `tcp_echo client HOST [MESSAGE...]`: sends the words joined by single spaces, or else standard input, and
/// writes what comes back to standard output. Returns when all of it came back; throws when it did not.
void run_client(const Arguments& arguments);

}  // namespace wirelab
