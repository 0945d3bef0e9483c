#pragma once

#include <string>
#include <string_view>

namespace wirelab {

/// How text is dressed: for a terminal with colours, or plain for files and pipes.
struct Style {
  bool colour = false;      ///< SGR codes may be used (ECMA-48)
  bool hyperlinks = false;  ///< text can lead somewhere: OSC 8
  bool utf8 = true;         ///< box drawing, arrows and ticks; otherwise ASCII stands in for them
  std::size_t width = 100;  ///< columns

  /// For files that people read: no colours, UTF-8.
  static Style plain() { return {}; }

  /// For a stream of this process: colours when `colour` is "always", or "auto" and it is a terminal,
  /// NO_COLOR is not set and TERM is not "dumb"; hyperlinks when it has colours and is a terminal that is
  /// more than a console; UTF-8 when the locale says so (LC_ALL, LC_CTYPE, LANG).
  static Style for_stream(int fd, std::string_view colour = "auto");

  /// For headings and scores; unchanged without colours, as all that follow.
  [[nodiscard]] std::string bold(std::string_view text) const { return paint("1", text); }
  /// For what matters less.
  [[nodiscard]] std::string dim(std::string_view text) const { return paint("2", text); }
  /// For what failed.
  [[nodiscard]] std::string red(std::string_view text) const { return paint("31", text); }
  /// For what passed.
  [[nodiscard]] std::string green(std::string_view text) const { return paint("32", text); }
  /// For what could not be judged.
  [[nodiscard]] std::string yellow(std::string_view text) const { return paint("33", text); }

  /// The text as a link, where the terminal can follow one; elsewhere, or without an address, as it is. What
  /// is written is ESC ] 8 ; ; address ESC \ text ESC ] 8 ; ; ESC \, which terminals that know no links pass
  /// over.
  [[nodiscard]] std::string link(std::string_view text, std::string_view address) const;

  /// The first where the reader can see UTF-8, the second elsewhere.
  [[nodiscard]] std::string_view glyph(std::string_view fine, std::string_view ascii) const {
    return utf8 ? fine : ascii;
  }

 private:
  [[nodiscard]] std::string paint(std::string_view code, std::string_view text) const;
};

/// How many columns a text takes: one for each code point, which is right for all that is printed here.
std::size_t columns(std::string_view text);

/// The text in at most `most` columns; what is cut off is replaced by an ellipsis.
std::string shorten_to(std::string_view text, std::size_t most, const Style& style);

/// Breaks text between words into lines of at most `width` columns, each after the first begun with `indent`
/// spaces. Line breaks of the text stay.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent = 0);

}  // namespace wirelab
