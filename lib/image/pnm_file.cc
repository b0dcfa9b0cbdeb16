#include "lib/image/pnm_file.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/image/netpbm.h"

namespace pie {
namespace {

// What the digit behind the P says.
struct Kind {
  char digit;
  int channels;
  bool bilevel;  // 1 is black, and no maxval is said
  bool text;     // numbers instead of bytes
};
constexpr std::array<Kind, 6> kKinds{{{'1', 1, true, true},
                                      {'2', 1, false, true},
                                      {'3', 3, false, true},
                                      {'4', 1, true, false},
                                      {'5', 1, false, false},
                                      {'6', 3, false, false}}};

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Null if the file is none of these.
const Kind* kind_of(const FileView& file) {
  if (file.size < 3 || file.data[0] != 'P' || !(is_space(file.data[2]) || file.data[2] == '#')) {
    return nullptr;
  }
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) {
    return k.digit == static_cast<char>(file.data[1]);
  });
  return found == kKinds.end() ? nullptr : found;
}

// Reads the numbers of a PNM file.
class Parser {
 public:
  explicit Parser(const FileView& file) : file_(file) {}

  // The next number, behind white space and comments.
  std::uint64_t number() {
    std::uint64_t value = digit();
    while (offset_ < file_.size && is_digit(file_.data[offset_])) {
      value = value * 10 + (file_.data[offset_++] - std::uint64_t{'0'});
      if (value > 0xFFFFFFFF) {
        throw DamagedError(file_.name + ": the PNM file holds absurd numbers");
      }
    }
    return value;
  }

  // The next digit: those of P1 may stand close together.
  std::uint64_t digit() {
    while (is_space(peek()) || peek() == '#') {
      if (peek() == '#') {
        ++offset_;
        for (; peek() != '\n' && peek() != '\r'; ++offset_) comments_.push_back(peek());
        comments_.push_back('\n');
      }
      ++offset_;
    }
    if (!is_digit(peek())) {
      throw DamagedError(file_.name + ": the PNM file holds something else than numbers");
    }
    return file_.data[offset_++] - std::uint64_t{'0'};
  }

  // What comments say, a line each.
  const Bytes& comments() const { return comments_; }

  // Behind the last number.
  std::size_t offset() const { return offset_; }
  // Where the samples begin that are bytes: behind the one white-space byte that ends the header.
  std::size_t end() {
    if (!is_space(peek())) throw DamagedError(file_.name + ": the PNM header is damaged");
    return offset_ + 1;
  }

 private:
  static bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }

  std::uint8_t peek() const {
    if (offset_ >= file_.size) throw TruncatedError(file_.name + ": the PNM file ends early");
    return file_.data[offset_];
  }

  const FileView& file_;
  std::size_t offset_ = 2;  // behind "P5"
  Bytes comments_;
};

struct Header {
  Kind kind;
  Shape shape;
  int maxval;
  int bits;
};

Header parse_header(const FileView& file, Parser& parser, std::uint64_t max_pixels) {
  const Kind& kind = *kind_of(file);
  const std::uint64_t width = parser.number(), height = parser.number();
  const std::uint64_t maxval = kind.bilevel ? 1 : parser.number();
  check_dimensions(width, height, max_pixels, file.name);
  const int bits = netpbm_bits(maxval, file.name);
  return {kind,
          {kind.channels, static_cast<std::int64_t>(height), static_cast<std::int64_t>(width)},
          static_cast<int>(maxval),
          bits};
}

// Numbers one after the other: each takes a byte of the file at least, so that a header that
// promises too much is found out before there is memory for it.
Image read_text(const FileView& file, const Header& header, Parser& parser) {
  const auto samples = static_cast<std::uint64_t>(header.shape.elements());
  if (samples > file.size) throw TruncatedError(file.name + ": the PNM file ends early");
  Image raw(header.shape, header.bits);
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const std::uint64_t value = header.kind.bilevel ? parser.digit() : parser.number();
    if (value > static_cast<std::uint64_t>(header.maxval)) {
      throw DamagedError(file.name + ": a sample is larger than the header's " +
                         std::to_string(header.maxval));
    }
    if (header.bits == 16) raw.samples[at++] = static_cast<std::uint8_t>(value >> 8);
    raw.samples[at++] = static_cast<std::uint8_t>(header.kind.bilevel ? 1 - value : value & 255);
  }
  return raw;
}

