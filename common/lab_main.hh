#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wirelab {

/// What the user typed after the program's name.
struct Arguments {
  std::string host;                ///< the first word, as typed: not looked up yet
  std::uint16_t port = 1060;       ///< `-p PORT`, host byte order; 0 lets the kernel choose
  std::vector<std::string> words;  ///< what follows HOST, in order
  std::map<std::string, std::string>
      options;  ///< the lab's own options, by name with dashes: {"--seed", "7"}

  /// Whether the user gave this option.
  [[nodiscard]] bool has(const std::string& option) const { return options.contains(option); }

  /// The option's value as a number in [low, high], or `fallback` when it was not given.
  /// Throws UsageError when it is no number or out of range.
  [[nodiscard]] double number(const std::string& option, double fallback, double low, double high) const;
};

/// One role of a lab's program, such as `server`. A lab with a single role leaves `name` empty.
struct Role {
  std::string name;                           ///< the word that chooses it: "server"
  std::string synopsis;                       ///< what may follow, for the usage: "HOST [-p PORT] [--drop P]"
  std::vector<std::string> options;           ///< the lab's own options, each of which takes one value
  std::size_t most_words = 0;                 ///< how many words may follow HOST
  std::function<void(const Arguments&)> run;  ///< does the work; what it throws becomes the exit status
  std::vector<std::string> flags = {};  ///< the lab's own options that take no value: ask for them with `has`
  std::string object = "HOST";          ///< what the usage calls the first word, which is `Arguments::host`

  static constexpr std::size_t any_number = static_cast<std::size_t>(-1);  ///< for `most_words`
};

/// The command line was wrong: `lab_main` prints the reason and the usage, and exits with status 2.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The `main` of every lab: reads `PROGRAM ROLE HOST [-p PORT] [options] [words]`, runs the role, and turns
/// what it throws into an exit status. 0: done. 1: an operation failed, one line on standard error,
/// `tcp_echo: bind 10.3.0.1:80: Permission denied`. 2: wrong usage. 3: a TODO is not written yet.
/// Options may stand anywhere; `--` ends them.
int lab_main(int argc, char** argv, std::string_view program, const std::vector<Role>& roles);

}  // namespace wirelab
