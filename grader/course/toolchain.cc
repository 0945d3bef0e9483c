#include "grader/course/toolchain.hh"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/error.hh"

namespace wirelab {
namespace {

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw_errno("open", path.string());
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("read {}: {}", path.string(), error.what()));
  }
}

/// Changes whenever the file is made anew. The build makes these files, so their times can be trusted.
std::string file_stamp(const std::filesystem::path& path) {
  struct stat status {};
  must(stat(path.c_str(), &status), "look at", path.string());
  return fmt::format("{} {} {}.{:09}\n", path.string(), status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

}  // namespace

Toolchain Toolchain::load(const std::filesystem::path& build) {
  const nlohmann::json json = read_json(build / "toolchain.json");
  Toolchain result;
  json.at("compiler").get_to(result.compiler);
  json.at("compile").get_to(result.compile);
  json.at("linker").get_to(result.linker);
  json.at("link").get_to(result.link);
  json.at("strict").get_to(result.strict);
  const nlohmann::json& sanitized = json.at("sanitized");
  sanitized.at("compiler").get_to(result.sanitized_compiler_);
  sanitized.at("compile").get_to(result.sanitized_compile_);
  sanitized.at("link").get_to(result.sanitized_link_);
  result.root = json.at("root").get<std::string>();
  result.prelude = json.at("prelude").get<std::string>();
  result.library = json.at("library").get<std::string>();
  result.description = json.dump();
  return result;
}

Toolchain Toolchain::with(const std::vector<std::string>& flags) const {
  Toolchain result = *this;
  result.compile.insert(result.compile.end(), flags.begin(), flags.end());
  for (const std::string& flag : flags) result.description += " " + flag;
  return result;
}

Toolchain Toolchain::sanitized() const {
  Toolchain result = *this;
  result.compiler = sanitized_compiler_;
  result.compile = sanitized_compile_;
  result.linker = {sanitized_compiler_};
  result.link = sanitized_link_;
  result.description += " sanitized";
  return result;
}

std::string Toolchain::stamp() const {
  return description + "\n" + file_stamp(prelude) + file_stamp(library);
}

}  // namespace wirelab
