#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grader/classroom/result.hh"

namespace wirelab {

/// A row of the gradebook: what is kept in memory of a student once the files are written.
struct GradebookRow {
  /// What came of one lab.
  struct Cell {
    Standing standing = Standing::pending;  ///< whether points and word stand
    int points = 0;                         ///< reached, of 100
    std::string word;                       ///< as LabResult::word
    std::vector<std::string> badges;        ///< of the stretch checks that passed
  };
  std::string student;     ///< Submission::name
  std::vector<Cell> labs;  ///< in the order of the gradebook's labs
};

/// The row of a result. Labs that the result lacks are pending.
GradebookRow row_of(const StudentResult& result, const std::vector<std::string>& labs);

/// The gradebook for a spreadsheet (RFC 4180, CRLF and all): student, for each lab points, word and badges,
/// total. Points that do not stand are empty, and so is the total that they belong to: an empty cell is no
/// zero.
std::string gradebook_csv(const std::vector<std::string>& labs, const std::vector<GradebookRow>& rows);

/// The same as a table of at most `width` columns; words are cut, or left out, where they do not fit.
std::string gradebook_table(const std::vector<std::string>& labs, const std::vector<GradebookRow>& rows,
                            std::size_t width = 100);

/// A cell of a CSV file: quoted where it must be, and never a formula. A spreadsheet runs what begins with
/// `=`, `+`,
/// `-` or `@`, and the name of a folder comes from a student; an apostrophe in front makes it text.
std::string csv_cell(std::string_view text);

}  // namespace wirelab
