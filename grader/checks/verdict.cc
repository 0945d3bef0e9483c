#include "grader/checks/verdict.hh"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace wirelab {
namespace {

/// Length of the well-formed UTF-8 sequence that `text` begins with; 0 when there is none (Unicode, table
/// 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = at(0);
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && at(1) < 0xA0) return 0;
    if (first == 0xED && at(1) > 0x9F) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && at(1) < 0x90) return 0;
    if (first == 0xF4 && at(1) > 0x8F) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

/// Control characters of both sets (C1, U+0080 to U+009F, steer terminals too), and what turns the direction
/// of text.
bool is_unsafe(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return (byte(0) < 0x20 && byte(0) != '\n' && byte(0) != '\t') || byte(0) == 0x7F;
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (sequence.size() == 3 && byte(0) == 0xE2) {
    return (byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) ||
           (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
  }
  return false;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "failed";
    case Outcome::inconclusive:
      break;
  }
  return "inconclusive";
}

void to_json(nlohmann::json& json, const Verdict& verdict) {
  json = {{"check", verdict.check},      {"verdict", to_string(verdict.outcome)},
          {"seconds", verdict.seconds},  {"seed", verdict.seed},
          {"step", verdict.step},        {"expected", verdict.expected},
          {"actual", verdict.actual},    {"cause", verdict.cause},
          {"reason", verdict.reason},    {"worth_retrying", verdict.worth_retrying},
          {"evidence", verdict.evidence}};
  auto& steps = json["steps"] = nlohmann::json::array();
  for (const Step& one : verdict.steps) steps.push_back({{"time", one.time}, {"text", one.text}});
  auto& programs = json["programs"] = nlohmann::json::array();
  for (const ProgramRecord& one : verdict.programs) {
    programs.push_back({{"host", one.host},
                        {"command", one.command},
                        {"output", one.output},
                        {"errors", one.errors},
                        {"end", one.end}});
  }
  auto& frames = json["frames"] = nlohmann::json::array();
  for (const FrameRecord& one : verdict.frames) {
    frames.push_back({{"time", one.time},
                      {"arrived", one.arrived},
                      {"link", one.link},
                      {"from", one.from},
                      {"to", one.to},
                      {"summary", one.summary},
                      {"fate", one.fate},
                      {"background", one.background},
                      {"number", one.number}});
  }
}

void from_json(const nlohmann::json& json, Verdict& verdict) {
  const std::string outcome = json.at("verdict");
  if (outcome == "passed") {
    verdict.outcome = Outcome::passed;
  } else if (outcome == "failed") {
    verdict.outcome = Outcome::failed;
  } else if (outcome == "inconclusive") {
    verdict.outcome = Outcome::inconclusive;
  } else {
    throw std::runtime_error("verdict '" + printable(outcome) + "': no such word");
  }
  json.at("check").get_to(verdict.check);
  json.at("seconds").get_to(verdict.seconds);
  json.at("seed").get_to(verdict.seed);
  json.at("step").get_to(verdict.step);
  json.at("expected").get_to(verdict.expected);
  json.at("actual").get_to(verdict.actual);
  json.at("cause").get_to(verdict.cause);
  json.at("reason").get_to(verdict.reason);
  json.at("worth_retrying").get_to(verdict.worth_retrying);
  json.at("evidence").get_to(verdict.evidence);
  for (const auto& one : json.at("steps")) verdict.steps.push_back({one.at("time"), one.at("text")});
  for (const auto& one : json.at("programs")) {
    verdict.programs.push_back(
        {one.at("host"), one.at("command"), one.at("output"), one.at("errors"), one.at("end")});
  }
  for (const auto& one : json.at("frames")) {
    verdict.frames.push_back({one.at("time"), one.at("arrived"), one.at("link"), one.at("from"), one.at("to"),
                              one.at("summary"), one.at("fate"), one.at("background"),
                              one.value("number", std::size_t{0})});
  }
}

std::string printable(std::string_view text, std::size_t most) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (result.size() >= most) {
      return result + fmt::format("\n... and {} more bytes", text.size() - at);
    }
    const std::size_t length = utf8_length(text.substr(at));
    const std::string_view sequence = text.substr(at, std::max<std::size_t>(length, 1));
    if (length == 0 || is_unsafe(sequence)) {
      for (const char byte : sequence) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else {
      result += sequence;
    }
    at += sequence.size();
  }
  return result;
}

}  // namespace wirelab
