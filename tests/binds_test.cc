#include "grader/program/binds.hh"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "tests/program_fixture.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

/// Commands as a student types them after --program.
class Command : public ProgramTest {
 protected:
  Command() {
    std::string pattern = "/tmp/wirelab-binds-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    fs::permissions(folder_, fs::perms(0755));
    home_ = fs::current_path();
  }
  ~Command() override {
    fs::current_path(home_);
    fs::remove_all(folder_);
  }

  fs::path write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  Exit run_command(std::vector<std::string> command) {
    Launch launch;
    launch.binds = binds_for_command(command);
    launch.command = command;
    return run(launch);
  }

  static std::vector<std::string> shown(std::vector<std::string> command) {
    std::vector<std::string> paths;
    for (const Bind& bind : binds_for_command(command)) paths.push_back(bind.inside);
    return paths;
  }

  fs::path folder_, home_;
};

TEST_F(Command, python_script_imports_its_neighbours) {
  write("helper.py", "def answer(): return 42\n");
  const fs::path script =
      write("main.py",
            "import helper, socket, ssl, threading, subprocess, sys\nprint(helper.answer(), sys.argv[1:])\n");
  EXPECT_EQ(run_command({"python3", script, "a", "b"}).code, 0) << errors_;
  EXPECT_EQ(output_, "42 ['a', 'b']\n") << errors_;
}

TEST_F(Command, python_of_the_system) {
  const fs::path script = write("main.py", "import socket; print('here')\n");
  EXPECT_EQ(run_command({"/usr/bin/python3", script}).code, 0) << errors_;
  EXPECT_EQ(output_, "here\n");
}

TEST_F(Command, relative_path_of_a_script) {
  write("main.pl", "use Socket; use IO::Socket::INET; print \"here @ARGV\\n\";\n");
  fs::current_path(folder_);
  EXPECT_EQ(run_command({"perl", "main.pl", "x"}).code, 0) << errors_;
  EXPECT_EQ(output_, "here x\n");
}

TEST_F(Command, script_that_names_its_interpreter) {
  const fs::path script = write("main", "#!/usr/bin/env python3\nimport helper\nprint(helper.name)\n", 0755);
  write("helper.py", "name = 'neighbour'\n");
  EXPECT_EQ(run_command({script}).code, 0) << errors_;
  EXPECT_EQ(output_, "neighbour\n");
}

TEST_F(Command, compiled_program_is_shown_alone) {
  fs::copy(subject_path(), folder_ / "prog");
  write("solution.cc", "secret");
  EXPECT_EQ(run_command({folder_ / "prog", "list", folder_}).code, 0);
  EXPECT_EQ(output_, (folder_ / "prog").string() + "\n");
}

TEST_F(Command, compiled_program_beside_the_tests_is_shown_alone) {
  EXPECT_THAT(shown({subject_path(), "x"}), testing::ElementsAre(subject_path().string()));
}

TEST_F(Command, folder_of_the_course_is_never_shown_for_a_program_that_reads_a_file) {
  const fs::path capture = write("data/capture.pcap", "");
  EXPECT_THAT(shown({subject_path(), capture}),
              testing::UnorderedElementsAre(subject_path().string(), capture.parent_path().string()));
}

TEST_F(Command, interpreter_that_env_finds_outside_of_the_system) {
  write("tool/bin/my-interpreter", "#!/bin/sh\necho \"interpreting $*\"\n", 0755);
  const fs::path script = write("main", "#!/usr/bin/env my-interpreter\n", 0755);
  setenv("PATH", ((folder_ / "tool/bin").string() + ":" + std::getenv("PATH")).c_str(), 1);
  EXPECT_EQ(run_command({script, "x"}).code, 0) << errors_;
  EXPECT_EQ(output_, "interpreting " + script.string() + " x\n");
}

TEST_F(Command, program_in_an_installation_is_found_by_way_of_links) {
  write("opt/tool/lib/message", "from the library\n");
  const fs::path tool = write(
      "opt/tool/bin/tool", "#!/bin/sh\ncat \"$(dirname \"$(readlink -f \"$0\")\")/../lib/message\"\n", 0755);
  fs::create_directories(folder_ / "path");
  fs::create_symlink("../opt/tool/bin/tool", folder_ / "path" / "tool");
  setenv("PATH", ((folder_ / "path").string() + ":" + std::getenv("PATH")).c_str(), 1);
  EXPECT_EQ(run_command({"tool"}).code, 0) << errors_;
  EXPECT_EQ(output_, "from the library\n");
}

