#include "lib/image/psd_file.h"

#include "lib/base/error.h"
#include "lib/image/stb_file.h"

namespace pie {
namespace {

constexpr std::size_t kHeaderBytes = 26;
constexpr int kChannels = 3;

// stb_image computes other colours where there is alpha, and reads 16 bits as 8.
Shape read_header(const FileView& file, std::uint64_t max_pixels) {
  constexpr std::size_t kRgb = 3;  // a mode
  if (file.big16(4) != 1 || file.big16(12) != kChannels || file.big16(22) != 8 ||
      file.big16(24) != kRgb) {
    throw UnsupportedError(file.name + ": a PSD file of another kind than RGB of 8 bits without " +
                           "alpha; convert it to PNG");
  }
  const std::size_t height = file.big32(14);
  const std::size_t width = file.big32(18);
  check_dimensions(width, height, max_pixels, file.name);
  return {kChannels, static_cast<int>(height), static_cast<int>(width)};
}

// Throws DamagedError unless the runs in `size` bytes make a row of `width` samples: stb_image does
// not look where a row ends.
void check_row(const FileView& file, std::size_t at, std::size_t size, std::size_t width) {
  const std::size_t end = at + size;
  std::size_t samples = 0;
  while (at < end) {
    const std::size_t packet = file.u8(at++);
    if (packet == 128) continue;
    const bool repeated = packet > 128;
    samples += repeated ? 257 - packet : packet + 1;
    at += repeated ? 1 : packet + 1;
  }
  if (at != end || samples != width) {
    throw DamagedError(file.name + ": the PSD file is damaged (a row has another length)");
  }
}

}  // namespace

bool is_psd(const FileView& file) { return file.starts_with("8BPS", 4); }

ImageHeader probe_psd(const FileView& file, std::uint64_t max_pixels) {
  return {read_header(file, max_pixels), 8};
}

ImageFile decode_psd(const FileView& file, std::uint64_t max_pixels) {
  const Shape shape = read_header(file, max_pixels);
  const std::size_t width = static_cast<std::size_t>(shape.width);
  const std::size_t rows = kChannels * static_cast<std::size_t>(shape.height);

  // Three sections come first: data of the mode, resources, layers.
  std::size_t at = kHeaderBytes;
  at += 4 + file.big32(at);
  at += 4 + file.big32(at);
  const bool layered = file.big32(at) > 0;
  at += 4 + file.big32(at);
  const std::size_t compression = file.big16(at);
  at += 2;
  if (compression == 0) {
    file.bytes(at, rows * width);  // all there
  } else if (compression == 1) {
    std::size_t row_at = at + 2 * rows;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t size = file.big16(at + 2 * r);
      file.bytes(row_at, size);
      check_row(file, row_at, size, width);
      row_at += size;
    }
  } else {
    throw UnsupportedError(file.name + ": a PSD file with zip compression; convert it to PNG");
  }

  ImageFile result;
  result.image = decode_by_stb(file, shape);
  if (layered) result.dropped.push_back("layers");
  return result;
}

}  // namespace pie