std::size_t packed_row(std::int64_t width) { return static_cast<std::size_t>((width + 7) / 8); }

// Eight samples a byte, the first in the highest bit, rows filled up.
Image read_packed(const FileView& file, const Header& header, std::size_t at) {
  const std::size_t row = packed_row(header.shape.width);
  const auto* from = file.bytes(at, row * static_cast<std::uint64_t>(header.shape.height));
  Image raw(header.shape, 8);
  std::size_t to = 0;
  for (std::int64_t y = 0; y < header.shape.height; ++y, from += row) {
    for (std::int64_t x = 0; x < header.shape.width; ++x) {
      raw.samples[to++] = static_cast<std::uint8_t>(1 - (from[x / 8] >> (7 - x % 8) & 1));
    }
  }
  return raw;
}

std::string head(const char* magic, const Metadata& metadata, const Shape& shape) {
  return std::string(magic) + "\n" + netpbm_comments(metadata) + std::to_string(shape.width) + " " +
         std::to_string(shape.height) + "\n";
}

bool is_kind(const FileView& file, int channels, bool bilevel) {
  const Kind* kind = kind_of(file);
  return kind != nullptr && kind->channels == channels && kind->bilevel == bilevel;
}

}  // namespace

bool is_pbm(const FileView& file) { return is_kind(file, 1, true); }

bool is_pgm(const FileView& file) { return is_kind(file, 1, false); }

bool is_ppm(const FileView& file) { return is_kind(file, 3, false); }

ImageHeader probe_pnm(const FileView& file, std::uint64_t max_pixels) {
  Parser parser(file);
  const Header header = parse_header(file, parser, max_pixels);
  return {header.shape, header.bits};
}

ImageFile decode_pnm(const FileView& file, std::uint64_t max_pixels) {
  Parser parser(file);
  const Header header = parse_header(file, parser, max_pixels);
  if (header.kind.text) {
    auto result = netpbm_image(read_text(file, header, parser), header.maxval, file.name);
    add_netpbm_comment(parser.comments(), &result);
    result.drop_behind(file, parser.offset());
    return result;
  }
  const std::size_t at = parser.end();
  const auto rows = static_cast<std::size_t>(header.shape.height);
  std::size_t bytes = static_cast<std::size_t>(header.shape.elements() * (header.bits / 8));
  if (header.kind.bilevel) bytes = packed_row(header.shape.width) * rows;
  ImageFile result = header.kind.bilevel ? netpbm_image(read_packed(file, header, at), 1, file.name)
                                         : netpbm_image(file, at, header.shape, header.maxval);
  add_netpbm_comment(parser.comments(), &result);
  result.drop_behind(file, at + bytes);
  return result;
}

Bytes encode_pnm(const Image& image, const Metadata& metadata) {
  const int maxval = netpbm_maxval(metadata, image);
  const std::string header = head(image.shape.channels == 3 ? "P6" : "P5", metadata, image.shape) +
                             std::to_string(maxval) + "\n";
  Bytes file(header.begin(), header.end());
  const Bytes samples = netpbm_samples(image, maxval);
  file.insert(file.end(), samples.begin(), samples.end());
  return file;
}

bool is_bilevel(const Image& image) {
  return std::all_of(image.samples.begin(), image.samples.end(),
                     [](std::uint8_t sample) { return sample == 0 || sample == 255; });
}

Bytes encode_pbm(const Image& image, const Metadata& metadata) {
  const std::string header = head("P4", metadata, image.shape);
  Bytes file(header.begin(), header.end());
  const std::size_t row = packed_row(image.shape.width);
  std::size_t start = file.size();
  file.resize(start + row * static_cast<std::size_t>(image.shape.height));
  const std::uint8_t* sample = image.samples.data();
  for (std::int64_t y = 0; y < image.shape.height; ++y, start += row) {
    for (std::int64_t x = 0; x < image.shape.width; ++x, ++sample) {
      const unsigned black = *sample == 0 ? 0x80U >> (x % 8) : 0;
      file[start + static_cast<std::size_t>(x / 8)] |= static_cast<std::uint8_t>(black);
    }
  }
  return file;
}

}  // namespace pie
