#pragma once

#include "common/lab_main.hh"

namespace wirelab {

/// `unreliable_udp server HOST [--drop P] [--seed N]`: answers each request with the length of its data,
/// except for those that it drops, each with probability P (0.5 if not given), drawn from a generator seeded
/// with N. Runs until it is killed. Throws std::system_error when it cannot bind.
void run_server(const Arguments& arguments);

/// `unreliable_udp client HOST [MESSAGE]`: asks until an answer comes, with more patience after each silent
/// try, and prints the answer; throws when the server seems to be down. Stretch: `--jitter F`, `--count N`,
/// `--adaptive`, as the handout says.
void run_client(const Arguments& arguments);

}  // namespace wirelab
