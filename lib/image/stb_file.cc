#include "lib/image/stb_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "lib/base/error.h"

// The implementation is compiled here and nowhere else, with internal linkage, so that it cannot
// clash with the copy of another library. PNG and PNM have readers of their own: stb_image ignores
// PNG checksums, fills missing samples with zeros, and gets 16-bit PNM wrong.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
// Zeroed memory: what a damaged file leaves undefined (tables, samples) is at least the same
// always.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(pointer, size) std::realloc(pointer, size)
#define STBI_FREE(pointer) std::free(pointer)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_ONLY_PSD
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS (1 << 20)
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace pie {
namespace {

static_assert(STBI_MAX_DIMENSIONS == kMaxSide, "one limit for all formats");

// Feeds memory to stb_image and notices when it wants more than there is: stb_image itself goes on
// with zeros, and calls a truncated image good.
class WatchedInput {
 public:
  WatchedInput(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool exhausted() const { return exhausted_; }

  static const stbi_io_callbacks* callbacks() {
    static const stbi_io_callbacks kCallbacks = {read, skip, at_end};
    return &kCallbacks;
  }

 private:
  static int read(void* user, char* to, int wanted) {
    WatchedInput* input = static_cast<WatchedInput*>(user);
    const std::size_t count =
        std::min(static_cast<std::size_t>(wanted), input->size_ - input->offset_);
    std::memcpy(to, input->data_ + input->offset_, count);
    input->offset_ += count;
    // The first request fills stb_image's look-ahead buffer, and so do later ones to that address:
    // they ask for as much as fits, and only getting nothing is a shortage. Requests to another
    // address need all they ask for.
    if (input->buffer_ == nullptr) input->buffer_ = to;
    const std::size_t needed = to == input->buffer_ ? 1 : static_cast<std::size_t>(wanted);
    if (count < needed) input->exhausted_ = true;
    return static_cast<int>(count);
  }

  static void skip(void* user, int count) {
    WatchedInput* input = static_cast<WatchedInput*>(user);
    if (count > 0) {
      input->offset_ += std::min(static_cast<std::size_t>(count), input->size_ - input->offset_);
    }
  }

  static int at_end(void* user) {
    const WatchedInput* input = static_cast<const WatchedInput*>(user);
    return input->offset_ == input->size_ ? 1 : 0;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t offset_ = 0;
  const char* buffer_ = nullptr;
  bool exhausted_ = false;
};

[[noreturn]] void fail(const WatchedInput& input, const std::string& name) {
  if (input.exhausted()) throw TruncatedError(name + ": the image file ends early");
  const char* reason = stbi_failure_reason();
  const std::string cause = reason == nullptr ? "damaged" : reason;
  if (cause == "unknown image type") {
    throw DamagedError(name + ": not an image file of a known format");
  }
  throw DamagedError(name + ": the image file is damaged (" + cause + ")");
}

// A view of a file's bytes whose reads beyond the end throw TruncatedError.
struct View {
  const std::uint8_t* data;
  std::size_t size;
  const std::string& name;

  std::size_t u8(std::size_t i) const {
    if (i >= size) throw TruncatedError(name + ": the image file ends early");
    return data[i];
  }
  std::size_t u16(std::size_t i) const { return u8(i) << 8 | u8(i + 1); }
  bool starts(const char* magic, std::size_t length, std::size_t at = 0) const {
    return at <= size && size - at >= length && std::memcmp(data + at, magic, length) == 0;
  }
};

enum class Format { kBmp, kGif, kPsd, kTga };

Format detect(const View& view) {
  if (view.starts("BM", 2)) return Format::kBmp;
  if (view.starts("GIF8", 4)) return Format::kGif;
  if (view.starts("8BPS", 4)) return Format::kPsd;
  return Format::kTga;  // has no magic bytes; stb_image judges
}

const char* format_name(Format format) {
  switch (format) {
    case Format::kBmp:
      return "bmp";
    case Format::kGif:
      return "gif";
    case Format::kPsd:
      return "psd";
    case Format::kTga:
      break;
  }
  return "tga";
}

// stb_image reads PSD files as 8-bit RGBA whatever they hold: refuses what that would reduce.
// Returns the true channel count.
int examine_psd(const View& view) {
  const std::size_t channels = view.u16(12);
  const std::size_t depth = view.u16(22);
  if (depth == 16 || channels < 3 || channels > 4) {
    throw UnsupportedError(view.name + ": a PSD file with " + std::to_string(channels) +
                           " channels of " + std::to_string(depth) +
                           " bits; only 3 or 4 of 8 bits can be read without loss");
  }
  return static_cast<int>(channels);
}

// True if a GIF file holds more than one frame. Walks the blocks as far as the data goes.
bool is_animated_gif(const View& view) {
  const auto color_table = [](std::size_t flags) {
    return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0;
  };
  int frames = 0;
  std::size_t at = 13 + color_table(view.u8(10));
  while (at + 10 < view.size) {
    const std::size_t block = view.data[at];
    if (block == 0x2c) {  // image descriptor, then the code size
      if (++frames > 1) return true;
      at += 10 + color_table(view.data[at + 9]) + 1;
    } else if (block == 0x21) {  // extension
      at += 2;
    } else {
      return false;
    }
    while (at < view.size && view.data[at] != 0) at += view.data[at] + std::size_t{1};
    ++at;
  }
  return false;
}

// What shows before stb_image sees a file.
struct Examined {
  std::vector<std::string> dropped;
  int channels = 0;  // 0: stb_image knows
};

Examined examine(const View& view, Format format) {
  Examined examined;
  if (format == Format::kPsd) examined.channels = examine_psd(view);
  if (format == Format::kGif && is_animated_gif(view)) {
    examined.dropped.push_back("further frames");
  }
  return examined;
}

struct StbFree {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

// Shape as stb_image's header parsers see it.
Shape stb_info(const View& view, std::uint64_t max_pixels) {
  WatchedInput input(view.data, view.size);
  int width = 0;
  int height = 0;
  int channels = 0;
  if (stbi_info_from_callbacks(WatchedInput::callbacks(), &input, &width, &height, &channels) ==
      0) {
    fail(input, view.name);
  }
  if (width < 0 || height < 0) throw DamagedError(view.name + ": the image file is damaged");
  check_dimensions(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height),
                   max_pixels, view.name);
  return {channels, height, width};
}

// True if no pixel of an RGBA image is transparent.
bool is_opaque(const Image& rgba) {
  for (std::size_t i = 3; i < rgba.samples.size(); i += 4) {
    if (rgba.samples[i] != 255) return false;
  }
  return true;
}

Image without_alpha(const Image& rgba) {
  Image rgb({3, rgba.shape.height, rgba.shape.width});
  for (std::int64_t p = 0; p < rgba.shape.pixels(); ++p) {
    std::copy_n(rgba.samples.data() + 4 * p, 3, rgb.samples.data() + 3 * p);
  }
  return rgb;
}

}  // namespace

ImageHeader probe_stb(const std::uint8_t* data, std::size_t size, const std::string& name,
                      std::uint64_t max_pixels) {
  const View view{data, size, name};
  const Format format = detect(view);
  ImageHeader header;
  if (format == Format::kGif) {
    // Whether there is transparency shows only in the pixels.
    const ImageFile file = decode_stb(data, size, name, max_pixels);
    header.shape = file.image.shape;
    return header;
  }
  const Examined examined = examine(view, format);
  header.shape = stb_info(view, max_pixels);
  if (examined.channels != 0) header.shape.channels = examined.channels;
  return header;
}

ImageFile decode_stb(const std::uint8_t* data, std::size_t size, const std::string& name,
                     std::uint64_t max_pixels) {
  const View view{data, size, name};
  const Format format = detect(view);
  ImageFile file;
  file.format = format_name(format);
  const Examined examined = examine(view, format);
  file.dropped = examined.dropped;
  stb_info(view, max_pixels);

  WatchedInput input(data, size);
  int width = 0;
  int height = 0;
  int channels = 0;
  const std::unique_ptr<stbi_uc, StbFree> pixels(stbi_load_from_callbacks(
      WatchedInput::callbacks(), &input, &width, &height, &channels, examined.channels));
  if (pixels == nullptr || input.exhausted()) fail(input, name);
  if (examined.channels != 0) channels = examined.channels;
  file.image = Image({channels, height, width});
  std::copy_n(pixels.get(), file.image.samples.size(), file.image.samples.data());

  if (format == Format::kGif) {
    file.notes.push_back("palette");
    if (is_opaque(file.image)) file.image = without_alpha(file.image);
  }
  return file;
}

}  // namespace pie
