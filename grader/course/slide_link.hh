#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wirelab {

/// The address of a file for a browser: scheme `file`, and what no address may hold, blanks for one, as %20
/// and the like. See RFC 8089, and RFC 3986 section 2.1.
std::string file_address(const std::filesystem::path& path);

/// Where a slide, `slides/05-unreliable-udp.md#backoff`, can be looked at: the page of the built site when
/// there is one (`wirelab site` leaves its folder's name in `state`/site/last.txt), else the deck's source in
/// `root`. Another file of the course, `labs/05-unreliable-udp/README.md`, likewise.
std::string slide_address(std::string_view slide, const std::filesystem::path& root,
                          const std::filesystem::path& state);

/// The same on a site that has been published:
/// `https://example.org/course/slides/05-unreliable-udp.html#backoff`. `site` is the address of its first
/// page's folder.
std::string slide_address(std::string_view slide, std::string_view site);

}  // namespace wirelab
