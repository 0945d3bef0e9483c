#pragma once

#include <string>
#include <string_view>

namespace wirelab {

/// Text as it may stand in HTML and XML, between tags and inside quotes: `printable`, with the five
/// characters that mean something there written as entities, and without what XML 1.0 (section 2.2) does not
/// allow.
std::string escaped(std::string_view text);

/// A picture as SVG 1.1, by itself or inside a page. Nothing is loaded from elsewhere and nothing in it needs
/// a name, so a page may hold many. Text stays text. Lengths are in units of which a line of text is about 20
/// high; the picture takes the width that it is given.
///
/// Colours follow the reader's choice of light or dark. A page that knows better sets them: `--wire-ink`,
/// `--wire-paper` (what the picture stands on), `--wire-muted`, `--wire-line`, `--wire-arrow`, `--wire-lost`,
/// `--wire-late`, `--wire-field`.
class Svg {
 public:
  /// `title` is what the picture is called, `description` says in words what it shows, for those who cannot
  /// see it.
  Svg(std::string_view title, std::string_view description) : title_(title), description_(description) {}

  /// Everything that follows, until `close`, is one thing with this name (a tool tip).
  void open(std::string_view name);
  /// Ends what was opened last.
  void close();

  /// A straight line. `look`, here and below, is one or more of the classes of svg.cc, as in "line muted".
  void line(double x1, double y1, double x2, double y2, std::string_view look);
  /// Upper left corner, size, and the radius of its corners.
  void rectangle(double x, double y, double width, double height, double radius, std::string_view look);
  /// `commands` as SVG 1.1 has them in section 8.3: "M 0 0 L 10 10".
  void path(std::string_view commands, std::string_view look);

  /// Baseline at `y`; what stands at `x` is the "start", "middle" or "end" of the text, turned by `degrees`.
  void text(double x, double y, std::string_view text, std::string_view look,
            std::string_view anchor = "start", double degrees = 0);

  /// The whole picture. A page that has `style_sheet` once need not have it in every picture.
  [[nodiscard]] std::string finish(double width, double height, bool with_style = true) const;

  /// What the looks mean, as CSS.
  static std::string_view style_sheet();

 private:
  std::string title_;
  std::string description_;
  std::string body_;
};

/// About how wide a text is, in characters of an average width.
double text_width(std::string_view text, double size);

}  // namespace wirelab
