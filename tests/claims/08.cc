// What the deck slides/08-mtu.md claims, and a program can show.

#include <gmock/gmock.h>
