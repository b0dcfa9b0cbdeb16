#include "lib/image/pnm_file.h"

#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

// Reads the numbers of a PNM header.
class HeaderParser {
 public:
  explicit HeaderParser(const FileView& file) : file_(file) {}

  // The next number, behind white space and comments.
  std::uint64_t number() {
    skip_space();
    if (!is_digit(peek())) {
      throw DamagedError(file_.name + ": the PNM header holds something else than numbers");
    }
    std::uint64_t value = 0;
    while (is_digit(peek())) {
      value = value * 10 + (file_.data[offset_++] - std::uint64_t{'0'});
      if (value > 0xFFFFFFFF) {
        throw DamagedError(file_.name + ": the PNM header holds absurd numbers");
      }
    }
    return value;
  }

  // The offset of the samples: behind the one white-space byte that ends the header.
  std::size_t end() {
    if (!is_space(peek())) throw DamagedError(file_.name + ": the PNM header is damaged");
    return offset_ + 1;
  }

 private:
  static bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }
  static bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  std::uint8_t peek() const {
    if (offset_ >= file_.size) throw TruncatedError(file_.name + ": the PNM file ends early");
    return file_.data[offset_];
  }

  void skip_space() {
    while (is_space(peek()) || peek() == '#') {
      if (peek() == '#') {
        while (peek() != '\n' && peek() != '\r') ++offset_;
      }
      ++offset_;
    }
  }

  const FileView& file_;
  std::size_t offset_ = 2;  // behind "P5" or "P6"
};

struct Parsed {
  ImageHeader header;
  std::size_t samples_at = 0;
};

Parsed parse_header(const FileView& file, std::uint64_t max_pixels) {
  HeaderParser parser(file);
  const std::uint64_t width = parser.number();
  const std::uint64_t height = parser.number();
  const std::uint64_t largest = parser.number();
  check_dimensions(width, height, max_pixels, file.name);
  if (largest != 255 && largest != 65535) {
    throw UnsupportedError(file.name + ": a PNM file with the largest value " +
                           std::to_string(largest) + "; only 255 and 65535 can be kept exactly");
  }
  Parsed parsed;
  parsed.header.shape = {is_ppm(file) ? 3 : 1, static_cast<int>(height), static_cast<int>(width)};
  parsed.header.bits = largest == 255 ? 8 : 16;
  parsed.samples_at = parser.end();
  return parsed;
}

}  // namespace

bool is_pgm(const FileView& file) { return file.starts_with("P5", 2); }

bool is_ppm(const FileView& file) { return file.starts_with("P6", 2); }

ImageHeader probe_pnm(const FileView& file, std::uint64_t max_pixels) {
  return parse_header(file, max_pixels).header;
}

ImageFile decode_pnm(const FileView& file, std::uint64_t max_pixels) {
  const Parsed parsed = parse_header(file, max_pixels);
  const std::size_t needed =
      static_cast<std::size_t>(parsed.header.shape.elements()) * (parsed.header.bits == 16 ? 2 : 1);
  const std::size_t there = file.size - parsed.samples_at;
  if (there < needed) {
    throw TruncatedError(file.name + ": the PNM header promises " + std::to_string(needed) +
                         " bytes of samples, but only " + std::to_string(there) + " follow");
  }
  ImageFile result;
  result.image.shape = parsed.header.shape;
  result.image.bits = parsed.header.bits;
  const std::uint8_t* samples = file.data + parsed.samples_at;
  result.image.samples.assign(samples, samples + needed);
  const FileView rest{samples + needed, there - needed, file.name};
  if (is_pgm(rest) || is_ppm(rest)) result.dropped.push_back("further images");
  return result;
}

Bytes encode_pnm(const Image& image) {
  const Shape& g = image.shape;
  const std::string header = std::string(g.channels == 3 ? "P6" : "P5") + "\n" +
                             std::to_string(g.width) + " " + std::to_string(g.height) + "\n" +
                             (image.bits == 16 ? "65535" : "255") + "\n";
  Bytes file(header.begin(), header.end());
  file.insert(file.end(), image.samples.begin(), image.samples.end());
  return file;
}

}  // namespace pie
