#include "spoofed_reply.hh"

int main(int argc, char** argv) {
  using wirelab::Role;
  return wirelab::lab_main(
      argc, argv, "spoofed_reply",
      {{.name = "server",
        .synopsis = "HOST [-p PORT] [--key SECRET]",
        .options = {"--key"},
        .run = wirelab::run_server},
       {.name = "client",
        .synopsis = "HOST [-p PORT] [QUESTION] [--connected]",
        .most_words = 1,
        .run = wirelab::run_client,
        .flags = {"--connected"}},
       {.name = "attack",
        .synopsis = "VICTIM -p PORT [--as SERVER:PORT] [MESSAGE]",
        .options = {"--as"},
        .most_words = 1,
        .run = wirelab::run_attack},
       {.name = "careful-client",
        .synopsis = "HOST [-p PORT] [QUESTION] [--wait SECONDS] [--count N] [--key SECRET]",
        .options = {"--wait", "--count", "--key"},
        .most_words = 1,
        .run = wirelab::run_careful_client}});
}
