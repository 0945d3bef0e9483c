#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// One check, as the manifest presents it. The code is the test of the same name in the lab's checks.cc.
struct CheckInfo {
  std::string name;          ///< `client_doubles_its_patience_after_every_silent_try`
  std::string title;         ///< a sentence that says what holds
  int points = 0;            ///< core checks: at least 1, all together 100; stretch: 0
  bool stretch = false;      ///< beyond the core: earns a badge, no points
  std::string badge;         ///< stretch: what one earns
  std::string concept_name;  ///< "exponential backoff"
  std::string slide;         ///< where the deck explains it: `slides/05-unreliable-udp.md#backoff`
};

/// A lab, read from labs/NN-slug/lab.toml:
///
///     number  = 5
///     slug    = "unreliable-udp"
///     title   = "Losing datagrams, and backing off"
///     program = "unreliable_udp"
///     files   = ["unreliable_udp.cc"]
///     given   = ["main.cc", "unreliable_udp.hh"]
///     slides  = "slides/05-unreliable-udp.md"
///
///     [[hint]]
///     text    = "..."
///
///     [[check]]
///     name    = "client_prints_the_answer"
///     title   = "The client prints the answer and exits 0"
///     points  = 10
///     concept = "request and answer"
///     slide   = "#request-and-answer"
///
///     [[check]]
///     name    = "..."
///     stretch = true
///     badge   = "..."
///
/// Keys may be left out only where the members below say so. A key that is not known is an error.
struct Lab {
  int number = 0;                  ///< from 1, as in the folder's name
  std::string slug;                ///< `unreliable-udp`
  std::string title;               ///< for lists and headings
  std::string program;             ///< name of the executable: `unreliable_udp`
  std::vector<std::string> files;  ///< what the student writes and hands in
  std::vector<std::string> given;  ///< what the lab provides beside it: `main.cc`, `unreliable_udp.hh`
  std::vector<std::string> hints;  ///< in the order to give them
  std::string slides;              ///< path of the deck, from the course's root
  std::vector<CheckInfo> checks;   ///< in the manifest's order, which is that of reports
  std::filesystem::path folder;    ///< labs/NN-slug, absolute

  /// `05-unreliable-udp`: the name of its folder everywhere.
  [[nodiscard]] std::string id() const;
  /// The check of this name; null when the lab has none.
  [[nodiscard]] const CheckInfo* find_check(std::string_view name) const;
};

/// The course: its root folder and its labs by number.
struct Course {
  std::filesystem::path root;  ///< the folder that holds labs/ and common/
  std::vector<Lab> labs;       ///< by number, ascending

  /// The lab called `5`, `05`, `unreliable-udp` or `05-unreliable-udp`.
  /// Throws std::invalid_argument, `lab 99: no such lab (there are 03, 05)`.
  [[nodiscard]] const Lab& find(std::string_view name) const;
};

/// Reads one manifest. Throws std::runtime_error naming file, line and what is wrong (a missing key, a name
/// twice, core points that do not add up to 100, fewer than three hints).
Lab load_lab(const std::filesystem::path& manifest);

/// Reads the manifest of each folder in labs/ under `root`. Throws as load_lab does, and
/// std::filesystem::filesystem_error when there is no labs/.
Course load_course(const std::filesystem::path& root);

}  // namespace wirelab
