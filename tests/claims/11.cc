// What the deck slides/11-packet-analysis.md claims, and a program can show.

#include <gmock/gmock.h>
