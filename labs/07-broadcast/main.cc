#include "broadcast.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "broadcast",
                           {{.name = "server",
                             .synopsis = "HOST [-p PORT] [--share] [--group GROUP]",
                             .options = {"--group"},
                             .run = wirelab::run_server,
                             .flags = {"--share"}},
                            {.name = "client",
                             .synopsis = "NETWORK [-p PORT] [MESSAGE] [--from ADDRESS] [--no-permission]",
                             .options = {"--from"},
                             .most_words = 1,
                             .run = wirelab::run_client,
                             .flags = {"--no-permission"}},
                            {.name = "discover",
                             .synopsis = "NETWORK [-p PORT] [--from ADDRESS] [--window SECONDS]",
                             .options = {"--from", "--window"},
                             .run = wirelab::run_discover}});
}
