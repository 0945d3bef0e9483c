// The classroom: which submissions there are, what is taken from them, and that a run keeps what it has
// finished. The checks themselves are played by a fake here; that real ones grade the class in examples/ is
// another test.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <clocale>
#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "grader/classroom/archive_reader.hh"
#include "grader/classroom/class_run.hh"
#include "grader/classroom/digest.hh"
#include "grader/classroom/feedback.hh"
#include "grader/classroom/judge.hh"
#include "grader/classroom/limits.hh"
#include "grader/course/builder.hh"
#include "grader/program/files.hh"

namespace wirelab {
namespace {

namespace fs = std::filesystem;
using std::literals::operator""sv;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Lab lab(int number, const std::string& slug, std::vector<std::string> files) {
  Lab made;
  made.number = number;
  made.slug = slug;
  made.files = std::move(files);
  CheckInfo check;
  check.name = "works";
  check.title = "it works";
  check.points = 100;
  made.checks.push_back(check);
  return made;
}

const std::vector<Lab>& labs() {
  static const std::vector<Lab> all = {
      lab(3, "tcp-echo", {"echo_server.cc", "echo_client.cc"}),
      lab(5, "unreliable-udp", {"unreliable_server.cc", "unreliable_client.cc"})};
  return all;
}

const std::set<std::string> wanted = {"echo_server.cc", "echo_client.cc", "unreliable_server.cc",
                                      "unreliable_client.cc"};

/// A folder for one test.
class ClassroomTest : public testing::Test {
 protected:
  fs::path write(const std::string& path, std::string_view text = "int x;\n") {
    const fs::path full = root() / path;
    fs::create_directories(full.parent_path());
    write_file(full, text);
    return full;
  }

  [[nodiscard]] const fs::path& root() const { return folder_.path(); }

  [[nodiscard]] std::vector<std::string> names_in_class(const fs::path& path) const {
    std::vector<std::string> names;
    for (const Submission& one : find_submissions({path}, labs()).submissions) names.push_back(one.name);
    return names;
  }

