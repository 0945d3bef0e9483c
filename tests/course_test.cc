#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <functional>

#include "grader/course/build_cache.hh"
#include "grader/course/builder.hh"
#include "grader/course/check_run.hh"
#include "grader/course/holes.hh"
#include "grader/course/machine.hh"
#include "grader/course/manifest.hh"
#include "grader/course/mistake.hh"
#include "grader/course/slide_link.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const std::string good_manifest = R"(number = 7
slug = "little"
title = "A little lab"
program = "little"
files = ["little.cc"]
given = ["given.hh"]
slides = "slides/07-little.md"
[[hint]]
text = "one"
[[hint]]
text = "two"
[[hint]]
text = "three"
[[check]]
name = "it_starts"
title = "It starts"
points = 60
concept = "starting"
slide = "#starting"
[[check]]
name = "it_ends"
title = "It ends"
points = 40
concept = "ending"
[[check]]
name = "it_shines"
title = "It shines"
stretch = true
badge = "Shining"
concept = "style"
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, text.npos) << what;
  return text.replace(at, what.size(), by);
}

std::string message_of(const std::function<void()>& deed) {
  try {
    deed();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// A course of one lab in a temporary folder.
class LittleCourse : public testing::Test {
 protected:
  LittleCourse() {
    fs::create_directories(lab_folder());
    write_file(lab_folder() / "lab.toml", good_manifest);
    write_file(lab_folder() / "given.hh", "#pragma once\nint answer();\n");
  }

  [[nodiscard]] fs::path root() const { return folder_.path(); }
  [[nodiscard]] fs::path lab_folder() const { return root() / "labs" / "07-little"; }
  [[nodiscard]] Lab lab() const { return load_lab(lab_folder() / "lab.toml"); }

  std::string complaint_about(const std::string& manifest) const {
    write_file(lab_folder() / "lab.toml", manifest);
    return message_of([&] { (void)lab(); });
  }

 private:
  TemporaryFolder folder_{fs::temp_directory_path()};
};

// --- Manifests

TEST_F(LittleCourse, manifest_is_read_whole) {
  const Lab lab = this->lab();
  EXPECT_EQ(lab.id(), "07-little");
  EXPECT_THAT(lab.hints, ElementsAre("one", "two", "three"));
  ASSERT_EQ(lab.checks.size(), 3u);
  EXPECT_EQ(lab.checks[0].slide, "slides/07-little.md#starting");
  EXPECT_EQ(lab.checks[1].points, 40);
  EXPECT_TRUE(lab.checks[2].stretch);
  EXPECT_EQ(lab.checks[2].badge, "Shining");
}

TEST_F(LittleCourse, lab_has_four_names) {
  const Course course = load_course(root());
  for (const char* name : {"7", "07", "little", "07-little"}) EXPECT_EQ(course.find(name).number, 7) << name;
  EXPECT_EQ(message_of([&] { (void)course.find("99"); }), "lab 99: no such lab (there are 07)");
}

TEST_F(LittleCourse, bad_manifest_is_refused_with_file_line_and_reason) {
  const auto file = (lab_folder() / "lab.toml").string();
  const auto complaint = [&](const std::string& what, const std::string& by) {
    return complaint_about(replaced(good_manifest, what, by));
  };
  EXPECT_EQ(complaint("title = \"A little lab\"\n", ""), file + ":1: key 'title' is missing");
  EXPECT_EQ(complaint("number = 7", "number = \"7\""), file + ":1: key 'number' must be a whole number");
  EXPECT_EQ(complaint("files = [\"little.cc\"]", "files = \"little.cc\""),
            file + ":5: key 'files' must be a list");
  EXPECT_EQ(complaint("\"little.cc\"", "7"), file + ":5: key 'files' must be a list of texts");
  EXPECT_EQ(complaint("\"little.cc\"", "\"../../etc/passwd\""),
            file + ":1: '../../etc/passwd' is not the plain name of a file");
  EXPECT_EQ(complaint("\"little.cc\"", "\"-o\""), file + ":1: '-o' is not the plain name of a file");
  EXPECT_EQ(complaint("\"little.cc\"", ""), file + ":1: key 'files' names no file");
  EXPECT_EQ(complaint("slides", "slide"), file + ":1: key 'slides' is missing");
  EXPECT_EQ(complaint("slug", "colour = 1\nslug"), file + ":2: key 'colour' is not known");
  EXPECT_EQ(complaint("[[hint]]\ntext = \"two\"\n", ""), file + ":1: 2 hints; there must be at least 3");
  EXPECT_EQ(complaint("points = 60", "points = 61"),
            file + ":1: the points of the core checks add up to 101, not to 100");
  EXPECT_EQ(complaint("points = 60\n", ""), file + ":14: core check 'it_starts' has no points");
  EXPECT_EQ(complaint("it_ends", "it_starts"), file + ":20: check 'it_starts' is there twice");
  EXPECT_EQ(complaint("badge = \"Shining\"\n", ""), file + ":25: stretch check 'it_shines' has no badge");
  EXPECT_EQ(complaint("stretch = true", "stretch = true\npoints = 3"),
            file + ":25: stretch check 'it_shines' has points");
  EXPECT_THAT(complaint("slug = \"little\"", "slug = \"big\""),
              HasSubstr("number and slug make '07-big', but the folder is '07-little'"));
  EXPECT_THAT(complaint("slug = \"little\"", "slug = little"), HasSubstr("lab.toml:2: "));
}

// --- Holes

const std::string skeleton = R"(#include "x.hh"
int f() {
  // TODO(07.1): return the answer,
  // whatever it is.
  todo("07.1",
       answer);
}
int g();
int h() {
  // STRETCH(07.2): more.
  return 0;
}
)";

TEST(Holes, solution_may_have_anything_in_the_holes) {
  EXPECT_EQ(difference_outside_holes(skeleton, R"(#include "x.hh"
int f() {
  // TODO(07.1): return the answer,
  // whatever it is.
  const int result = 42;
  return result;
}
int g();
int h() {
  return 1;
}
)"),
            "");
  EXPECT_EQ(difference_outside_holes(skeleton, skeleton), "");
}

TEST(Holes, solution_has_every_other_line_and_none_besides) {
  const std::string solution = replaced(
      replaced(skeleton, "  todo(\"07.1\",\n       answer);\n", "  return 42;\n"), "return 0", "return 1");
  EXPECT_EQ(difference_outside_holes(skeleton, solution), "");
  EXPECT_EQ(difference_outside_holes(skeleton, replaced(solution, "int g();\n", "")),
            "line 8 of the skeleton is not in the solution, or not in its place: int g();");
  EXPECT_EQ(difference_outside_holes(skeleton, "#include <new>\n" + solution),
            "line 1 of the skeleton is not in the solution, or not in its place: #include \"x.hh\"");
  EXPECT_EQ(difference_outside_holes(skeleton, solution + "int i();\n"),
            "line 12 of the skeleton is not in the solution, or not in its place: }");
  EXPECT_EQ(difference_outside_holes("int g();\n", "int g();\nint h();\n"),
            "line 2 of the solution is not in the skeleton: int h();");
}

// --- Mistakes

class Mistakes : public LittleCourse {
 protected:
  Mistakes() {
    fs::create_directories(root() / "solutions" / "07-little");
    fs::create_directories(root() / "grader" / "mistakes" / "07-little");
    write_file(root() / "solutions" / "07-little" / "little.cc", "int answer() {\n  return 42;\n}\n");
  }
  void write_mistake(const std::string& text) const {
    write_file(root() / "grader" / "mistakes" / "07-little" / "off-by-one.patch", text);
  }
};

const std::string patch = R"(Title: One too many
Misunderstanding: The answer is
 counted from 1.
Caught-by: it_starts, it_ends

--- a/little.cc
+++ b/little.cc
@@ -1,3 +1,3 @@
 int answer() {
-  return 42;
+  return 43;
 }
)";

