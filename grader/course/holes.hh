#pragma once

#include <string>
#include <string_view>

namespace wirelab {

/// Whether `solution` differs from `skeleton` only inside the skeleton's holes. A hole is the comment that
/// begins with
/// `// TODO(` or `// STRETCH(`, to its last line, and the statement after it; in its place the solution may
/// have anything. All other lines must be there, the same and in the same order, and none besides. Empty when
/// so; else what is wrong, for the author: `line 42 of the skeleton is not in the solution: ...`.
std::string difference_outside_holes(std::string_view skeleton, std::string_view solution);

}  // namespace wirelab
