#include "grader/course/manifest.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml++/toml.h>
#include <algorithm>
#include <concepts>
#include <set>
#include <stdexcept>

namespace wirelab {
namespace {

constexpr int core_points = 100;
constexpr std::size_t fewest_hints = 3;

/// One table of a manifest. Every complaint names the file and the line; a key that nobody asked for is one
/// too.
class Table {
 public:
  Table(const std::filesystem::path& file, const toml::table& table) : file_(file), table_(table) {}

  [[noreturn]] void fail(const std::string& what) const { fail_at(table_, what); }
  [[noreturn]] void fail_at(const toml::node& where, const std::string& what) const {
    throw std::runtime_error(fmt::format("{}:{}: {}", file_.string(), where.source().begin.line, what));
  }

  template <typename Value>
  Value get(const char* key) {
    const toml::node& node = require(key);
    const auto value = node.value_exact<Stored<Value>>();
    if (!value) fail_at(node, fmt::format("key '{}' must be {}", key, kind<Value>()));
    return static_cast<Value>(*value);
  }

  template <typename Value>
  Value get(const char* key, Value fallback) {
    known_.insert(key);
    return table_.contains(key) ? get<Value>(key) : fallback;
  }

  std::vector<std::string> texts(const char* key) {
    const toml::node& node = require(key);
    std::vector<std::string> result;
    for (const toml::node& element : array(node, key)) {
      const auto text = element.value_exact<std::string>();
      if (!text) fail_at(element, fmt::format("key '{}' must be a list of texts", key));
      result.push_back(*text);
    }
    return result;
  }

  std::vector<Table> tables(const char* key) {
    const toml::node& node = require(key);
    std::vector<Table> result;
    for (const toml::node& element : array(node, key)) {
      if (!element.is_table())
        fail_at(element, fmt::format("key '{}' must be a list of tables, [[{}]]", key, key));
      result.emplace_back(file_, *element.as_table());
    }
    return result;
  }

  void refuse_unknown_keys() const {
    for (const auto& [key, node] : table_) {
      if (!known_.contains(std::string(key.str())))
        fail_at(node, fmt::format("key '{}' is not known", key.str()));
    }
  }

 private:
  template <typename Value>
  using Stored = std::conditional_t<std::same_as<Value, int>, std::int64_t, Value>;

  template <typename Value>
  static constexpr const char* kind() {
    if constexpr (std::same_as<Value, int>)
      return "a whole number";
    else if constexpr (std::same_as<Value, bool>)
      return "true or false";
    else
      return "a text";
  }

  const toml::node& require(const char* key) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (!node) fail(fmt::format("key '{}' is missing", key));
    return *node;
  }

  const toml::array& array(const toml::node& node, const char* key) const {
    if (!node.is_array()) fail_at(node, fmt::format("key '{}' must be a list", key));
    return *node.as_array();
  }

  std::filesystem::path file_;
  const toml::table& table_;
  std::set<std::string, std::less<>> known_;
};

/// A place in the deck may be given as `#anchor` alone.
std::string full_slide(const std::string& slide, const std::string& deck) {
  return slide.starts_with('#') ? deck + slide : slide;
}

std::string read_hint(Table table) {
  std::string text = table.get<std::string>("text");
  table.refuse_unknown_keys();
  return text;
}

CheckInfo read_check(Table table, const Lab& lab) {
  CheckInfo check;
  check.name = table.get<std::string>("name");
  check.title = table.get<std::string>("title");
  check.stretch = table.get("stretch", false);
  check.points = table.get("points", 0);
  check.badge = table.get("badge", std::string());
  check.concept_name = table.get<std::string>("concept");
  check.slide = full_slide(table.get("slide", std::string()), lab.slides);
  table.refuse_unknown_keys();
  if (lab.find_check(check.name)) table.fail(fmt::format("check '{}' is there twice", check.name));
  if (check.stretch && check.points != 0)
    table.fail(fmt::format("stretch check '{}' has points", check.name));
  if (check.stretch && check.badge.empty())
    table.fail(fmt::format("stretch check '{}' has no badge", check.name));
  if (!check.stretch && check.points < 1)
    table.fail(fmt::format("core check '{}' has no points", check.name));
  return check;
}

/// Names from a manifest become paths of a sandbox: they must stay inside the lab's folder.
void refuse_paths(const Table& table, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.empty() || name.front() == '.' || name.front() == '-' || name.find('/') != name.npos) {
      table.fail(fmt::format("'{}' is not the plain name of a file", name));
    }
  }
}

