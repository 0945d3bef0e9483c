#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "grader/course/manifest.hh"

namespace wirelab {

/// What somebody who made a catalogued mistake is told, by the check that caught it.
struct Message {
  std::string mistake;  ///< its name in the catalogue
  std::string check;    ///< the one that caught it
  std::string text;     ///< the likely cause, with every number as `#`: those may differ from run to run
  /// By mistake, then check, then text.
  friend auto operator<=>(const Message&, const Message&) = default;
};

/// The messages that have been read and found good: grader/mistakes/NN-slug/messages.txt. A change of a check
/// that changes what a student reads is seen there. A mistake may have several, where chance decides which
/// step catches it. Each begins with the line `mistake: check`, and goes on with the text, indented:
///
///     always-the-same-wait: silence_doubles_the_wait
///         The waits are not the ones asked for: ...
///
/// Empty when there is no such file. Throws std::system_error.
std::vector<Message> load_messages(const std::filesystem::path& root, const Lab& lab);

/// Writes them, sorted and without repetitions. Throws std::system_error.
void save_messages(const std::filesystem::path& root, const Lab& lab, std::vector<Message> messages);

/// A message's text as it is kept: numbers as `#`, white space as single blanks.
std::string kept_text(std::string_view cause);

}  // namespace wirelab
