#include "raw_tcp.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(argc, argv, "raw_tcp",
                           {{.name = "",
                             .synopsis = "HOST PATH [-p PORT] [--silence SECONDS]",
                             .options = {"--silence"},
                             .most_words = 1,
                             .run = wirelab::fetch}});
}
