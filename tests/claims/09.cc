// What the deck slides/09-raw-icmp.md claims, and a program can show.

#include <gmock/gmock.h>
