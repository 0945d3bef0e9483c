#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grader/report/packet_headers.hh"

namespace wirelab {

/// Headers as a picture in SVG, one under the other, as RFCs draw them: 32 bits in a row, each field with its
/// name, its value and the bytes (or, within a byte, the bits) that were on the wire. The number on the left
/// is the offset of the row's first byte within its header. Empty when there is no header.
std::string packet_svg(const std::vector<PacketHeader>& headers, std::string_view title);

}  // namespace wirelab
