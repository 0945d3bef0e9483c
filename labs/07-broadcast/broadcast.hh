#pragma once

#include "common/lab_main.hh"

namespace wirelab {

/// `broadcast server HOST [-p PORT] [--share] [--group GROUP]`: prints every datagram that comes, and who
/// sent it. Runs until it is killed. Throws std::system_error when it cannot bind.
void run_server(const Arguments& arguments);

/// `broadcast client NETWORK [-p PORT] [MESSAGE] [--from ADDRESS] [--no-permission]`: sends one datagram to
/// everybody on the network. Throws std::system_error when the kernel refuses.
void run_client(const Arguments& arguments);

/// Stretch: `broadcast discover NETWORK [-p PORT] [--from ADDRESS] [--window SECONDS]`: asks who is there,
/// and lists who answers within the window.
void run_discover(const Arguments& arguments);

/// What discover asks.
inline constexpr const char* question = "Who is there?";
/// How an answer begins; the name of who answers may follow.
inline constexpr const char* answer = "I am here";

}  // namespace wirelab
