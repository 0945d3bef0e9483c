#include "grader/checks/runner.hh"

int main(int argc, char** argv) { return wirelab::run_checks_main(argc, argv); }
