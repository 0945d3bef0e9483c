#pragma once

#include <string>

#include "grader/classroom/result.hh"

namespace wirelab {

/// The feedback as an HTML page that is complete in itself: no script, nothing loaded, light and dark, for a
/// phone as well. All text is escaped.
std::string feedback_page(const StudentResult& result);

}  // namespace wirelab