 private:
  TemporaryFolder folder_{fs::temp_directory_path()};
};

// --- which submissions there are
// ------------------------------------------------------------------------------------

using SubmissionTest = ClassroomTest;

TEST_F(SubmissionTest, a_folder_with_a_file_of_a_lab_is_a_submission) {
  write("ana/echo_server.cc");
  write("ana/notes/todo.txt");
  EXPECT_THAT(names_in_class(root() / "ana"), ElementsAre("ana"));
}

TEST_F(SubmissionTest, a_folder_with_a_folder_of_a_lab_is_a_submission) {
  for (const char* name : {"03-tcp-echo", "tcp-echo", "03"}) {
    write(std::string("a-") + name + "/" + name + "/x.cc");
    EXPECT_THAT(names_in_class(root() / (std::string("a-") + name)), ElementsAre(std::string("a-") + name));
  }
}

TEST_F(SubmissionTest, the_folders_and_archives_of_a_class_are_its_submissions) {
  write("class/ben/03/echo_server.cc");
  write("class/Ana/echo_server.cc");
  write("class/cem.tar.gz");
  write("class/dora.ZIP");
  write("class/.git/config");
  write("class/marks.xlsx");
  const ClassList list = find_submissions({root() / "class"}, labs());
  EXPECT_THAT(names_in_class(root() / "class"), ElementsAre("Ana", "ben", "cem", "dora"));
  EXPECT_THAT(list.passed_over, ElementsAre(HasSubstr("marks.xlsx: passed over")));
}

TEST_F(SubmissionTest, an_empty_folder_is_a_submission_and_so_is_one_with_other_files_only) {
  fs::create_directory(root() / "empty");
  write("other/essay.pdf");
  EXPECT_THAT(names_in_class(root() / "empty"), ElementsAre("empty"));
  EXPECT_THAT(names_in_class(root() / "other"), ElementsAre("other"));
}

TEST_F(SubmissionTest, a_folder_around_a_single_archive_stands_for_the_archive) {
  write("class/Ana Lima_123_assignsubmission_file_/work.zip");
  write("class/ben/echo_server.cc");
  const ClassList list = find_submissions({root() / "class"}, labs());
  ASSERT_EQ(list.submissions.size(), 2u);
  EXPECT_EQ(list.submissions[0].name, "Ana Lima_123_assignsubmission_file_");
  EXPECT_EQ(list.submissions[0].kind, Submission::Kind::archive);
}

TEST_F(SubmissionTest, links_in_a_class_folder_are_submissions_that_cannot_be_read) {
  write("class/ben/echo_server.cc");
  fs::create_directory_symlink("/etc", root() / "class/eve");
  const ClassList list = find_submissions({root() / "class"}, labs());
  ASSERT_EQ(list.submissions.size(), 2u);
  EXPECT_EQ(list.submissions[1].kind, Submission::Kind::link);
  EXPECT_THROW(read_submission(list.submissions[1], labs(), {}), Unreadable);
}

TEST_F(SubmissionTest, the_output_of_an_earlier_run_is_no_submission) {
  write("class/ben/echo_server.cc");
  { OutputFolder(root() / "class/grades", false).keep_gradebook("x"); }
  EXPECT_THAT(names_in_class(root() / "class"), ElementsAre("ben"));
}

TEST_F(SubmissionTest, a_name_that_comes_twice_gets_a_number) {
  write("class/Ana/echo_server.cc");
  write("class/Ana.zip");
  write("class/ana.tar");
  EXPECT_THAT(names_in_class(root() / "class"), ElementsAre("Ana", "Ana-2", "ana-3"));
}

TEST_F(SubmissionTest, a_path_that_is_not_there_or_of_no_use_is_an_error) {
  EXPECT_THROW(find_submissions({root() / "nosuch"}, labs()), std::system_error);
  ASSERT_EQ(mkfifo((root() / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(find_submissions({root() / "fifo"}, labs()), std::runtime_error);
}

TEST(SafeName, keeps_letters_of_all_languages_and_replaces_what_file_systems_refuse) {
  EXPECT_EQ(safe_name("Łucja Nguyễn"), "Łucja Nguyễn");
  EXPECT_EQ(safe_name("a/b\\c:d\ne\x7f"), "a_b_c_d_e_");
  EXPECT_EQ(safe_name("..hidden."), "hidden");
  EXPECT_EQ(safe_name("=cmd|calc"), "cmd_calc");
  EXPECT_EQ(safe_name("\xff\xfe"), "__");
  EXPECT_EQ(safe_name("\xc2\x9b[31m"), "_[31m");
  EXPECT_EQ(safe_name(""), "submission");
  EXPECT_LE(safe_name(std::string(500, 'x')).size(), 80u);
}

// --- what is taken from a folder
// ------------------------------------------------------------------------------------

class FolderTest : public ClassroomTest {
 protected:
  [[nodiscard]] Contents read() const { return read_folder(root(), wanted); }
};

TEST_F(FolderTest, files_with_the_names_of_the_labs_are_read_and_no_others) {
  write("deep/er/echo_server.cc", "server");
  write("Makefile", "all:; rm -rf /");
  write(".git/echo_server.cc");
  write("__MACOSX/echo_client.cc");
  const Contents contents = read();
  ASSERT_EQ(contents.files.size(), 1u);
  EXPECT_EQ(contents.files[0].path, "deep/er/echo_server.cc");
  EXPECT_EQ(contents.files[0].content, "server");
  EXPECT_THAT(contents.notes, IsEmpty());
}

TEST_F(FolderTest, no_link_is_followed_neither_to_a_file_nor_to_a_folder) {
  fs::create_symlink("/etc/passwd", root() / "echo_server.cc");
  fs::create_directory_symlink("/", root() / "root");
  const Contents contents = read();
  EXPECT_THAT(contents.files, IsEmpty());
  EXPECT_THAT(contents.notes,
              ElementsAre("echo_server.cc was not taken: a symbolic link, which is not followed"));
}

TEST_F(FolderTest, a_fifo_is_passed_over_at_once) {
  ASSERT_EQ(mkfifo((root() / "echo_server.cc").c_str(), 0600), 0);
  EXPECT_THAT(read().notes, ElementsAre("echo_server.cc was not taken: no regular file"));
}

TEST_F(FolderTest, a_file_is_taken_up_to_its_limit_and_not_beyond) {
  write("a/echo_server.cc", std::string(most_file_bytes, 'x'));
  write("b/echo_server.cc", std::string(most_file_bytes + 1, 'x'));
  const Contents contents = read();
  EXPECT_EQ(contents.files.size(), 1u);
  EXPECT_THAT(contents.notes, ElementsAre("b/echo_server.cc was not taken: larger than 256 KiB"));
}

TEST_F(FolderTest, folders_are_searched_six_deep) {
  write("1/2/3/4/5/6/echo_server.cc");
  write("1/2/3/4/5/6/7/echo_client.cc");
  EXPECT_EQ(read().files.size(), 1u);
}

TEST_F(FolderTest, too_many_entries_and_too_many_bytes_are_refused) {
  for (unsigned i = 0; i < 17; ++i)
    write(std::to_string(i) + "/echo_server.cc", std::string(most_file_bytes, 'x'));
  EXPECT_THROW(static_cast<void>(read()), Unreadable);
}

TEST_F(FolderTest, a_file_name_cannot_speak_to_the_terminal) {
  write("\x1b[31m/echo_server.cc", std::string(most_file_bytes + 1, 'x'));
  EXPECT_THAT(read().notes, ElementsAre(HasSubstr("\\x1b[31m/echo_server.cc")));
}

// --- which of the files found are the lab's
// -------------------------------------------------------------------------

HandedIn choose(std::vector<FoundFile> files, int index = 0) {
  return choose_files({std::move(files), {}}, labs()[index], labs());
}

TEST(ChooseFiles, prefers_the_folder_of_the_lab_then_the_shallowest) {
  EXPECT_EQ(choose({{"echo_server.cc", "top"}, {"x/03-tcp-echo/echo_server.cc", "home"}})
                .files.at("echo_server.cc"),
            "home");
  EXPECT_EQ(
      choose({{"a/b/echo_server.cc", "deep"}, {"z/echo_server.cc", "shallow"}}).files.at("echo_server.cc"),
      "shallow");
}

TEST(ChooseFiles, says_what_was_left_unless_it_is_the_same) {
  EXPECT_THAT(
      choose({{"a/echo_server.cc", "1"}, {"b/echo_server.cc", "2"}}).notes,
      ElementsAre(
          "echo_server.cc was there more than once: a/echo_server.cc was taken, b/echo_server.cc was not"));
  EXPECT_THAT(choose({{"a/echo_server.cc", "1"}, {"b/echo_server.cc", "1"}}).notes, IsEmpty());
}

TEST(ChooseFiles, leaves_what_lies_in_the_folder_of_another_lab) {
  EXPECT_THAT(choose({{"05/echo_server.cc", "1"}}).files, IsEmpty());
  EXPECT_THAT(choose({{"05/unreliable_server.cc", "1"}}, 1).files, testing::SizeIs(1));
}

// --- archives
// -------------------------------------------------------------------------------------------------------

/// Writes archives, evil ones included.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const fs::path& path, bool zip = false, const char* options = nullptr)
      : archive_(archive_write_new()) {
    if (zip) {
      archive_write_set_format_zip(archive_);
    } else {
      archive_write_set_format_pax_restricted(archive_);
      archive_write_add_filter_gzip(archive_);
    }
    if (options != nullptr) {
      archive_write_set_options(archive_, options);
      archive_write_set_passphrase(archive_, "secret");
    }
    EXPECT_EQ(archive_write_open_filename(archive_, path.c_str()), ARCHIVE_OK);
  }
  ~ArchiveWriter() { archive_write_free(archive_); }

  ArchiveWriter& file(const std::string& path, std::string_view content = "int x;\n") {
    return entry(path, AE_IFREG, content);
  }

  ArchiveWriter& entry(const std::string& path, unsigned type, std::string_view content = {},
                       const char* symlink = nullptr, const char* hardlink = nullptr) {
    archive_entry* made = archive_entry_new();
    archive_entry_set_pathname(made, path.c_str());
    archive_entry_set_filetype(made, type);
    archive_entry_set_perm(made, 0644);
    archive_entry_set_size(made, static_cast<la_int64_t>(content.size()));
    if (symlink != nullptr) archive_entry_set_symlink(made, symlink);
    if (hardlink != nullptr) archive_entry_set_hardlink(made, hardlink);
    EXPECT_EQ(archive_write_header(archive_, made), ARCHIVE_OK) << archive_error_string(archive_);
    archive_write_data(archive_, content.data(), content.size());
    archive_entry_free(made);
    return *this;
  }

 private:
  archive* archive_;
};

class ArchiveTest : public ClassroomTest {
 protected:
  void SetUp() override { std::setlocale(LC_ALL, "C.UTF-8"); }  // for the writer's names

  [[nodiscard]] Contents read(const std::string& name) const {
    return read_archive(root() / name, wanted, Toolbox::locate().build / "bin/wirelab-unpack");
  }

  /// Why an archive is refused; empty when it is not.
  [[nodiscard]] std::string refusal(const std::string& name) const {
    try {
      static_cast<void>(read(name));
      return {};
    } catch (const Unreadable& error) {
      return error.what();
    }
  }
};

TEST_F(ArchiveTest, the_labs_files_come_out_of_zip_and_tar_alike) {
  for (const bool zip : {true, false}) {
    ArchiveWriter(root() / "a", zip)
        .file("Łucja/03-tcp-echo/echo_server.cc", "server\0\n"sv)
        .file("Łucja/CMakeLists.txt", "execute_process(COMMAND evil)")
        .file("__MACOSX/Łucja/echo_server.cc", "rubbish")
        .file("Łucja/echo_client.cc", "");
    const Contents contents = read("a");
    ASSERT_EQ(contents.files.size(), 2u);
    EXPECT_EQ(contents.files[0].path, "Łucja/03-tcp-echo/echo_server.cc");
    EXPECT_EQ(contents.files[0].content, "server\0\n"sv);
    EXPECT_EQ(contents.files[1].content, "");
  }
}

TEST_F(ArchiveTest, paths_that_lead_out_of_the_archive_are_refused) {
  ArchiveWriter(root() / "up").file("a/../../echo_server.cc");
  EXPECT_EQ(refusal("up"), "it holds a path with '..': a/../../echo_server.cc");
  ArchiveWriter(root() / "windows", true).file("..\\echo_server.cc");
  EXPECT_THAT(refusal("windows"), HasSubstr("it holds a path with '..'"));
  ArchiveWriter(root() / "absolute").file("/etc/cron.d/echo_server.cc");
  EXPECT_EQ(refusal("absolute"), "it holds an absolute path: /etc/cron.d/echo_server.cc");
}

TEST_F(ArchiveTest, links_and_devices_are_refused) {
  ArchiveWriter(root() / "symlink").entry("echo_server.cc", AE_IFLNK, {}, "/etc/passwd");
  EXPECT_EQ(refusal("symlink"), "it holds a link: echo_server.cc");
  ArchiveWriter(root() / "zipped", true).entry("echo_server.cc", AE_IFLNK, {}, "/etc/passwd");
  EXPECT_EQ(refusal("zipped"), "it holds a link: echo_server.cc");
  ArchiveWriter(root() / "hardlink").file("a").entry("echo_server.cc", AE_IFREG, {}, nullptr, "a");
  EXPECT_EQ(refusal("hardlink"), "it holds a link: echo_server.cc");
  ArchiveWriter(root() / "device").entry("echo_server.cc", AE_IFCHR);
  EXPECT_EQ(refusal("device"), "it holds a device or the like: echo_server.cc");
  ArchiveWriter(root() / "fifo").entry("echo_server.cc", AE_IFIFO);
  EXPECT_EQ(refusal("fifo"), "it holds a device or the like: echo_server.cc");
}

TEST_F(ArchiveTest, a_bomb_is_refused_before_it_goes_off) {
  ArchiveWriter(root() / "bomb", true).file("zeros", std::string(most_archive_bytes + 1, '\0'));
  EXPECT_LT(fs::file_size(root() / "bomb"), 1u << 20);
  EXPECT_EQ(refusal("bomb"), "it unpacks to more than 64 MiB");
  {
    ArchiveWriter many(root() / "many");
    for (unsigned i = 0; i <= most_entries; ++i) many.file(std::to_string(i), "");
  }
  EXPECT_EQ(refusal("many"), "it holds more than 10000 files");
}

TEST_F(ArchiveTest, a_large_file_is_left_and_the_others_are_taken) {
  ArchiveWriter(root() / "a")
      .file("echo_server.cc", std::string(most_file_bytes + 1, 'x'))
      .file("echo_client.cc");
  const Contents contents = read("a");
  EXPECT_EQ(contents.files.size(), 1u);
  EXPECT_THAT(contents.notes, ElementsAre("echo_server.cc was not taken: larger than 256 KiB"));
}

TEST_F(ArchiveTest, what_is_no_archive_is_told_from_what_is_a_damaged_one) {
  write("text.zip", "This is my homework.\n");
  EXPECT_THROW(static_cast<void>(read("text.zip")), NotAnArchive);
  write("empty.zip", "");
  EXPECT_THROW(static_cast<void>(read("empty.zip")), NotAnArchive);
  std::string noise;
  for (unsigned i = 0, state = 1; i < 100'000; ++i)
    noise += static_cast<char>((state = state * 1103515245 + 12345) >> 16);
  ArchiveWriter(root() / "whole").file("noise", noise).file("echo_server.cc");
  write("half.tar.gz", read_file(root() / "whole").substr(0, 60'000));
  EXPECT_THAT(refusal("half.tar.gz"), HasSubstr("it is damaged"));
}

TEST_F(ArchiveTest, an_encrypted_one_is_refused) {
  ArchiveWriter(root() / "locked", true, "zip:encryption=traditional").file("echo_server.cc");
  EXPECT_EQ(refusal("locked"), "it is encrypted");
}

TEST(UnpackerAnswer, is_held_to_the_limits_whatever_the_unpacker_has_become) {
  EXPECT_EQ(parse_unpacked("file 2 a/echo_server.cc\nhi\nend\n", wanted).files.size(), 1u);
  for (const char* lie : {"", "file 2 echo_server.cc\nhi\n", "file 99 echo_server.cc\nhi\nend\n",
                          "file -1 echo_server.cc\nend\n", "file 2 passwd\nhi\nend\n",
                          "file 300000 echo_server.cc\n", "gibberish\nend\n", "end"}) {
    EXPECT_THROW(parse_unpacked(lie, wanted), Unreadable) << lie;
  }
}

// --- gradebook
// ------------------------------------------------------------------------------------------------------

GradebookRow row(const std::string& student, std::vector<GradebookRow::Cell> cells) {
  return {student, std::move(cells)};
}

TEST(Gradebook, cells_are_quoted_and_are_never_formulas) {
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\"\n"), "\"say \"\"hi\"\"\n\"");
  EXPECT_EQ(csv_cell("=1+1"), "\"'=1+1\"");
  EXPECT_EQ(csv_cell("-2"), "\"'-2\"");
}

TEST(Gradebook, points_that_do_not_stand_are_empty_and_not_zero) {
  const std::string csv =
      gradebook_csv({"03-tcp-echo"}, {row("ana", {{Standing::graded, 0, "no files", {}}}),
                                      row("ben", {{Standing::again, 40, "needs another run", {}}}),
                                      row("cem", {{Standing::pending, 0, "", {}}})});
  EXPECT_EQ(csv,
            "student,03-tcp-echo,03-tcp-echo word,03-tcp-echo badges,total\r\n"
            "ana,0,no files,,0\r\n"
            "ben,,needs another run,,\r\n"
            "cem,,pending,,\r\n");
}

TEST(Gradebook, the_table_never_is_wider_than_told) {
  const GradebookRow::Cell cell{
      Standing::graded, 85, "archive unreadable: it holds a path with '..': a/../../b", {"one", "two"}};
  for (const std::size_t count : {1, 2, 6, 12}) {
    const std::vector<std::string> ids(count, "05-unreliable-udp");
    const std::string table =
        gradebook_table(ids, {row("Łucja-Anastasia Nguyễn-Wintermann", std::vector(count, cell))});
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      const auto characters = std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LE(characters, 100) << line;
    }
  }
}

// --- a run
// ----------------------------------------------------------------------------------------------------------

StudentResult result_for(const std::string& student) {
  StudentResult result{student, "somewhere", "0123", {}, {}};
  result.labs.push_back(lab_result(labs()[0], Standing::graded, "complete"));
  result.labs[0].points = 100;
  result.labs[0].checks.push_back({"works", "it works", Outcome::passed, 100, "", 7, ""});
  return result;
}

class RunTest : public ClassroomTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < 10; ++i)
      write("class/s" + std::to_string(i) + "/echo_server.cc", "student " + std::to_string(i));
  }

