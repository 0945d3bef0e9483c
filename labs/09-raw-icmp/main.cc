#include "raw_icmp.hh"

int main(int argc, char** argv) {
  return wirelab::lab_main(
      argc, argv, "raw_icmp",
      {{.name = "",
        .synopsis = "HOST [-c COUNT] [-i SECONDS] [-W SECONDS] [-s SIZE | --data TEXT] [-t TTL] "
                    "[--unprivileged]\n"
                    "       raw_icmp HOST --trace [-W SECONDS] [--unprivileged]",
        .options = {"-c", "-i", "-W", "-s", "--data", "-t"},
        .most_words = 0,
        .run = wirelab::run_raw_icmp,
        .flags = {"--trace", "--unprivileged"}}});
}
