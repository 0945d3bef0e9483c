#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "grader/cli/commands.hh"
#include "grader/cli/output_file.hh"
#include "grader/network/capture_file.hh"
#include "grader/program/files.hh"
#include "grader/report/ladder_svg.hh"
#include "grader/report/packet_svg.hh"

// `wirelab show`: a run that was kept, once more: in words, or as a picture of its frames.

namespace wirelab {
namespace {

namespace fs = std::filesystem;

/// The folder with a check's verdict.json and captures.
fs::path folder_of(const Session& session, const ShowRequest& request, const Lab& lab,
                   const CheckInfo& check) {
  const fs::path runs =
      request.evidence.empty() ? session.evidence(lab) : fs::path(request.evidence) / lab.id();
  const fs::path folder = runs / check.name;
  if (fs::exists(folder / "verdict.json")) return folder;
  const std::string where =
      request.evidence.empty() ? "is kept" : "is in " + printable(fs::path(request.evidence).string());
  throw std::runtime_error(fmt::format("show {}: no run of it {}; first: ./wirelab check {}{}", check.name,
                                       where, number_of(lab),
                                       request.evidence.empty() ? "" : " --evidence DIR"));
}

Verdict read_verdict(const fs::path& folder) {
  const fs::path file = folder / "verdict.json";
  try {
    return nlohmann::json::parse(read_file(file)).get<Verdict>();
  } catch (const nlohmann::json::exception&) {
    throw std::runtime_error("read " + file.string() + ": not what a check writes");
  }
}

/// `3-5`, or `3` for that one alone.
std::pair<std::size_t, std::size_t> frame_range(const std::string& text) {
  std::size_t first = 0, last = 0;
  const char *at = text.data(), *end = at + text.size();
  const auto one = std::from_chars(at, end, first);
  if (one.ec == std::errc() && one.ptr == end) return {first, first};
  const bool goes_on = one.ec == std::errc() && *one.ptr == '-';
  const auto two = goes_on ? std::from_chars(one.ptr + 1, end, last) : one;
  if (!goes_on || two.ec != std::errc() || two.ptr != end) {
    throw std::invalid_argument(fmt::format("--frames {}: to be given as in 3-5", printable(text)));
  }
  return {first, last};
}

/// The one check that the picture is of.
const CheckInfo& only_check(const Lab& lab, const ShowRequest& request) {
  const auto chosen = chosen_checks(lab, {request.check});
  if (chosen.size() != 1)
    throw std::invalid_argument(fmt::format("show {}: several checks; a picture is of one", request.check));
  return *chosen.front();
}

/// One cable has one capture; several have one each.
fs::path capture_of(const fs::path& folder, const FrameRecord& frame) {
  if (fs::exists(folder / "wire.pcap")) return folder / "wire.pcap";
  return folder / fs::path("wire-" + frame.link + ".pcap").filename();
}

std::vector<PacketHeader> chosen_headers(std::vector<PacketHeader> headers,
                                         const std::vector<std::string>& layers, std::size_t frame) {
  std::vector<std::string> there;
  for (const PacketHeader& one : headers) there.push_back(one.layer);
  for (const std::string& layer : layers) {
    if (std::ranges::count(header_layers(), layer) == 0) {
      throw std::invalid_argument(fmt::format("--layers {}: no such layer (there are {})", printable(layer),
                                              fmt::join(header_layers(), ", ")));
    }
    if (std::ranges::count(there, layer) == 0)
      throw std::runtime_error(
          fmt::format("frame {} has no {} header (it has {})", frame, layer, fmt::join(there, ", ")));
  }
  std::erase_if(headers, [&](const PacketHeader& one) {
    return !layers.empty() && std::ranges::count(layers, one.layer) == 0;
  });
  return headers;
}

std::string picture_of_packet(const ShowRequest& request, const fs::path& folder, const Verdict& verdict,
                              const LadderPlan& plan) {
  if (request.packet > plan.arrows().size()) {
    throw std::invalid_argument(fmt::format("--packet {}: {} frames are drawn, counted from 1",
                                            request.packet, plan.arrows().size()));
  }
  const LadderArrow& arrow = plan.arrows()[request.packet - 1];
  const FrameRecord& frame = verdict.frames[arrow.frame];
  if (frame.number == 0) throw std::runtime_error("show: this run was kept by an older wirelab; check again");
  const std::vector<std::byte> bytes = read_frame(capture_of(folder, frame), frame.number);
  const auto headers = chosen_headers(packet_headers(bytes), request.layers, request.packet);
  if (headers.empty()) throw std::runtime_error(fmt::format("frame {} has no header", request.packet));
  return packet_svg(headers, arrow.summary);
}

std::string picture(const Session& session, const ShowRequest& request, const Lab& lab) {
  const CheckInfo& check = only_check(lab, request);
  const fs::path folder = folder_of(session, request, lab, check);
  const Verdict verdict = read_verdict(folder);
  LadderPlan plan(verdict.frames);
  if (plan.empty()) throw std::runtime_error(fmt::format("show {}: no frames to draw", check.name));
  if (request.packet > 0) return picture_of_packet(request, folder, verdict, plan);
  if (!request.frames.empty()) {
    const auto [first, last] = frame_range(request.frames);
    plan.keep(first, last);
  }
  return ladder_svg(plan, check.title);
}

}  // namespace

int show_check(Session& session, const ShowRequest& request) {
  const Lab& lab = session.course.find(request.lab);
  if (request.svg == "-") {
    session.console.print(picture(session, request, lab));
    return exit_passed;
  }
  if (!request.svg.empty()) {
    const OutputFile file(request.svg);
    file.write(picture(session, request, lab));
    return exit_passed;
  }
  for (const CheckInfo* check : chosen_checks(lab, {request.check})) {
    Verdict verdict = read_verdict(folder_of(session, request, lab, *check));
    const Caption caption = session.caption(lab, verdict, "./wirelab check " + number_of(lab));
    session.console.print(explain(seen_from_here(verdict), caption, session.console.style()) + "\n");
  }
  return exit_passed;
}

}  // namespace wirelab
