#include <gmock/gmock.h>

#include <cstdio>
#include <exception>

#include "grader/network/namespace.hh"

/// The main of tests that build networks: GoogleTest starts no thread, so the world can be entered here.
int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  try {
    wirelab::enter_private_world();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "these tests need user namespaces: %s\n", error.what());
    return 1;
  }
  return RUN_ALL_TESTS();
}