  ClassPlan plan(bool resume = false) {
    ClassPlan made;
    made.submissions = find_submissions({root() / "class"}, labs()).submissions;
    made.labs = {labs()[0]};
    made.course = labs();
    made.digest = "checks";
    made.jobs = 3;
    made.resume = resume;
    return made;
  }

  /// Reads for real; judges at once, full points, and writes down whom.
  Craft craft() {
    Craft made;
    made.read = [](const Submission& one) { return read_submission(one, labs(), {}); };
    made.judge = [this](const Lab& lab, const HandedIn& handed, const Workplace& place) {
      ++judged_;
      fs::create_directories(place.evidence / "works");
      write_file(place.evidence / "works/wire.pcap", "pcap");
      LabResult result = lab_result(lab, Standing::graded, "complete");
      result.points = 100;
      result.explanations = handed.files.at("echo_server.cc");
      return result;
    };
    return made;
  }

  void run(
      const ClassPlan& plan, const Craft& craft, const std::function<bool()>& stop = [] { return false; }) {
    OutputFolder out(root() / "out", plan.resume);
    ClassRun(plan, out, craft).run(stop, {});
  }

  [[nodiscard]] std::string gradebook() const { return read_file(root() / "out/gradebook.csv"); }

  std::atomic<int> judged_ = 0;
};

TEST_F(RunTest, everybody_gets_a_row_a_feedback_a_result_and_evidence) {
  run(plan(), craft());
  EXPECT_EQ(std::ranges::count(gradebook(), '\n'), 11);
  EXPECT_THAT(read_file(root() / "out/students/s3/feedback.txt"), HasSubstr("student 3"));
  EXPECT_THAT(read_file(root() / "out/students/s3/feedback.html"), HasSubstr("<h1>s3</h1>"));
  EXPECT_TRUE(fs::exists(root() / "out/students/s3/result.json"));
  EXPECT_TRUE(fs::exists(root() / "out/evidence/s3/03-tcp-echo/works/wire.pcap"));
  EXPECT_FALSE(fs::exists(root() / "out/.work"));
}

TEST_F(RunTest, an_unreadable_submission_and_one_without_files_cost_nobody_else_anything) {
  fs::create_directory(root() / "class/empty");
  fs::create_directory_symlink("/etc", root() / "class/link");
  run(plan(), craft());
  EXPECT_THAT(gradebook(), HasSubstr("\r\nempty,0,no files,,0\r\n"));
  EXPECT_THAT(gradebook(),
              HasSubstr("\r\nlink,0,\"unreadable: a symbolic link, which is not followed\",,0\r\n"));
  EXPECT_EQ(judged_, 10);
}

TEST_F(RunTest, the_graders_own_trouble_is_neither_points_nor_none) {
  Craft troubled = craft();
  troubled.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    if (handed.files.at("echo_server.cc") == "student 4") throw std::runtime_error("no namespaces left");
    return craft().judge(lab, handed, place);
  };
  OutputFolder out(root() / "out", false);
  ClassRun run(plan(), out, troubled);
  run.run([] { return false; }, {});
  EXPECT_EQ(run.trouble(), "no namespaces left");
  EXPECT_THAT(gradebook(), HasSubstr("\r\ns4,,needs another run,,\r\n"));
}

