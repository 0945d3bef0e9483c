// Daniel Kowalczyk

#include "unreliable_udp.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  // ??? how do I wait for only 0.1 seconds? recv() waits for ever
}

}  // namespace wirelab
