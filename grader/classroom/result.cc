#include "grader/classroom/result.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace wirelab {

NLOHMANN_JSON_SERIALIZE_ENUM(Standing, {{Standing::pending, "pending"},
                                        {Standing::graded, "graded"},
                                        {Standing::again, "needs another run"}})

namespace {

Outcome outcome_called(const std::string& name) {
  for (const Outcome one : {Outcome::passed, Outcome::failed}) {
    if (name == to_string(one)) return one;
  }
  return Outcome::inconclusive;
}

nlohmann::json json_of(const CheckLine& line) {
  return {{"check", line.check},   {"title", line.title}, {"outcome", to_string(line.outcome)},
          {"points", line.points}, {"badge", line.badge}, {"seed", line.seed},
          {"said", line.said}};
}

CheckLine line_of(const nlohmann::json& json) {
  return {json.at("check"),  json.at("title"), outcome_called(json.at("outcome")),
          json.at("points"), json.at("badge"), json.at("seed"),
          json.at("said")};
}

nlohmann::json json_of(const LabResult& lab) {
  nlohmann::json checks = nlohmann::json::array();
  for (const CheckLine& line : lab.checks) checks.push_back(json_of(line));
  return {{"lab", lab.lab},       {"standing", lab.standing},
          {"points", lab.points}, {"most", lab.most},
          {"word", lab.word},     {"badges", lab.badges},
          {"notes", lab.notes},   {"diagnostics", lab.diagnostics},
          {"checks", checks}};
}

LabResult lab_of(const nlohmann::json& json) {
  LabResult lab{json.at("lab"),
                json.at("standing"),
                json.at("points"),
                json.at("most"),
                json.at("word"),
                json.at("badges"),
                json.at("notes"),
                json.at("diagnostics"),
                {},
                {},
                {}};
  for (const nlohmann::json& line : json.at("checks")) lab.checks.push_back(line_of(line));
  return lab;
}

}  // namespace

void to_json(nlohmann::json& json, const StudentResult& result) {
  json = {{"student", result.student},
          {"submission", result.submission},
          {"digest", result.digest},
          {"notes", result.notes},
          {"labs", nlohmann::json::array()}};
  for (const LabResult& lab : result.labs) json["labs"].push_back(json_of(lab));
}

void from_json(const nlohmann::json& json, StudentResult& result) {
  result = {json.at("student"), json.at("submission"), json.at("digest"), json.at("notes"), {}};
  for (const nlohmann::json& lab : json.at("labs")) result.labs.push_back(lab_of(lab));
}

bool settled(const StudentResult& result) {
  return std::ranges::all_of(result.labs,
                             [](const LabResult& lab) { return lab.standing == Standing::graded; });
}

}  // namespace wirelab
