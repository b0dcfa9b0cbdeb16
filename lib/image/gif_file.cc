#include "lib/image/gif_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kExtension = 0x21;
constexpr std::size_t kFrame = 0x2c;

DamagedError damaged(const FileView& file, const std::string& cause) {
  return DamagedError(file.name + ": the GIF file is damaged (" + cause + ")");
}

// The colours that a table defines, three bytes each.
struct Palette {
  const std::uint8_t* colors = nullptr;
  std::size_t count = 0;

  std::size_t bytes() const { return 3 * count; }
};

// The table that follows at `at` if `flags` announce one.
Palette read_palette(const FileView& file, std::size_t at, std::size_t flags) {
  if ((flags & 0x80U) == 0) return {};
  const std::size_t count = std::size_t{2} << (flags & 7U);
  return {file.bytes(at, 3 * count), count};
}

// The offset behind the data blocks that begin at `at`.
std::size_t skip_blocks(const FileView& file, std::size_t at) {
  while (file.u8(at) != 0) at += 1 + file.u8(at);
  return at + 1;
}

// Reads codes of a growing number of bits out of data blocks.
class CodeReader {
 public:
  CodeReader(const FileView& file, std::size_t at) : file_(file), at_(at) {}

  // Nothing at the end of the data.
  std::optional<std::size_t> next(unsigned width) {
    while (bits_ < width) {
      if (left_ == 0) {
        left_ = file_.u8(at_);
        if (left_ == 0) return std::nullopt;
        ++at_;
      }
      pending_ |= file_.u8(at_++) << bits_;
      bits_ += 8;
      --left_;
    }
    const std::size_t code = pending_ & ((std::size_t{1} << width) - 1);
    pending_ >>= width;
    bits_ -= width;
    return code;
  }

 private:
  const FileView& file_;
  std::size_t at_;
  std::size_t left_ = 0;  // of the block
  std::size_t pending_ = 0;
  unsigned bits_ = 0;
};

// Expands LZW codes to colour indices.
class Expander {
 public:
  // The data begins at `at` with the number of bits of an index.
  Expander(const FileView& file, std::size_t at)
      : file_(file), index_bits_(static_cast<unsigned>(file.u8(at))), codes_(file, at + 1) {
    if (index_bits_ < 1 || index_bits_ > 8) throw damaged(file, "code size");
    clear();
  }

  // The next `count` indices.
  Bytes expand(std::size_t count) {
    Bytes indices;
    indices.reserve(count);
    while (indices.size() < count) {
      const std::optional<std::size_t> code = codes_.next(width_);
      if (!code || *code == clear_code() + 1) throw damaged(file_, "too few pixels");
      if (*code == clear_code()) {
        clear();
      } else {
        append(*code, &indices);
      }
    }
    indices.resize(count);  // what goes beyond the frame is not shown
    return indices;
  }

 private:
  static constexpr std::size_t kMostCodes = 4096;

  std::size_t clear_code() const { return std::size_t{1} << index_bits_; }

  void clear() {
    width_ = index_bits_ + 1;
    next_ = clear_code() + 2;
    has_last_ = false;
  }

  // A code is a string of indices: a single one, or that of an earlier code and one more. Each code
  // read defines a new one: the string before it with its own first index.
  void append(std::size_t code, Bytes* indices) {
    const std::size_t start = indices->size();
    if (code > next_ || (code == next_ && !has_last_)) throw damaged(file_, "unknown code");
    const bool own = code == next_;  // is being defined: the last string with its own first index
    for (std::size_t c = own ? last_ : code;; c = prefixes_[c]) {
      indices->push_back(c < clear_code() ? static_cast<std::uint8_t>(c) : suffixes_[c]);
      if (c < clear_code()) break;
    }
    std::reverse(indices->begin() + static_cast<std::ptrdiff_t>(start), indices->end());
    const std::uint8_t first = (*indices)[start];
    if (own) indices->push_back(first);
    if (has_last_ && next_ < kMostCodes) {
      prefixes_[next_] = static_cast<std::uint16_t>(last_);
      suffixes_[next_] = first;
      ++next_;
      if (next_ == std::size_t{1} << width_ && width_ < 12) ++width_;
    }
    last_ = code;
    has_last_ = true;
  }

  const FileView& file_;
  unsigned index_bits_;
  CodeReader codes_;
  unsigned width_ = 0;
  std::size_t next_ = 0;  // the code that will be defined next
  std::size_t last_ = 0;
  bool has_last_ = false;
  std::array<std::uint16_t, kMostCodes> prefixes_{};
  std::array<std::uint8_t, kMostCodes> suffixes_{};
};

struct Frame {
  std::size_t x, y, width, height;
  bool interlaced;
  Palette palette;
  std::optional<std::size_t> transparent;  // a colour
  std::size_t data_at;
};