TEST_F(Mistakes, are_patches_with_headers) {
  write_mistake(patch);
  const auto mistakes = load_mistakes(root(), lab());
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_EQ(mistakes[0].name, "off-by-one");
  EXPECT_EQ(mistakes[0].misunderstanding, "The answer is counted from 1.");
  EXPECT_THAT(mistakes[0].caught_by, ElementsAre("it_starts", "it_ends"));
  const TemporaryFolder made(root());
  make_mistake(root(), lab(), mistakes[0], made.path());
  EXPECT_EQ(read_file(made.path() / "little.cc"), "int answer() {\n  return 43;\n}\n");
}

TEST_F(Mistakes, bad_ones_are_refused) {
  write_mistake(replaced(patch, "Title: One too many\n", ""));
  EXPECT_THAT(message_of([&] { load_mistakes(root(), lab()); }),
              EndsWith("off-by-one.patch: header 'Title:' is missing"));
  write_mistake(replaced(patch, "it_starts", "it_stats"));
  EXPECT_THAT(message_of([&] { load_mistakes(root(), lab()); }),
              EndsWith("lab 07-little has no check 'it_stats'"));
  write_mistake(replaced(patch, "return 42", "return 41"));
  const TemporaryFolder made(root());
  EXPECT_THAT(message_of([&] { make_mistake(root(), lab(), load_mistakes(root(), lab())[0], made.path()); }),
              EndsWith("does not fit the solution any more"));
}

