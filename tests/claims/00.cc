// What the deck slides/00-the-course.md claims, and a program can show.

#include <gmock/gmock.h>