void judge(const Table& table, const Lab& lab) {
  if (lab.files.empty()) table.fail("key 'files' names no file");
  refuse_paths(table, lab.files);
  refuse_paths(table, lab.given);
  if (lab.hints.size() < fewest_hints) {
    table.fail(fmt::format("{} hints; there must be at least {}", lab.hints.size(), fewest_hints));
  }
  int points = 0;
  for (const CheckInfo& check : lab.checks) points += check.points;
  if (points != core_points) {
    table.fail(fmt::format("the points of the core checks add up to {}, not to {}", points, core_points));
  }
}

toml::table parse(const std::filesystem::path& manifest) {
  try {
    return toml::parse_file(manifest.string());
  } catch (const toml::parse_error& error) {
    // Without a line it is no mistake in the text: the file could not be read.
    const auto line = error.source().begin.line;
    const std::string where = line ? fmt::format("{}:{}", manifest.string(), line) : manifest.string();
    throw std::runtime_error(fmt::format("{}: {}", where, error.description()));
  }
}

}  // namespace

std::string Lab::id() const { return fmt::format("{:02}-{}", number, slug); }

const CheckInfo* Lab::find_check(std::string_view name) const {
  const auto found = std::ranges::find(checks, name, &CheckInfo::name);
  return found == checks.end() ? nullptr : &*found;
}

const Lab& Course::find(std::string_view name) const {
  for (const Lab& lab : labs) {
    const std::string number = std::to_string(lab.number);
    if (name == number || name == fmt::format("{:02}", lab.number) || name == lab.slug || name == lab.id())
      return lab;
  }
  std::vector<std::string> known;
  for (const Lab& lab : labs) known.push_back(fmt::format("{:02}", lab.number));
  throw std::invalid_argument(
      fmt::format("lab {}: no such lab (there are {})", name, fmt::join(known, ", ")));
}

Lab load_lab(const std::filesystem::path& manifest) {
  const toml::table parsed = parse(manifest);
  Table table(manifest, parsed);
  Lab lab;
  lab.folder = std::filesystem::absolute(manifest).parent_path();
  lab.number = table.get<int>("number");
  lab.slug = table.get<std::string>("slug");
  lab.title = table.get<std::string>("title");
  lab.program = table.get<std::string>("program");
  lab.files = table.texts("files");
  lab.given = table.texts("given");
  lab.slides = table.get<std::string>("slides");
  for (Table& hint : table.tables("hint")) lab.hints.push_back(read_hint(hint));
  for (Table& check : table.tables("check")) lab.checks.push_back(read_check(check, lab));
  table.refuse_unknown_keys();
  if (lab.folder.filename() != lab.id()) {
    table.fail(fmt::format("number and slug make '{}', but the folder is '{}'", lab.id(),
                           lab.folder.filename().string()));
  }
  judge(table, lab);
  return lab;
}

Course load_course(const std::filesystem::path& root) {
  Course course{std::filesystem::absolute(root), {}};
  for (const auto& entry : std::filesystem::directory_iterator(course.root / "labs")) {
    const std::filesystem::path manifest = entry.path() / "lab.toml";
    if (std::filesystem::exists(manifest)) course.labs.push_back(load_lab(manifest));
  }
  std::ranges::sort(course.labs, {}, &Lab::number);
  return course;
}

}  // namespace wirelab