// --- The cache

TEST(BuildCacheTest, gives_back_what_was_made_from_the_same_inputs_only) {
  const TemporaryFolder folder(fs::temp_directory_path());
  const BuildCache cache(folder.path() / "cache");
  EXPECT_FALSE(cache.find("inputs"));
  write_file(folder.path() / "object", "bytes");
  cache.store("inputs", folder.path() / "object", "a warning\n");
  cache.store("inputs", folder.path() / "object", "a warning\n");
  const auto entry = cache.find("inputs");
  ASSERT_TRUE(entry);
  EXPECT_EQ(read_file(entry->product), "bytes");
  EXPECT_EQ(entry->log, "a warning\n");
  EXPECT_FALSE(cache.find("other inputs"));
}

TEST(BuildCacheTest, two_inputs_with_one_name_are_told_apart) {
  const TemporaryFolder folder(fs::temp_directory_path());
  const BuildCache cache(folder.path() / "cache");
  write_file(folder.path() / "object", "bytes");
  cache.store("inputs", folder.path() / "object", "");
  write_file(cache.find("inputs")->product.parent_path() / "inputs", "colliding inputs");
  EXPECT_FALSE(cache.find("inputs"));
}

// --- The builder: the real compiler in its sandbox

class Builder : public LittleCourse {
 protected:
  Build build(const std::string& source, const std::vector<std::string>& flags = {}) {
    write_file(lab_folder() / "little.cc", source);
    const Toolbox toolbox = Toolbox::locate();
    return build_program(toolbox, lab(), lab_folder(), program(), root() / "cache",
                         Toolchain::load(toolbox.build).with(flags));
  }
  [[nodiscard]] fs::path program() const { return root() / "program"; }
};

constexpr const char* good_program = R"(
#include <iostream>
#include "common/address.hh"
#include "given.hh"
int answer() { return 42; }
int main() { std::cout << wirelab::Address::numeric("10.0.0.1", 1060).to_string() << "\n"; return answer() != 42; }
)";

TEST_F(Builder, makes_a_program_that_runs) {
  const Build built = build(good_program);
  ASSERT_TRUE(built.ok) << built.diagnostics;
  EXPECT_EQ(built.diagnostics, "");
  EXPECT_EQ(built.program, program());
  EXPECT_GT(built.cpu_seconds, 0);
  EXPECT_EQ(std::system((program().string() + " >/dev/null").c_str()), 0);
}

TEST_F(Builder, compiles_nothing_that_has_not_changed) {
  ASSERT_TRUE(build(good_program).ok);
  const Build again = build(good_program);
  EXPECT_TRUE(again.ok);
  EXPECT_EQ(again.cpu_seconds, 0);
  write_file(lab_folder() / "given.hh", "#pragma once\nint answer();  // changed\n");
  EXPECT_GT(build(good_program).cpu_seconds, 0);
}