TEST_F(RunTest, what_could_not_be_judged_is_tried_again_once_the_others_are_done) {
  Craft busy = craft();
  busy.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    if (handed.files.at("echo_server.cc") == "student 4" && judged_ < 9) throw std::runtime_error("too busy");
    return craft().judge(lab, handed, place);
  };
  OutputFolder out(root() / "out", false);
  ClassRun run(plan(), out, busy);
  run.run([] { return false; }, {});
  EXPECT_EQ(run.trouble(), "");
  EXPECT_EQ(run.progress().finished, 10u);
  EXPECT_THAT(gradebook(), HasSubstr("\r\ns4,100,complete,,100\r\n"));
}

TEST_F(RunTest, resuming_grades_what_is_new_changed_or_not_settled_and_nothing_else) {
  run(plan(), craft());
  write("class/s3/echo_server.cc", "better");
  write("class/t/echo_server.cc", "late");
  write("out/students/s5/result.json", "{\"half\": ");
  fs::remove(root() / "out/students/s6/result.json");
  judged_ = 0;
  run(plan(true), craft());
  EXPECT_EQ(judged_, 4);
  EXPECT_THAT(read_file(root() / "out/students/s3/feedback.txt"), HasSubstr("better"));
  EXPECT_EQ(std::ranges::count(gradebook(), '\n'), 12);
}

