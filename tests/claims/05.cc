// What the deck slides/05-unreliable-udp.md claims, and a program can show.

#include <gmock/gmock.h>
