#include "grader/checks/evidence.hh"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <map>
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

/// Whether anything that a host sent is on a cable, address resolution aside.
bool has_sent(const Network& net, const Host& host) {
  return std::ranges::any_of(net.segments(), [&](const Segment& segment) {
    return std::ranges::any_of(segment.frames(), [&](const CapturedFrame& one) {
      return one.frame.sender() == &host && !background(one.frame);
    });
  });
}

/// The numbers of TCP segments as people count them: 0 is the SYN, of each direction.
class SequenceNumbers {
 public:
  /// `, seq 1, ack 1`; nothing for other frames. To be asked about one frame after the other.
  std::string of(const Headers& is) {
    if (is.protocol != Headers::Protocol::tcp) return {};
    const std::string source = is.source.to_string(), destination = is.destination.to_string();
    if ((is.flags & tcp_flag::syn) != 0) initial_[{source, destination}] = is.sequence;
    std::string text = fmt::format(", seq {}", relative({source, destination}, is.sequence));
    if ((is.flags & tcp_flag::ack) != 0)
      text += fmt::format(", ack {}", relative({destination, source}, is.acknowledgment));
    return text;
  }

 private:
  using Direction = std::pair<std::string, std::string>;

  /// The number itself where no SYN was seen.
  std::int64_t relative(const Direction& direction, std::uint32_t number) const {
    const auto initial = initial_.find(direction);
    if (initial == initial_.end()) return number;
    return static_cast<std::int32_t>(number - initial->second);  // they go on with 0 behind 2^32 - 1
  }

  std::map<Direction, std::uint32_t> initial_;
};

}  // namespace

void explain_end(Verdict& verdict, const std::deque<Program>& programs, const Network& net,
                 const Story& story) {
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
    if (exit->reason == Exit::Reason::exited && exit->code != 0 && story.outlived_programs() &&
        !has_sent(net, program.host())) {
      verdict.cause = fmt::format(
          "The program ended with exit status {} before it sent anything: begin with what it said.{}{}",
          exit->code, verdict.cause.empty() ? "" : " ", verdict.cause);
      return;
    }
    if (exit->reason == Exit::Reason::exited || is_wanted(*exit)) continue;
    verdict.cause = fmt::format("The program on host {} did not end by itself ({}). {}",
                                program.host().name(), exit->to_string(), verdict.cause);
    return;
  }
}

void collect_frames(Verdict& verdict, const Network& net, const Story& story, bool with_numbers) {
  std::vector<FrameRecord> all;
  SequenceNumbers numbers;
  for (const Segment& segment : net.segments()) {
    // A frame that nobody will see need not be decoded: a transfer of 16 MiB has tens of thousands.
    const std::vector<CapturedFrame> frames = segment.frames();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (i >= kept_at_each_end && i + kept_at_each_end < frames.size()) continue;
      all.push_back(to_record(frames[i], segment, story));
      all.back().number = i + 1;
      if (with_numbers) all.back().summary += numbers.of(frames[i].frame.headers());
    }
  }
  std::ranges::stable_sort(all, {}, &FrameRecord::time);
  verdict.frames = std::move(all);
}

void write_evidence(const std::filesystem::path& folder, Verdict& verdict, const Network& net,
                    const std::map<std::string, std::string>& given) {
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
