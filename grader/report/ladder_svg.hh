#pragma once

#include <string>
#include <string_view>

#include "grader/report/ladder_plan.hh"

namespace wirelab {

/// A ladder as a picture in SVG: the rows of the terminal's ladder, and time that runs down. An arrow leaves
/// its host when the frame was sent and meets the other's lifeline when it arrived. Stretches in which
/// nothing happens are shortened: there the lifelines are dotted, and the time column says how long they
/// were. A lost frame ends in a cross; late, duplicated and changed ones differ in colour and shape, and a
/// note on the right says what befell them.
///
/// Empty when the plan is. For `with_style` see Svg::finish.
std::string ladder_svg(const LadderPlan& plan, std::string_view title, bool with_style = true);

}  // namespace wirelab
