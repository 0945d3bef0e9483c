#pragma once

#include <string>
#include <vector>

#include "grader/checks/verdict.hh"
#include "grader/report/style.hh"

namespace wirelab {

/// What crossed the wires, drawn as a ladder: a lifeline for each host, an arrow for each frame at its time,
/// what befell it on the right. Background traffic is left out; of very many frames the middle is.
///
///                    client                                   server
///      0.000 s         │ ──────────── UDP 12 bytes ────────X    │     lost
///      0.100 s         │ ──────────── UDP 12 bytes ───────────→ │
///
/// Empty when no frame is left to show.
std::string ladder(const std::vector<FrameRecord>& frames, const Style& style);

}  // namespace wirelab
