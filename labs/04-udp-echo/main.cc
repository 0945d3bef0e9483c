#include "udp_echo.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "udp_echo",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT] [--batch N]",
                             .options = {"--batch"},
                             .most_words = 0,
                             .run = wirelab::run_server},
                            {.name = "client",
                             .synopsis = "HOST MESSAGE [-p PORT] [--timeout SECONDS]",
                             .options = {"--timeout"},
                             .most_words = 1,
                             .run = wirelab::run_client}});
}
