#include "grader/report/packet_svg.hh"

#include <fmt/format.h>

#include <algorithm>

#include "grader/report/style.hh"
#include "grader/report/svg.hh"

namespace wirelab {
namespace {

constexpr unsigned bits_in_row = 32;
constexpr double bit_width = 23;
constexpr double left = 34;          // the offsets
constexpr double row_height = 54;    // name, value, bytes
constexpr double bytes_height = 26;  // of a row in which fields only go on
constexpr double title_height = 32;
constexpr double ruler_height = 18;
constexpr double margin = 6;
constexpr double picture_width = left + bits_in_row * bit_width + margin;

/// The part of a field that lies in one row.
struct Piece {
  const HeaderField* field = nullptr;
  unsigned first = 0;  ///< bit within the header
  unsigned bits = 0;
  bool begins = true, ends = true;  ///< the field does here
  bool main = true;                 ///< holds the name: the first of the widest
};

std::vector<Piece> pieces_of(const PacketHeader& header) {
  std::vector<Piece> pieces;
  unsigned bit = 0;
  for (const HeaderField& field : header.fields) {
    const std::size_t begin = pieces.size();
    for (unsigned left_over = field.bits; left_over > 0;) {
      const unsigned here = std::min(left_over, bits_in_row - bit % bits_in_row);
      pieces.push_back({&field, bit, here, left_over == field.bits, here == left_over, false});
      bit += here;
      left_over -= here;
    }
    const auto widest = std::max_element(pieces.begin() + static_cast<std::ptrdiff_t>(begin), pieces.end(),
                                         [](const Piece& a, const Piece& b) { return a.bits < b.bits; });
    if (widest != pieces.end()) widest->main = true;
  }
  return pieces;
}

/// `0a 05 00 01`; within a byte the bits, `0100`.
std::string raw(const PacketHeader& header, const Piece& piece) {
  std::string text;
  if (piece.first % 8 == 0 && piece.bits % 8 == 0) {
    for (unsigned i = piece.first / 8; i < (piece.first + piece.bits) / 8; ++i)
      text += fmt::format("{}{:02x}", text.empty() ? "" : " ", std::to_integer<unsigned>(header.bytes[i]));
    return text;
  }
  for (unsigned bit = piece.first; bit < piece.first + piece.bits; ++bit)
    text += (std::to_integer<unsigned>(header.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0 ? '1' : '0';
  return text;
}

/// In words, for those who cannot see it.
std::string description(const std::vector<PacketHeader>& headers) {
  std::string text;
  for (const PacketHeader& header : headers) {
    text += header.title + ":\n";
    for (const HeaderField& field : header.fields)
      text +=
          fmt::format("{}, {} bit{}: {}\n", field.name, field.bits, field.bits == 1 ? "" : "s", field.value);
  }
  return text;
}

class Picture {
 public:
  Picture(const std::vector<PacketHeader>& headers, std::string_view title)
      : headers_(headers), svg_(title, description(headers)) {}

  std::string draw() {
    ruler();
    for (const PacketHeader& header : headers_) draw(header);
    return svg_.finish(picture_width, y_ + margin);
  }

 private:
  static double x_of(unsigned bit) { return left + bit_width * (bit % bits_in_row); }

  /// The bits' numbers, as every RFC has them.
  void ruler() {
    for (unsigned bit = 0; bit < bits_in_row; ++bit) {
      svg_.text(x_of(bit) + bit_width / 2, ruler_height - 5, std::to_string(bit), "tiny muted", "middle");
    }
    y_ = ruler_height;
  }

  void draw(const PacketHeader& header) {
    const std::string behind =
        header.behind == 0 ? "nothing follows"
                           : fmt::format("{} byte{} follow{}", header.behind, header.behind == 1 ? "" : "s",
                                         header.behind == 1 ? "s" : "");
    if (&header != &headers_.front()) y_ += 8;
    svg_.text(left, y_ + 19, header.title, "strong");
    svg_.text(picture_width - margin, y_ + 19, fmt::format("{} bytes, {}", header.bytes.size(), behind),
              "small muted", "end");
    y_ += title_height - 4;
    const std::vector<Piece> pieces = pieces_of(header);
    for (auto row = pieces.begin(); row != pieces.end();) {
      const auto next =
          std::find_if(row + 1, pieces.end(), [](const Piece& p) { return p.first % bits_in_row == 0; });
      height_ = std::any_of(row, next, [](const Piece& p) { return p.main; }) ? row_height : bytes_height;
      svg_.text(left - 8, y_ + height_ / 2 + 4, std::to_string(row->first / 8), "small muted", "end");
      for (; row != next; ++row) cell(header, *row);
      y_ += height_;
    }
    svg_.path(borders_, "line");
    borders_.clear();
  }

  void cell(const PacketHeader& header, const Piece& piece) {
    const double x = x_of(piece.first), width = bit_width * piece.bits, middle = x + width / 2;
    svg_.open(fmt::format("{}, {} bit{}: {}", piece.field->name, piece.field->bits,
                          piece.field->bits == 1 ? "" : "s", piece.field->value));
    svg_.rectangle(x, y_, width, piece.ends ? height_ : height_ + 1, 0, "field");  // no seam within a field
    add_borders(piece, x, width);
    if (piece.bits == 1) {
      svg_.text(middle, y_ + 18, piece.field->name, "tiny muted", "middle");
      svg_.text(middle, y_ + 37, piece.field->value, piece.field->value == "0" ? "muted" : "strong",
                "middle");
      svg_.close();
      return;
    }
    if (piece.main) {
      svg_.text(middle, y_ + 15, fitted(piece.field->name, width, 12.5), "small muted", "middle");
      value(piece.field->value, middle, width);
    }
    svg_.text(middle, y_ + height_ - (height_ == row_height ? 6 : 8), fitted(raw(header, piece), width, 12.9),
              "code muted", "middle");
    svg_.close();
  }

  static std::string fitted(const std::string& text, double width, double size) {
    return shorten_to(text, static_cast<std::size_t>((width - 4) / (size * 0.56)), Style::plain());
  }

  /// Smaller where it would not fit.
  void value(const std::string& text, double middle, double width) {
    const bool fits = text_width(text, 15) < width - 6;
    svg_.text(middle, y_ + 33, fits ? text : fitted(text, width, 11.8), fits ? "strong" : "strong small",
              "middle");
  }

  /// None where the field goes on in the next row or comes from the one before. They are drawn last, above
  /// every field.
  void add_borders(const Piece& piece, double x, double width) {
    const double bottom = y_ + height_;
    borders_ += fmt::format("M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {1:.1f}V{2:.1f}", x, y_, bottom, x + width);
    if (piece.begins) borders_ += fmt::format("M{:.1f} {:.1f}H{:.1f}", x, y_, x + width);
    if (piece.ends) borders_ += fmt::format("M{:.1f} {:.1f}H{:.1f}", x, bottom, x + width);
  }

  const std::vector<PacketHeader>& headers_;
  Svg svg_;
  std::string borders_;
  double y_ = 0;
  double height_ = row_height;  // of the row that is being drawn
};

}  // namespace

std::string packet_svg(const std::vector<PacketHeader>& headers, std::string_view title) {
  return headers.empty() ? std::string() : Picture(headers, title).draw();
}

}  // namespace wirelab
