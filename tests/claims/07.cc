// What the deck slides/07-broadcast.md claims, and a program can show.

#include <gmock/gmock.h>
