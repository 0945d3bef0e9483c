// What the deck slides/04-udp-echo.md claims, and a program can show.

#include <gmock/gmock.h>
