// Lab 11's solution reads files that strangers wrote: whatever is in one, it must not crash, leak or hang.
// See CMakeLists.txt for how it is built and run; by hand, for longer:
//
//     build/release/bin/fuzz_packet_analysis -max_total_time=3600 FOLDER tests/corpus/packet_analysis

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <vector>

#include "labs/11-packet-analysis/packet_analysis.hh"

namespace {

/// Takes what is printed, and keeps none of it.
class Nowhere : public std::streambuf {
 protected:
  int overflow(int one) override { return one == EOF ? 0 : one; }
  std::streamsize xsputn(const char*, std::streamsize count) override { return count; }
};

}  // namespace

/// What the lab's `run` does, without a file and without a report.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wirelab;
  const auto* first = reinterpret_cast<const std::byte*>(data);
  Analysis analysis;
  try {
    CaptureFile file("fuzz", {first, first + size});
    while (const auto packet = file.next()) {
      if (const auto segment = read_segment(*packet)) analysis.add(*segment);
    }
  } catch (const std::runtime_error&) {
    // A file that is damaged, and was found to be.
  }
  Nowhere nowhere;
  std::ostream out(&nowhere);
  print(out, analysis, {.segments = true, .ladder = true});
  return 0;
}
