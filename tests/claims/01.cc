// What the deck slides/01-socket-lifecycle.md claims, and a program can show.

#include <gmock/gmock.h>
