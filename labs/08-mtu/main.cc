#include "mtu.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "mtu",
                           {{.name = "",
                             .synopsis = "HOST [-p PORT] [--search]",
                             .options = {},
                             .most_words = 0,
                             .run = wirelab::run,
                             .flags = {"--search"}}});
}
