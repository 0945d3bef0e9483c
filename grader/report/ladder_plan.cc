#include "grader/report/ladder_plan.hh"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>

namespace wirelab {
namespace {

constexpr std::size_t most_rows = 24;
constexpr std::size_t first_rows =
    10;  // of a long ladder; the rest of the rows are its end, where the trouble is
constexpr double noticeable = 0.002;  // seconds on a cable that only a rule or a busy machine can cause

/// `UDP 10.5.0.1:40213 > 10.5.0.2:1060, 12 bytes` taken apart.
struct Summary {
  std::string protocol;
  std::string source;
  std::string destination;
  std::string rest;  ///< "12 bytes"
};

std::optional<Summary> take_apart(std::string_view text) {
  const auto next = [&text](std::string_view ends) {
    const std::size_t end = std::min(text.find_first_of(ends), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    return word;
  };
  Summary summary;
  summary.protocol = next(" ");
  summary.source = next(" ");
  if (next(" ") != ">") return {};
  summary.destination = next(" ,");
  if (text.starts_with(' ')) text.remove_prefix(1);
  summary.rest = text;
  return summary;
}

/// Everything after the last colon: `1060`.
std::string_view port_of(std::string_view end) {
  const auto colon = end.rfind(':');
  return colon == end.npos ? end : end.substr(colon + 1);
}

/// The two ends of a conversation, whichever way the frame goes.
std::pair<std::string, std::string> conversation(const Summary& summary) {
  return std::minmax(summary.source, summary.destination);  // the pair is copied before the references end
}

std::string note_for(const FrameRecord& frame) {
  if (frame.arrived < 0) return frame.fate.empty() ? "never arrived" : frame.fate;
  const bool worth_a_time = !frame.fate.empty() && !frame.fate.starts_with("delayed");
  if (worth_a_time && frame.arrived - frame.time > noticeable) {
    return fmt::format("{}, there at {:.3f} s", frame.fate, frame.arrived);
  }
  return frame.fate;
}

/// The words are those of the rules: grader/network/rule.cc.
Passage passage_of(const FrameRecord& frame) {
  if (frame.arrived < 0) return Passage::lost;
  if (frame.fate.starts_with("duplicated")) return Passage::duplicated;
  if (frame.fate.starts_with("corrupted") || frame.fate.starts_with("rewritten")) return Passage::changed;
  const bool befell = !frame.fate.empty() && frame.arrived - frame.time > noticeable;
  return befell ? Passage::late : Passage::plain;
}

std::vector<std::string> split_hosts(std::string_view joined) {
  std::vector<std::string> hosts;
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find(", "), joined.size());
    hosts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(joined.size(), end + 2));
  }
  return hosts;
}

}  // namespace

LadderPlan::LadderPlan(const std::vector<FrameRecord>& frames) {
  std::set<std::pair<std::string, std::string>> conversations;
  for (const FrameRecord& frame : frames) {
    if (frame.background) continue;
    if (const auto summary = take_apart(frame.summary)) conversations.insert(conversation(*summary));
  }
  several_conversations_ = conversations.size() > 1;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!frames[i].background) add(frames[i], i);
  }
}

void LadderPlan::add(const FrameRecord& frame, std::size_t index) {
  LadderArrow arrow{.number = arrows_.size() + 1,
                    .time = frame.time,
                    .arrived = frame.arrived,
                    .from = lane(frame.from),
                    .passage = passage_of(frame),
                    .label = label(frame.summary),
                    .note = note_for(frame),
                    .summary = frame.summary,
                    .frame = index};
  for (const std::string& host : split_hosts(frame.to)) {
    if (host != frame.from) arrow.to.push_back(lane(host));
  }
  if (!arrow.to.empty()) arrows_.push_back(std::move(arrow));
}

std::size_t LadderPlan::lane(const std::string& host) {
  const auto found = std::ranges::find(hosts_, host);
  const auto index = static_cast<std::size_t>(found - hosts_.begin());
  if (found == hosts_.end()) hosts_.push_back(host);
  return index;
}

/// The lifelines tell the addresses already; ports only matter when there is more than one conversation.
std::string LadderPlan::label(const std::string& text) const {
  const auto summary = take_apart(text);
  if (!summary) return text;
  std::string ports;
  if (several_conversations_ && summary->protocol != "ICMP") {
    ports = fmt::format(" {} > {}", port_of(summary->source), port_of(summary->destination));
  }
  return fmt::format("{}{}{}{}", summary->protocol, ports, summary->rest.empty() ? "" : " ", summary->rest);
}

void LadderPlan::keep(std::size_t first, std::size_t last) {
  if (first == 0 || first > last || last > arrows_.size()) {
    throw std::invalid_argument(fmt::format("frames {}-{}: {} frame{} drawn, counted from 1", first, last,
                                            arrows_.size(), arrows_.size() == 1 ? " is" : "s are"));
  }
  std::erase_if(arrows_, [&](const LadderArrow& one) { return one.number < first || one.number > last; });
}

std::vector<LadderRow> LadderPlan::rows() const {
  const std::size_t count = arrows_.size();
  const std::size_t left_out = count > most_rows ? count - (most_rows - 1) : 0;
  std::vector<LadderRow> rows;
  for (std::size_t i = 0; i < count; ++i) {
    if (left_out > 0 && i == first_rows) {
      rows.push_back({nullptr, left_out});
      i += left_out;
    }
    rows.push_back({&arrows_[i], 0});
  }
  return rows;
}

}  // namespace wirelab
