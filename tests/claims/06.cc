// What the deck slides/06-spoofed-reply.md claims, and a program can show.

#include <gmock/gmock.h>
