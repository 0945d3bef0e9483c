#include "unreliable_udp.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "unreliable_udp",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT] [--drop P] [--seed N]",
                             .options = {"--drop", "--seed"},
                             .most_words = 0,
                             .run = wirelab::run_server},
                            {.name = "client",
                             .synopsis = "HOST [-p PORT] [MESSAGE] [--count N] [--jitter F] [--adaptive]",
                             .options = {"--count", "--jitter"},
                             .most_words = 1,
                             .run = wirelab::run_client,
                             .flags = {"--adaptive"}}});
}
