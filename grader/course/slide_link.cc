#include "grader/course/slide_link.hh"

#include <fmt/format.h>

#include <cctype>
#include <fstream>

namespace wirelab {
namespace fs = std::filesystem;
namespace {

/// The page of the site that shows this file; empty when none does.
std::string page_of(const fs::path& file) {
  const std::string folder = file.begin()->string();
  if (folder == "slides") return "slides/" + file.stem().string() + ".html";
  if (folder == "labs") return "handouts/" + file.parent_path().filename().string() + ".html";
  return {};
}

/// What comes before the `#`, and the rest with it.
std::pair<std::string, std::string> split(std::string_view slide) {
  const std::size_t anchor = std::min(slide.find('#'), slide.size());
  return {std::string(slide.substr(0, anchor)), std::string(slide.substr(anchor))};
}

/// The folder of the site that was built last; empty when there is none.
fs::path built_site(const fs::path& state) {
  std::ifstream file(state / "site" / "last.txt");
  std::string folder;
  std::getline(file, folder);
  return folder;
}

}  // namespace

std::string file_address(const fs::path& path) {
  constexpr std::string_view plain = "/-._~";
  std::string address = "file://";
  for (const char one : fs::absolute(path).lexically_normal().string()) {
    const auto byte = static_cast<unsigned char>(one);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || plain.find(one) != plain.npos)) {
      address += one;
    } else {
      address += fmt::format("%{:02X}", byte);
    }
  }
  return address;
}

std::string slide_address(std::string_view slide, const fs::path& root, const fs::path& state) {
  const auto [file, anchor] = split(slide);
  if (file.empty()) return {};
  const fs::path site = built_site(state);
  std::error_code ignored;
  if (!site.empty() && fs::exists(site / page_of(file), ignored))
    return file_address(site / page_of(file)) + anchor;
  return file_address(root / file) + anchor;
}

std::string slide_address(std::string_view slide, std::string_view site) {
  const auto [file, anchor] = split(slide);
  if (file.empty() || page_of(file).empty()) return {};
  return fmt::format("{}{}{}{}", site, site.ends_with('/') ? "" : "/", page_of(file), anchor);
}

}  // namespace wirelab