TEST_F(Builder, repeats_the_warnings_of_what_it_takes_from_the_cache) {
  const std::string source = "int answer() { int unused; return 0; }\nint main() {}\n";
  EXPECT_THAT(build(source).diagnostics, HasSubstr("little.cc:1:20: warning: unused variable"));
  const Build again = build(source);
  EXPECT_TRUE(again.ok);
  EXPECT_THAT(again.diagnostics, HasSubstr("warning: unused variable"));
  EXPECT_FALSE(build(source, {"-Werror"}).ok);
}

TEST_F(Builder, reports_errors_of_compiler_and_linker) {
  EXPECT_THAT(build("int main( { }\n").diagnostics, HasSubstr("little.cc:1:"));
  const Build unlinked = build("int answer();\nint main() { return answer(); }\n");
  EXPECT_FALSE(unlinked.ok);
  EXPECT_THAT(unlinked.diagnostics, HasSubstr("answer()"));
  EXPECT_FALSE(fs::exists(program()));
}

TEST_F(Builder, names_a_missing_file_and_refuses_what_is_no_file) {
  EXPECT_EQ(build_program(Toolbox::locate(), lab(), lab_folder(), program(), root() / "cache").missing,
            "little.cc");
  fs::create_directory(lab_folder() / "little.cc");
  EXPECT_EQ(build_program(Toolbox::locate(), lab(), lab_folder(), program(), root() / "cache").diagnostics,
            "little.cc: not a file\n");
  fs::remove(lab_folder() / "little.cc");
  ASSERT_EQ(mkfifo((lab_folder() / "little.cc").c_str(), 0600), 0);
  EXPECT_EQ(build_program(Toolbox::locate(), lab(), lab_folder(), program(), root() / "cache").diagnostics,
            "little.cc: not a file\n");
  fs::remove(lab_folder() / "little.cc");
  EXPECT_EQ(build(std::string(most_source_bytes + 1, ' ')).diagnostics, "little.cc: larger than 1024 KiB\n");
}

TEST_F(Builder, compiler_sees_nothing_of_the_machine) {
  for (const std::string file :
       {"/etc/passwd", "/etc/hostname", "/root/.bashrc", "/proc/self/environ", "../../../etc/passwd"}) {
    const Build read = build("#include \"" + file + "\"\nint main() {}\n");
    EXPECT_THAT(read.diagnostics, Not(HasSubstr("root:"))) << file;
    EXPECT_THAT(read.diagnostics, Not(HasSubstr("HOSTNAME"))) << file;
  }
  const std::string secret = (root() / "secret").string();
  write_file(root() / "secret", "sesame");
  EXPECT_FALSE(build("#include \"" + secret + "\"\nint main() {}\n").ok);
  EXPECT_FALSE(build("asm(\".incbin \\\"" + secret + "\\\"\");\nint main() {}\n").ok);
}

TEST_F(Builder, bombs_end_with_a_clear_word) {
  // A machine that gives the compiler no processor for a minute has said nothing about the bomb: once more.
  const auto diagnostics = [&](const std::string& source) {
    for (int tries = 1; tries < 4; ++tries) {
      try {
        return build(source).diagnostics;
      } catch (const std::runtime_error& busy) {
        if (std::string_view(busy.what()).find("no end after") == std::string_view::npos) throw;
      }
    }
    return build(source).diagnostics;
  };
  EXPECT_THAT(diagnostics("#include \"little.cc\"\nint main() {}\n"), HasSubstr("#include nested"));
  EXPECT_THAT(
      diagnostics(
          "template <int N> struct A { using t = typename A<N + 1>::t; };\nA<0>::t x;\nint main() {}\n"),
      testing::AnyOf(HasSubstr("recursive template instantiation"),
                     HasSubstr("instantiation depth exceeds")));
  EXPECT_EQ(diagnostics("asm(\".zero 3000000000\");\nint main() {}\n"),
            "little.cc: the compiler was stopped: it wrote more than 64 MiB\n");
  EXPECT_EQ(diagnostics(R"(template <class A, class B> struct P {};
template <int N, class T> struct X { using t = P<typename X<N - 1, P<T, int>>::t, typename X<N - 1, P<int, T>>::t>; };
template <class T> struct X<0, T> { using t = T; };
X<40, int>::t x;
int main() {}
)"),
            "little.cc: the compiler was stopped: it needed more than 1 GiB of memory\n");
  EXPECT_THAT(diagnostics("#include \"/dev/zero\"\nint main() {}\n"), Not(HasSubstr(std::string(1, '\0'))));
}