// The rows of a frame in the order of its data: where it is interlaced, every eighth row comes
// first, then what is between in three more passes.
std::vector<std::size_t> row_order(const Frame& frame) {
  constexpr std::size_t kPlain[][2] = {{0, 1}};
  constexpr std::size_t kInterlaced[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  std::vector<std::size_t> rows;
  const auto add_pass = [&](const std::size_t(&pass)[2]) {
    for (std::size_t y = pass[0]; y < frame.height; y += pass[1]) rows.push_back(y);
  };
  if (frame.interlaced) {
    for (const auto& pass : kInterlaced) add_pass(pass);
  } else {
    add_pass(kPlain[0]);
  }
  return rows;
}

void paint(const std::uint8_t* color, std::size_t pixel, Image* image) {
  const std::size_t channels = static_cast<std::size_t>(image->shape.channels);
  std::uint8_t* to = image->samples.data() + pixel * channels;
  std::copy_n(color, 3, to);
  if (channels == 4) to[3] = 255;
}

class Reader {
 public:
  Reader(const FileView& file, std::uint64_t max_pixels)
      : file_(file), width_(file.little16(6)), height_(file.little16(8)) {
    check_dimensions(width_, height_, max_pixels, file.name);
    constexpr std::size_t kHeaderBytes = 13;
    palette_ = read_palette(file, kHeaderBytes, file.u8(10));
    find_frame(kHeaderBytes + palette_.bytes());
  }

  ImageFile decode() const {
    const Bytes indices = read_indices();
    const bool covered = frame_.width == width_ && frame_.height == height_;
    const std::size_t background = file_.u8(11);
    const bool colored = !frame_.transparent && background < palette_.count;
    bool has_alpha = !covered && !colored;
    for (const std::uint8_t index : indices) {
      if (frame_.transparent == index) {
        has_alpha = true;
      } else if (index >= frame_.palette.count) {
        throw damaged(file_, "colour " + std::to_string(index) + " of a palette of " +
                                 std::to_string(frame_.palette.count));
      }
    }
    ImageFile result;
    result.image = Image({has_alpha ? 4 : 3, static_cast<int>(height_), static_cast<int>(width_)});
    if (!covered && colored) {
      for (std::size_t i = 0; i < width_ * height_; ++i) {
        paint(palette_.colors + 3 * background, i, &result.image);
      }
    }
    const std::vector<std::size_t> rows = row_order(frame_);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (frame_.transparent == indices[i]) continue;
      const std::size_t row = frame_.y + rows[i / frame_.width];
      paint(frame_.palette.colors + 3 * std::size_t{indices[i]},
            row * width_ + frame_.x + i % frame_.width, &result.image);
    }
    if (has_more()) result.dropped.push_back("further frames");
    return result;
  }

 private:
  void find_frame(std::size_t at) {
    while (file_.u8(at) == kExtension) {
      constexpr std::size_t kGraphicControl = 0xf9;
      if (file_.u8(at + 1) == kGraphicControl && file_.u8(at + 2) == 4) {
        frame_.transparent.reset();
        if ((file_.u8(at + 3) & 1U) != 0) frame_.transparent = file_.u8(at + 6);
      }
      at = skip_blocks(file_, at + 2);
    }
    if (file_.u8(at) != kFrame) throw damaged(file_, "no image");
    frame_.x = file_.little16(at + 1);
    frame_.y = file_.little16(at + 3);
    frame_.width = file_.little16(at + 5);
    frame_.height = file_.little16(at + 7);
    if (frame_.width == 0 || frame_.height == 0 || frame_.x + frame_.width > width_ ||
        frame_.y + frame_.height > height_) {
      throw damaged(file_, "a frame that is empty or not within the canvas");
    }
    const std::size_t flags = file_.u8(at + 9);
    frame_.interlaced = (flags & 0x40U) != 0;
    const Palette own = read_palette(file_, at + 10, flags);
    frame_.palette = own.count > 0 ? own : palette_;
    if (frame_.palette.count == 0) throw damaged(file_, "no palette");
    frame_.data_at = at + 10 + own.bytes();
  }

  Bytes read_indices() const {
    const std::size_t count = frame_.width * frame_.height;
    // A code has at least two bits and stands for at most 4096 pixels; a header that promises more
    // lies, and shall not make us allocate for it.
    if (count > std::size_t{4} * 4096 * file_.size) {
      throw TruncatedError(file_.name + ": the file is too short for a GIF image of " +
                           std::to_string(frame_.height) + "x" + std::to_string(frame_.width));
    }
    return Expander(file_, frame_.data_at).expand(count);
  }

  // True if another frame follows; the end of the file may stand for the trailer.
  bool has_more() const {
    std::size_t at = skip_blocks(file_, frame_.data_at + 1);
    while (at < file_.size && file_.u8(at) == kExtension) at = skip_blocks(file_, at + 2);
    return at < file_.size && file_.u8(at) == kFrame;
  }

  const FileView& file_;
  std::size_t width_;
  std::size_t height_;
  Palette palette_;
  Frame frame_{};
};

}  // namespace

bool is_gif(const FileView& file) {
  return file.starts_with("GIF87a", 6) || file.starts_with("GIF89a", 6);
}

ImageHeader probe_gif(const FileView& file, std::uint64_t max_pixels) {
  return {decode_gif(file, max_pixels).image.shape, 8};
}

ImageFile decode_gif(const FileView& file, std::uint64_t max_pixels) {
  return Reader(file, max_pixels).decode();
}

}  // namespace pie