TEST_F(RunTest, resuming_with_other_checks_grades_everything_anew) {
  run(plan(), craft());
  ClassPlan changed = plan(true);
  changed.digest = "other checks";
  judged_ = 0;
  run(changed, craft());
  EXPECT_EQ(judged_, 10);
}

TEST_F(RunTest, a_result_survives_its_journey_through_the_file) {
  OutputFolder out(root() / "out", false);
  StudentResult before = result_for("ana");
  before.notes = {"a note"};
  out.keep(before, {"feedback", "page"}, root() / "nosuch");
  const StudentResult after = out.result_of("ana").value();
  EXPECT_EQ(nlohmann::json(after), nlohmann::json(before));
  EXPECT_EQ(after.labs[0].checks[0].seed, 7u);
}

TEST_F(RunTest, the_feedbacks_page_says_what_its_text_says) {
  StudentResult result = result_for("ana");
  LabResult& lab = result.labs[0];
  result.notes = {"came late"};
  lab.notes = {"echo_client.cc is missing"};
  lab.badges = {"Sound sleeper"};
  lab.diagnostics = "warning: unused variable";
  lab.checks.push_back({"fails", "it fails", Outcome::failed, 3, "", 7, "expected this; got that"});
  lab.checks.push_back(
      {"busy", "it is busy", Outcome::inconclusive, 0, "A badge", 7, "the machine was busy"});
  const Feedback feedback = feedback_of(result);
  for (const char* word : {"ana", "somewhere", "came late", "echo_client.cc is missing", "Sound sleeper",
                           "unused variable", "it works", "it fails", "expected this; got that", "not judged",
                           "the machine was busy", "100 of 100 points"}) {
    EXPECT_THAT(feedback.text, HasSubstr(word));
    EXPECT_THAT(feedback.page, HasSubstr(word));
  }
}

