#pragma once

#include "common/lab_main.hh"

namespace wirelab {

/// `listener server HOST [--backlog N] [--count N] [--reuse-port]`: listens, and tells every client which
/// address it sees, until N clients have been served (without --count: until it is killed; after SIGTERM, in
/// peace, once the stretch part is written). Throws std::system_error when it cannot listen.
void run_server(const Arguments& arguments);

/// `listener client HOST`: connects, and prints what the server says, until the server closes. Throws when it
/// cannot connect, or when no whole line came.
void run_client(const Arguments& arguments);

}  // namespace wirelab
