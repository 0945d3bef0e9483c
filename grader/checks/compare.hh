#pragma once

#include <string>
#include <string_view>

#include "grader/program/faults.hh"

namespace wirelab {

/// Bytes for people: `"hello\n"` when they are short and readable, else `5000 bytes`.
std::string describe(std::string_view bytes);

/// A fault for people: "the next accept fails: Too many open files".
std::string describe(const Fault& fault);

/// How `actual` differs from `expected`, for people: where they part and what stands there, or which is
/// longer.
std::string difference(std::string_view expected, std::string_view actual);

}  // namespace wirelab
