#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grader/classroom/class_run.hh"
#include "grader/course/builder.hh"
#include "grader/course/check_run.hh"

namespace wirelab {

/// How a class is judged, the same for every student.
struct JudgeOptions {
  std::optional<std::uint64_t> seed;  ///< of what checks draw at random; drawn when not given
  std::string site;                   ///< address of the course's site, for links to slides; empty for none
};

/// Compiles what a student handed in for a lab and runs the lab's checks on it. A file that is missing while
/// others are there is taken from the skeleton, so that half a lab earns its half. Throws when the grader is
/// in trouble.
LabResult judge_lab(const Toolbox& toolbox, const Lab& lab, const HandedIn& handed, const Workplace& place,
                    const JudgeOptions& options);

/// What to say of a program in a few words, from the verdicts of its checks.
std::string word_for(const Lab& lab, const Score& score, const std::vector<Verdict>& verdicts);

}  // namespace wirelab
