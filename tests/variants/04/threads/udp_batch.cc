// No batches here.
#include "udp_echo.hh"
