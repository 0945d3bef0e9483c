// This server knows no batches: its sockets do not block, and each wake-up empties them. `--batch` changes
// nothing.
#include "udp_echo.hh"
