#include "grader/report/svg.hh"

#include <fmt/format.h>

#include "grader/checks/verdict.hh"
#include "grader/report/style.hh"

namespace wirelab {
namespace {

/// Each colour twice: plain, for readers that know no variables, and as a variable.
constexpr std::string_view look_of_everything = R"(
.wire{--ink:var(--wire-ink,#1c2128);--paper:var(--wire-paper,#ffffff);--muted:var(--wire-muted,#59636e);
--line:var(--wire-line,#8c959f);--arrow:var(--wire-arrow,#0b5cad);--lost:var(--wire-lost,#b42318);
--late:var(--wire-late,#8a5300);--field:var(--wire-field,#eef3f9);
font-family:system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;font-size:15px;
font-variant-numeric:tabular-nums;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.wire{--ink:var(--wire-ink,#e6e9ed);--paper:var(--wire-paper,#15181d);
--muted:var(--wire-muted,#9aa4af);--line:var(--wire-line,#6b7580);--arrow:var(--wire-arrow,#79b8ff);
--lost:var(--wire-lost,#ff8b80);--late:var(--wire-late,#f0b35b);--field:var(--wire-field,#222a35)}}
.wire text{fill:#1c2128;fill:var(--ink)}
.wire .halo{stroke:#ffffff;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round;paint-order:stroke}
.wire .strong{font-weight:600}
.wire .small{font-size:12.5px}
.wire .tiny{font-size:10px}
.wire .code{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;font-size:12px}
.wire text.muted{fill:#59636e;fill:var(--muted)}
.wire text.is-lost{fill:#b42318;fill:var(--lost)}
.wire text.is-late{fill:#8a5300;fill:var(--late)}
.wire .line,.wire .life,.wire .gap{fill:none;stroke:#8c959f;stroke:var(--line);stroke-width:1.5px;stroke-linecap:square}
.wire .gap{stroke-dasharray:1.5 4.5;stroke-linecap:round;stroke-width:2px}
.wire .box{fill:#eef3f9;fill:var(--field);stroke:#8c959f;stroke:var(--line);stroke-width:1.2px}
.wire .field{fill:#eef3f9;fill:var(--field);stroke:none}
.wire .arrow{fill:none;stroke:#0b5cad;stroke:var(--arrow);stroke-width:2px}
.wire .head{fill:#0b5cad;fill:var(--arrow);stroke:none}
.wire .lost{stroke:#b42318;stroke:var(--lost)}
.wire .late{stroke:#8a5300;stroke:var(--late)}
.wire .head.late{fill:#8a5300;fill:var(--late);stroke:none}
.wire .copy{stroke-dasharray:6 4}
.wire .cross{fill:none;stroke:#b42318;stroke:var(--lost);stroke-width:3px;stroke-linecap:round}
.wire .bolt{fill:#8a5300;fill:var(--late);stroke:#ffffff;stroke:var(--paper);stroke-width:2px;paint-order:stroke}
)";

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe = printable(text, text.size() * 4 + 1);
  std::string result;
  for (std::size_t i = 0; i < safe.size(); ++i) {
    switch (safe[i]) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      case '\xEF':  // U+FFFE and U+FFFF are UTF-8, but no characters
        if (safe.compare(i, 2, "\xEF\xBF") == 0 && i + 2 < safe.size() && (safe[i + 2] & 0xFE) == 0xBE) {
          result += "\xEF\xBF\xBD";
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        result += safe[i];
    }
  }
  return result;
}

void Svg::open(std::string_view name) { body_ += fmt::format("<g><title>{}</title>\n", escaped(name)); }

void Svg::close() { body_ += "</g>\n"; }

void Svg::line(double x1, double y1, double x2, double y2, std::string_view look) {
  body_ += fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)"
                       "\n",
                       x1, y1, x2, y2, look);
}

void Svg::rectangle(double x, double y, double width, double height, double radius, std::string_view look) {
  body_ +=
      fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:.1f}" class="{}"/>)"
                  "\n",
                  x, y, width, height, radius, look);
}

void Svg::path(std::string_view commands, std::string_view look) {
  body_ += fmt::format("<path d=\"{}\" class=\"{}\"/>\n", commands, look);
}

void Svg::text(double x, double y, std::string_view text, std::string_view look, std::string_view anchor,
               double degrees) {
  const std::string turned =
      degrees == 0 ? "" : fmt::format(R"x( transform="rotate({:.2f} {:.1f} {:.1f})")x", degrees, x, y);
  body_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}"{}>{}</text>)"
                       "\n",
                       x, y, anchor, look, turned, escaped(text));
}

std::string_view Svg::style_sheet() { return look_of_everything; }

std::string Svg::finish(double width, double height, bool with_style) const {
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" class="wire">)"
      "\n<title>{2}</title>\n<desc>{3}</desc>\n{4}{5}</svg>\n",
      width, height, escaped(title_), escaped(description_),
      with_style ? fmt::format("<style>{}</style>\n", look_of_everything) : "", body_);
}

double text_width(std::string_view text, double size) {
  return static_cast<double>(columns(text)) * size * 0.56;
}

}  // namespace wirelab