TEST_F(Builder, very_many_diagnostics_are_cut) {
  std::string source = "int main() {\n";
  for (int i = 0; i < 5000; ++i) source += "  { int a" + std::to_string(i) + "; }  // \x1b[31m\n";
  const Build built = build(source + "}\n");
  EXPECT_LE(built.diagnostics.size(), 300u << 10);
  EXPECT_THAT(built.diagnostics, Not(HasSubstr("\x1b")));
}

// --- Running checks: a shell script stands in for the check executable

class CheckRun : public LittleCourse {
 protected:
  CheckRun() {
    toolbox_.root = root();
    toolbox_.build = root() / "build";
    fs::create_directories(toolbox_.build / "bin");
  }
  void write_executable(const std::string& script) const {
    const fs::path file = toolbox_.check_executable(lab());
    write_file(file, "#!/bin/sh\n" + script);
    fs::permissions(file, fs::perms::owner_all);
  }
  std::vector<Verdict> run(CheckOptions options = {}) {
    options.command = {"prog"};
    return run_checks(
        toolbox_, lab(), options, [&](const Verdict& verdict) { heard_.push_back(verdict.check); },
        [&](const std::string& check) { started_.push_back(check); });
  }
  static std::string verdict(const std::string& check, const std::string& outcome) {
    return "echo '{\"check\": \"" + check + "\", \"verdict\": \"" + outcome +
           "\", \"seconds\": 0, \"seed\": 1, \"step\": \"\", \"expected\": \"\", \"actual\": \"\", "
           "\"cause\": \"\", \"reason\": \"\", "
           "\"worth_retrying\": false, \"evidence\": \"\", \"steps\": [], \"programs\": [], \"frames\": "
           "[]}'\n";
  }

  Toolbox toolbox_;
  std::vector<std::string> heard_, started_;
};

TEST_F(CheckRun, hands_on_verdicts_in_the_order_they_come) {
  write_executable("echo '{\"started\": \"it_ends\"}'\n" + verdict("it_ends", "failed") +
                   verdict("it_starts", "passed") + verdict("it_shines", "passed"));
  const auto verdicts = run();
  EXPECT_THAT(heard_, ElementsAre("it_ends", "it_starts", "it_shines"));
  EXPECT_THAT(started_, ElementsAre("it_ends"));
  const Score reached = score(lab(), verdicts);
  EXPECT_EQ(reached.points, 60);
  EXPECT_EQ(reached.most, 100);
  EXPECT_EQ(reached.failed, 1);
  EXPECT_THAT(reached.badges, ElementsAre("Shining"));
}

TEST_F(CheckRun, every_check_has_a_verdict_even_if_the_executable_dies) {
  write_executable(verdict("it_starts", "passed") + "echo 'no space' >&2\nkill -9 $$\n");
  const auto verdicts = run();
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_EQ(verdicts[1].outcome, Outcome::inconclusive);
  EXPECT_EQ(verdicts[1].reason, "the check program was killed by signal 9: no space\n");
}

TEST_F(CheckRun, second_and_foreign_verdicts_and_stray_lines_are_passed_over) {
  write_executable("echo hello; echo '[1]'; echo '{'\n" + verdict("it_starts", "failed") +
                   verdict("it_starts", "passed") + verdict("it_cheats", "passed"));
  const auto verdicts = run({.only = {"it_starts"}});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome, Outcome::failed);
}

TEST_F(CheckRun, options_reach_the_executable) {
  write_executable("echo \"$@\" > " + (root() / "arguments").string() + "\n");
  run({.only = {"it_s*"}, .seed = 7, .evidence = "/tmp/e", .jobs = 3});
  EXPECT_EQ(read_file(root() / "arguments"),
            "--seed 7 --evidence /tmp/e --keep-passed --jobs 3 --only it_s* -- prog\n");
}

