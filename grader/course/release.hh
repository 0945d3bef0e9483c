#pragma once

#include <filesystem>

#include "grader/course/manifest.hh"

namespace wirelab {

/// Writes the tree that students get: skeletons, handouts, checks, grader, slides where there are any, and
/// the students' README (labs/README.md). No solutions, mistakes or variants, and none of the project's own
/// tests. It builds as the course does. `folder` must not exist, or be empty; after a failure there is
/// nothing of it. Throws std::runtime_error, `release out: the folder is not empty`, also when a student's
/// file in labs/ has no TODO left, because somebody has solved it in place; and
/// std::filesystem::filesystem_error.
void write_release(const Course& course, const std::filesystem::path& folder);

}  // namespace wirelab
