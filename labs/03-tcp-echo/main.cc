#include "tcp_echo.hh"

int main(int argc, char** argv) {
  using wirelab::Role;
  return wirelab::lab_main(argc, argv, "tcp_echo",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT]",
                             .options = {},
                             .most_words = 0,
                             .run = wirelab::run_server},
                            {.name = "client",
                             .synopsis = "HOST [-p PORT] [MESSAGE...]",
                             .options = {},
                             .most_words = Role::any_number,
                             .run = wirelab::run_client}});
}
