// What the deck slides/12-raw-tcp.md claims, and a program can show.

#include <gmock/gmock.h>
