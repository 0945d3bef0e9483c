#include "grader/checks/evidence.hh"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <regex>

#include "grader/program/files.hh"

namespace wirelab {
namespace {

constexpr std::size_t kept_at_each_end = 200;  // frames
constexpr int unfinished = 3;                  // exit status of a skeleton's hole: common/lab_main.hh

FrameRecord to_record(const CapturedFrame& one, const Segment& segment, const Story& story) {
  FrameRecord record;
  record.time = story.seconds_since_start(one.time);
  record.arrived = one.arrived ? story.seconds_since_start(*one.arrived) : -1;
  record.link = segment.name();
  record.from = one.frame.sender() != nullptr ? one.frame.sender()->name() : "grader";
  for (const Host* host : segment.hosts()) {
    if (host == one.frame.sender()) continue;
    record.to += (record.to.empty() ? "" : ", ") + host->name();
  }
  record.summary = one.frame.summary();
  record.fate = one.fate;
  record.background = background(one.frame);
  return record;
}

/// Ended by a signal that a check sends: not the program's doing.
bool is_wanted(const Exit& exit) {
  return exit.reason == Exit::Reason::signalled && (exit.signal == SIGTERM || exit.signal == SIGKILL);
}

}  // namespace

void explain_end(Verdict& verdict, const std::deque<Program>& programs) {
  static const std::regex hole("TODO [0-9]+\\.[0-9]+");
  for (const Program& program : programs) {
    const auto exit = program.process().exit();
    if (!exit) continue;
    const std::string errors = program.process().standard_error();
    std::smatch found;
    if (exit->reason == Exit::Reason::exited && exit->code == unfinished &&
        std::regex_search(errors, found, hole)) {
      verdict.cause = found.str() + " of the skeleton is not written yet.";
      return;
    }
    if (exit->reason == Exit::Reason::exited || is_wanted(*exit)) continue;
    verdict.cause = fmt::format("The program on host {} did not end by itself ({}). {}",
                                program.host().name(), exit->to_string(), verdict.cause);
    return;
  }
}

void collect_frames(Verdict& verdict, const Network& net, const Story& story) {
  std::vector<FrameRecord> all;
  for (const Segment& segment : net.segments()) {
    // A frame that nobody will see need not be decoded: a transfer of 16 MiB has tens of thousands.
    const std::vector<CapturedFrame> frames = segment.frames();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (i >= kept_at_each_end && i + kept_at_each_end < frames.size()) continue;
      all.push_back(to_record(frames[i], segment, story));
      all.back().number = i + 1;
    }
  }
  std::ranges::stable_sort(all, {}, &FrameRecord::time);
  verdict.frames = std::move(all);
}

void write_evidence(const std::filesystem::path& folder, Verdict& verdict, const Network& net,
                    const std::map<std::string, std::string>& given) {
  std::filesystem::create_directories(folder.parent_path());
  const TemporaryFolder work(folder.parent_path());
  verdict.evidence = folder.string();
  for (const Segment& segment : net.segments()) {
    const std::string name = net.segments().size() == 1 ? "wire.pcap" : "wire-" + segment.name() + ".pcap";
    write_pcap(work.path() / name, segment.frames());
  }
  for (std::size_t i = 0; i < verdict.programs.size(); ++i) {
    const ProgramRecord& one = verdict.programs[i];
    const std::string stem = fmt::format("{}-{}", i + 1, one.host);
    write_file(work.path() / (stem + ".stdout"), one.output);
    write_file(work.path() / (stem + ".stderr"), one.errors);
  }
  for (const auto& [name, bytes] : given) write_file(work.path() / name, bytes);
  write_file(work.path() / "verdict.json", nlohmann::json(verdict).dump(1) + "\n");
  std::filesystem::permissions(work.path(), std::filesystem::perms(0755));
  std::filesystem::remove_all(folder);
  std::filesystem::rename(work.path(), folder);
}

}  // namespace wirelab
