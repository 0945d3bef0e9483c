#include "mtu.hh"

// Everything is in discovery.cc. The structure that was given is not used.
