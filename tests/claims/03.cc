// What the deck slides/03-tcp-echo.md claims, and a program can show.

#include <gmock/gmock.h>
