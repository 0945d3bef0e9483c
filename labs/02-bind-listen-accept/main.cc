#include "listener.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "listener",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT] [--backlog N] [--count N] [--reuse-port]",
                             .options = {"--backlog", "--count"},
                             .most_words = 0,
                             .run = wirelab::run_server,
                             .flags = {"--reuse-port"}},
                            {.name = "client",
                             .synopsis = "HOST [-p PORT]",
                             .options = {},
                             .most_words = 0,
                             .run = wirelab::run_client}});
}
