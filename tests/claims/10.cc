// What the deck slides/10-ipv6.md claims, and a program can show.

#include <gmock/gmock.h>
