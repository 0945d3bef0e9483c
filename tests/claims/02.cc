// What the deck slides/02-bind-listen-accept.md claims, and a program can show.

#include <gmock/gmock.h>