TEST_F(RunTest, nothing_that_was_handed_in_is_markup_in_the_feedbacks_page) {
  const std::string evil = "<script>alert(1)</script>\"'&{{{style}}}";
  StudentResult result = result_for(evil);
  result.submission = evil;
  result.notes = {evil};
  result.labs[0].word = evil;
  result.labs[0].notes = {evil};
  result.labs[0].badges = {evil};
  result.labs[0].diagnostics = evil;
  result.labs[0].checks = {{evil, evil, Outcome::failed, 3, evil, 7, evil}};
  const std::string page = feedback_of(result).page;
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("{{{style}}}"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'")) << "and if it were, it could load and run nothing";
}

TEST_F(RunTest, a_stopped_run_keeps_what_is_finished_and_marks_the_rest_as_pending) {
  std::atomic<bool> stop = false;
  std::atomic<bool> abandoned = false;
  Craft slow = craft();
  slow.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    stop = judged_ == 5;
    while (stop && !abandoned) usleep(1000);
    return craft().judge(lab, handed, place);  // which comes too late to be kept
  };
  slow.abandon = [&] { abandoned = true; };
  ClassPlan one_by_one = plan();
  one_by_one.jobs = 1;
  run(one_by_one, slow, [&] { return stop.load(); });
  EXPECT_THAT(gradebook(), HasSubstr("\r\ns4,100,complete,,100\r\ns5,,pending,,\r\n"));
  EXPECT_FALSE(fs::exists(root() / "out/students/s5/result.json"));
}

