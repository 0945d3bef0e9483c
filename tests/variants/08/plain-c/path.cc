#include "mtu.hh"

// Everything is in discovery.cc.
