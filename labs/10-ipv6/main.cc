#include "ipv6.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "ipv6",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT]",
                             .options = {},
                             .most_words = 0,
                             .run = wirelab::run_server},
                            {.name = "client",
                             .synopsis = "HOST [-p PORT] MESSAGE [--happy] [--flow-label N]",
                             .options = {"--flow-label"},
                             .most_words = 1,
                             .run = wirelab::run_client,
                             .flags = {"--happy"}}});
}
