#include "common/lab_main.hh"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <span>
#include <sstream>

#include "common/todo.hh"

namespace wirelab {
namespace {

std::string usage(std::string_view program, const std::vector<Role>& roles) {
  std::string text;
  for (const Role& role : roles) {
    text.append(text.empty() ? "usage: " : "       ").append(program).append(" ");
    if (!role.name.empty()) text.append(role.name).append(" ");
    text.append(role.synopsis).append("\n");
  }
  return text;
}

template <typename Number>
Number to_number(const std::string& what, const std::string& text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= low && value <= high)) {
    std::ostringstream reason;
    reason << what << " '" << text << "': not a number from " << low << " to " << high;
    throw UsageError(reason.str());
  }
  return value;
}

const Role& find_role(const std::vector<Role>& roles, std::span<char*>& arguments) {
  if (roles.size() == 1 && roles.front().name.empty()) return roles.front();
  if (arguments.empty()) throw UsageError("a role is missing");
  const std::string name = arguments.front();
  const auto found = std::ranges::find(roles, name, &Role::name);
  if (found == roles.end()) throw UsageError("no role '" + name + "'");
  arguments = arguments.subspan(1);
  return *found;
}

Arguments parse(const Role& role, std::span<char*> typed) {
  Arguments result;
  std::vector<std::string> words;
  bool options_ended = false;
  for (std::size_t i = 0; i < typed.size(); ++i) {
    const std::string word = typed[i];
    if (options_ended || word.size() < 2 || word[0] != '-') {
      words.push_back(word);
    } else if (word == "--") {
      options_ended = true;
    } else if (std::ranges::count(role.flags, word) > 0) {
      result.options[word] = "";
    } else if (word == "-p" || std::ranges::count(role.options, word) > 0) {
      if (++i == typed.size()) throw UsageError("option " + word + ": its value is missing");
      if (word == "-p") {
        result.port = static_cast<std::uint16_t>(to_number("port", typed[i], 0, 65535));
      } else {
        result.options[word] = typed[i];
      }
    } else {
      throw UsageError("no option '" + word + "'");
    }
  }
  if (words.empty()) throw UsageError(role.object + " is missing");
  if (words.size() - 1 > role.most_words) throw UsageError("too many arguments");
  result.host = words.front();
  result.words.assign(words.begin() + 1, words.end());
  return result;
}

}  // namespace

double Arguments::number(const std::string& option, double fallback, double low, double high) const {
  const auto found = options.find(option);
  return found == options.end() ? fallback : to_number(option, found->second, low, high);
}

int lab_main(int argc, char** argv, std::string_view program, const std::vector<Role>& roles) {
  try {
    std::span<char*> typed(argv + 1, argv + argc);
    const Role& role = find_role(roles, typed);
    role.run(parse(role, typed));
    return 0;
  } catch (const UsageError& error) {
    std::cerr << program << ": " << error.what() << "\n" << usage(program, roles);
    return 2;
  } catch (const Unfinished& error) {
    std::cerr << program << ": " << error.what() << "\n";
    return 3;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace wirelab