TEST_F(RunTest, a_folder_with_results_is_touched_on_request_only_and_by_one_run_at_a_time) {
  run(plan(), craft());
  EXPECT_THROW(OutputFolder(root() / "out", false), std::runtime_error);
  const OutputFolder busy(root() / "out", true);
  EXPECT_THROW(OutputFolder(root() / "out", true), std::runtime_error);
  EXPECT_THROW(OutputFolder(root() / "class", true), std::runtime_error);  // which holds something else
}

TEST_F(RunTest, a_run_that_came_to_nothing_leaves_nothing) {
  { const OutputFolder out(root() / "out", false); }
  EXPECT_FALSE(fs::exists(root() / "out"));
}

TEST_F(RunTest, kill_9_at_any_moment_loses_nothing_that_was_finished) {
  std::set<std::string> finished;
  const auto look = [&] {
    std::set<std::string> now;
    for (int i = 0; i < 10; ++i) {
      const std::string name = "s" + std::to_string(i);
      const fs::path file = root() / "out/students" / name / "result.json";
      if (!fs::exists(file)) continue;
      EXPECT_NO_THROW(nlohmann::json::parse(read_file(file)).get<StudentResult>());
      EXPECT_TRUE(fs::exists(root() / "out/students" / name / "feedback.txt"));
      EXPECT_TRUE(fs::exists(root() / "out/evidence" / name / "03-tcp-echo/works/wire.pcap"));
      now.insert("student " + std::to_string(i));
    }
    return now;
  };
  Craft slow = craft();
  slow.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    if (finished.contains(handed.files.at("echo_server.cc"))) _exit(99);  // graded twice
    usleep(3000);
    return craft().judge(lab, handed, place);
  };
  for (int round = 0; round < 1000 && finished.size() < 10; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      run(plan(true), slow);
      _exit(0);
    }
    usleep(500 * (round % 20) * (1 + round / 100));  // a busy machine needs longer to finish anything
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 99) << "a finished submission was graded again";
    const std::set<std::string> now = look();
    EXPECT_TRUE(std::ranges::includes(now, finished));
    finished = now;
  }
  EXPECT_EQ(finished.size(), 10u);
}

