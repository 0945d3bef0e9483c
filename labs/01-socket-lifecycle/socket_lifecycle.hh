#pragma once

#include "common/lab_main.hh"

namespace wirelab {

/// `socket_lifecycle HOST [-p PORT] [LINE] [--timeout SECONDS]`: the whole life of a TCP socket, told as it
/// passes. Connects, sends the line, half-closes, drains what the server sends, and closes. Throws
/// std::system_error when an operation fails.
void run_lifecycle(const Arguments& arguments);

}  // namespace wirelab