TEST_F(CheckRun, trouble_names_thing_and_reason) {
  EXPECT_THAT(message_of([&] { run(); }), EndsWith("bin/check-07-little: No such file or directory"));
  EXPECT_THAT(message_of([&] { run({.only = {"nope"}}); }),
              testing::AllOf(testing::StartsWith("check nope: no such check in lab 07-little (there are "),
                             HasSubstr(lab().checks[0].name)));
}

// --- The machine

TEST(SlideAddress, is_a_page_of_the_site_that_was_built_or_the_decks_source) {
  const TemporaryFolder folder(testing::TempDir());
  const fs::path root = folder.path() / "my course", state = root / "build";
  const std::string slide = "slides/07-little.md#starting";
  const std::string base = "file://" + folder.path().string() + "/my%20course/";
  EXPECT_EQ(slide_address(slide, root, state), base + "slides/07-little.md#starting");
  fs::create_directories(root / "out/slides");
  fs::create_directories(root / "out/handouts");
  fs::create_directories(state / "site");
  write_file(state / "site/last.txt", (root / "out").string() + "\n");
  EXPECT_EQ(slide_address(slide, root, state), base + "slides/07-little.md#starting") << "the site is gone";
  write_file(root / "out/slides/07-little.html", "");
  write_file(root / "out/handouts/07-little.html", "");
  EXPECT_EQ(slide_address(slide, root, state), base + "out/slides/07-little.html#starting");
  EXPECT_EQ(slide_address("labs/07-little/README.md", root, state), base + "out/handouts/07-little.html");
  EXPECT_EQ(slide_address("", root, state), "");
  EXPECT_EQ(slide_address(slide, "https://example.org/c/"),
            "https://example.org/c/slides/07-little.html#starting");
  EXPECT_EQ(slide_address(slide, "https://example.org"),
            "https://example.org/slides/07-little.html#starting");
}

TEST(Machine, what_forbids_namespaces_is_told_apart) {
  EXPECT_THAT(namespace_remedy({.error = ENOSPC, .most_user_namespaces = 0}),
              HasSubstr("user.max_user_namespaces=15000"));
  EXPECT_THAT(namespace_remedy({.error = ENOSPC, .most_user_namespaces = 9, .most_network_namespaces = 0}),
              HasSubstr("user.max_net_namespaces"));
  EXPECT_THAT(namespace_remedy({.error = EPERM, .unprivileged_clone = 0}),
              HasSubstr("kernel.unprivileged_userns_clone=1"));
  EXPECT_THAT(namespace_remedy({.error = EPERM, .apparmor_restricts = 1}),
              HasSubstr("kernel.apparmor_restrict_unprivileged_userns=0"));
  EXPECT_THAT(namespace_remedy({.error = EPERM, .in_container = true}), HasSubstr("--security-opt"));
  EXPECT_THAT(namespace_remedy({.error = EPERM}), HasSubstr("virtual machine"));
  EXPECT_THAT(namespace_remedy({.error = ENOSPC, .most_user_namespaces = 9}),
              HasSubstr("too many namespaces"));
}

// --- Files

TEST(Files, a_file_that_is_placed_again_leaves_nothing_beside_it) {
  const TemporaryFolder folder(fs::temp_directory_path());
  write_file(folder.path() / "from", "made");
  for (int i = 0; i < 2; ++i) place_file(folder.path() / "from", folder.path() / "to");
  EXPECT_EQ(read_file(folder.path() / "to"), "made");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST(Files, replaced_file_is_whole_or_as_before) {
  const TemporaryFolder folder(fs::temp_directory_path());
  replace_file(folder.path() / "file", "old");
  replace_file(folder.path() / "file", "new");
  EXPECT_EQ(read_file(folder.path() / "file"), "new");
  EXPECT_THAT(message_of([&] { replace_file(folder.path() / "none" / "file", "x"); }),
              EndsWith("none/file: No such file or directory"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "nothing half-written is left";
}

}  // namespace
}  // namespace wirelab
