#include "socket_lifecycle.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "socket_lifecycle",
                           {{.name = "",
                             .synopsis = "HOST [-p PORT] [LINE] [--timeout SECONDS]",
                             .options = {"--timeout"},
                             .most_words = 1,
                             .run = wirelab::run_lifecycle}});
}