/// Runs `story` in a child where `where` is a disk of its own of this size; true when it returned true.
bool on_small_disk(const fs::path& where, const std::string& size, const std::function<bool()>& story) {
  fs::create_directories(where);
  const pid_t child = fork();
  if (child == 0) {
    const std::string user = "0 " + std::to_string(geteuid()) + " 1",
                      group = "0 " + std::to_string(getegid()) + " 1";
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(77);
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", user);
    write_file("/proc/self/gid_map", group);
    if (mount("tmpfs", where.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) _exit(77);
    _exit(story() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77) {
    ADD_FAILURE() << "this test needs user namespaces";
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(RunTest, a_disk_without_space_ends_the_run_before_it_begins) {
  EXPECT_TRUE(on_small_disk(root() / "disk", "1m", [&] {
    try {
      OutputFolder out(root() / "disk/out", false);
      ClassRun(plan(), out, craft()).run([] { return false; }, {});
    } catch (const std::system_error& error) {
      return error.code().value() == ENOSPC && !fs::exists(root() / "disk/out") && judged_ == 0;
    }
    return false;
  }));
}

TEST_F(RunTest, a_disk_that_fills_up_ends_the_run_and_leaves_whole_results_only) {
  Craft filling = craft();
  filling.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    if (judged_ == 4) write_file(place.folder / "huge", std::string(60u << 20, 'x'));
    return craft().judge(lab, handed, place);
  };
  EXPECT_TRUE(on_small_disk(root() / "disk", "64m", [&] {
    bool full = false;
    try {
      OutputFolder out(root() / "disk/out", false);
      ClassPlan one_by_one = plan();
      one_by_one.jobs = 1;
      ClassRun(one_by_one, out, filling).run([] { return false; }, {});
    } catch (const std::system_error& error) {
      full = error.code().value() == ENOSPC;
    }
    const fs::path students = root() / "disk/out/students";
    return full && fs::exists(students / "s3/result.json") && !fs::exists(students / "s4") &&
           !fs::exists(root() / "disk/out/.work");
  }));
}

TEST_F(RunTest, a_write_that_fails_leaves_neither_half_a_file_nor_an_empty_folder) {
  EXPECT_TRUE(on_small_disk(root() / "disk", "1m", [&] {
    OutputFolder out(root() / "disk/out", false);
    try {
      out.keep(result_for("ana"), {std::string(2u << 20, 'x'), ""}, {});
    } catch (const std::system_error& error) {
      return error.code().value() == ENOSPC && !fs::exists(root() / "disk/out/students/ana");
    }
    return false;
  }));
}

std::size_t peak_memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST_F(RunTest, a_class_of_200_needs_less_than_100_MB) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer's own memory would be measured";
#endif
  for (int i = 0; i < 200; ++i)
    write("class/t" + std::to_string(i) + "/echo_server.cc", std::string(20'000, 'x'));
  Craft wordy = craft();
  wordy.judge = [&](const Lab& lab, const HandedIn& handed, const Workplace& place) {
    LabResult result = craft().judge(lab, handed, place);
    result.explanations.assign(1u << 20, 'x');
    result.articles.assign(1u << 20, 'x');
    result.diagnostics.assign(64u << 10, 'x');
    return result;
  };
  write_file("/proc/self/clear_refs", "5");  // the peak of the tests before is not this one's: see proc(5)
  run(plan(), wordy);
  EXPECT_EQ(judged_, 210);
  EXPECT_LT(peak_memory_kib(), 100'000u);
}

// --- words
// ----------------------------------------------------------------------------------------------------------

Verdict failed_with(const std::string& end, const std::string& errors = "") {
  Verdict verdict;
  verdict.check = "works";
  verdict.outcome = Outcome::failed;
  verdict.programs.push_back({"server", "tcp_echo server", "", errors, end});
  return verdict;
}

std::string word(const Verdict& verdict) {
  return word_for(labs()[0], score(labs()[0], {verdict}), {verdict});
}

TEST(Word, says_what_became_of_the_program) {
  Verdict passed = failed_with("exit status 0");
  passed.outcome = Outcome::passed;
  EXPECT_EQ(word(passed), "complete");
  Verdict unclear = passed;
  unclear.outcome = Outcome::inconclusive;
  EXPECT_EQ(word(unclear), "needs another run");
  EXPECT_EQ(word(failed_with("killed by signal 11 (Segmentation fault)")), "fails 1 of 1, crashes");
  EXPECT_EQ(word(failed_with("exit status 1", "==1==ERROR: AddressSanitizer: heap-use-after-free")),
            "fails 1 of 1, crashes");
  EXPECT_EQ(word(failed_with("exit status 3", "tcp_echo: TODO 03.1 is not written yet")), "unfinished");
  EXPECT_EQ(word(failed_with("still running")), "fails 1 of 1");
  Verdict wrong = failed_with("still running");
  wrong.actual = "it is \"hello\"; on host server the program is still running";
  EXPECT_EQ(word(wrong), "fails 1 of 1");
  EXPECT_EQ(word(failed_with("stopped: it printed too much")), "fails 1 of 1, floods output");
  EXPECT_EQ(word(failed_with("killed by signal 9 (Killed)")), "fails 1 of 1");
  Verdict endless = failed_with("still running");
  endless.actual = "it did not within 8 s; on host server the program is still running";
  EXPECT_EQ(word(endless), "fails 1 of 1, times out");
}

}  // namespace
}  // namespace wirelab
