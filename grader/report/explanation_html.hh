#pragma once

#include <string>
#include <string_view>

#include "grader/checks/verdict.hh"
#include "grader/report/explanation.hh"

namespace wirelab {

/// What `explain` says of a failed or inconclusive verdict, as an `<article>` of a page: the same words, the
/// ladder as a picture. All text is escaped. The page has to have `explanation_style` once.
std::string explain_html(const Verdict& verdict, const Caption& caption);

/// The CSS of articles and ladders; light and dark.
std::string explanation_style();

}  // namespace wirelab