TEST_F(Command, programs_of_the_system_need_nothing) {
  EXPECT_THAT(shown({"sh", "-c", "exit"}), IsEmpty());
  EXPECT_THAT(shown({"/bin/cat", "/etc/alternatives"}), IsEmpty());
}

TEST_F(Command, wide_folders_are_never_shown_whole) {
  setenv("HOME", folder_.c_str(), 1);
  const fs::path script = write("main.sh", "echo \"$0\"; ls \"$(dirname \"$0\")\"\n");
  write("private.txt", "private\n");
  EXPECT_THAT(shown({"sh", script}), testing::ElementsAre(script.string()));
  EXPECT_EQ(run_command({"sh", script}).code, 0);
  EXPECT_EQ(output_, script.string() + "\nmain.sh\n");
  const fs::path lone = "/tmp/wirelab-binds-" + std::to_string(getpid()) + ".sh";
  std::ofstream(lone) << "echo\n";
  EXPECT_THAT(shown({"sh", lone}), testing::ElementsAre(lone.string()));
  fs::remove(lone);
}

TEST_F(Command, nested_folders_are_shown_once) {
  write("a/b/inner.sh", "");
  write("a/outer.sh", "");
  EXPECT_THAT(shown({"sh", folder_ / "a/b/inner.sh", folder_ / "a/outer.sh"}),
              testing::ElementsAre((folder_ / "a").string()));
}

TEST_F(Command, missing_program_is_an_error_that_names_it) {
  std::vector<std::string> command = {"nosuch-program"};
  EXPECT_THAT([&] { binds_for_command(command); },
              testing::ThrowsMessage<std::system_error>("find nosuch-program: No such file or directory"));
  command = {"./nosuch"};
  EXPECT_THAT([&] { binds_for_command(command); },
              testing::ThrowsMessage<std::system_error>("find ./nosuch: No such file or directory"));
}

TEST_F(Command, missing_script_is_an_error_that_names_it) {
  std::vector<std::string> command = {"python3", "nosuch.py"};
  EXPECT_THAT([&] { binds_for_command(command); },
              testing::ThrowsMessage<std::system_error>("find nosuch.py: No such file or directory"));
  for (std::vector<std::string> no_script : {std::vector<std::string>{"sleep", "0.5"},
                                             {"python3", "-m", "no.module"},
                                             {"env", "FOLDER=/nosuch", "true"}}) {
    EXPECT_NO_THROW(binds_for_command(no_script)) << no_script[0];
  }
}

TEST_F(Command, file_that_the_program_could_not_read_is_an_error_that_names_it) {
  const fs::path script = write("main.py", "", 0600);
  std::vector<std::string> command = {"python3", script};
  if (!has_sandbox_user()) {
    EXPECT_NO_THROW(binds_for_command(command)) << "the program is the same user here";
  } else {
    EXPECT_THAT([&] { binds_for_command(command); },
                testing::ThrowsMessage<std::system_error>("read " + script.string() +
                                                          " as another user: Permission denied"));
  }
}

TEST_F(Command, language_runtimes_start) {
  const fs::path go =
      write("main.js", "const net = require('net'); console.log('node ' + net.isIP('10.0.0.1'))\n");
  if (fs::exists("/usr/bin/node")) {
    EXPECT_EQ(run_command({"node", go}).code, 0) << errors_;
    EXPECT_EQ(output_, "node 4\n");
  }
  if (fs::exists("/usr/bin/java")) {
    const fs::path java =
        write("Main.java",
              "public class Main { public static void main(String[] a) throws Exception {"
              " new java.net.ServerSocket(1060).close(); System.out.println(\"java\"); } }\n");
    EXPECT_EQ(run_command({"java", "-version"}).code, 0) << errors_;
    EXPECT_THAT(errors_, HasSubstr("Runtime"));
  }
}

}  // namespace
}  // namespace wirelab
