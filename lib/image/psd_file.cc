#include "lib/image/psd_file.h"

#include <algorithm>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kHeaderBytes = 26;

ImageHeader read_header(const FileView& file, std::uint64_t max_pixels) {
  constexpr std::size_t kGray = 1;
  constexpr std::size_t kRgb = 3;
  const std::size_t version = file.big16(4);
  const std::size_t channels = file.big16(12);
  const std::size_t height = file.big32(14);
  const std::size_t width = file.big32(18);
  const std::size_t bits = file.big16(22);
  const std::size_t mode = file.big16(24);
  const std::size_t colors = mode == kGray ? 1 : 3;
  if (version != 1 || (mode != kGray && mode != kRgb) || (bits != 8 && bits != 16) ||
      (channels != colors && channels != colors + 1)) {
    throw UnsupportedError(file.name + ": a PSD file of mode " + std::to_string(mode) + " with " +
                           std::to_string(channels) + " channels of " + std::to_string(bits) +
                           " bits; convert it to PNG");
  }
  check_dimensions(width, height, max_pixels, file.name);
  return {{static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width)},
          static_cast<int>(bits)};
}

// Expands a row of runs, which are `size` bytes long, to `wanted` bytes.
void unpack(const FileView& file, std::size_t at, std::size_t size, std::size_t wanted,
            std::uint8_t* to) {
  const std::uint8_t* from = file.bytes(at, size);
  const std::uint8_t* const end = from + size;
  const auto take = [&](std::size_t stored, std::size_t expanded) {
    if (static_cast<std::size_t>(end - from) < stored || wanted < expanded) {
      throw DamagedError(file.name + ": the PSD file is damaged (a row has another length)");
    }
    wanted -= expanded;
    return from;
  };
  while (wanted > 0) {
    const std::size_t packet = *take(1, 0);
    ++from;
    if (packet == 128) continue;
    const bool repeated = packet > 128;
    const std::size_t expanded = repeated ? 257 - packet : packet + 1;
    const std::size_t stored = repeated ? 1 : expanded;
    take(stored, expanded);
    if (repeated) {
      std::fill_n(to, expanded, *from);
    } else {
      std::copy_n(from, expanded, to);
    }
    from += stored;
    to += expanded;
  }
}

}  // namespace

bool is_psd(const FileView& file) { return file.starts_with("8BPS", 4); }

ImageHeader probe_psd(const FileView& file, std::uint64_t max_pixels) {
  return read_header(file, max_pixels);
}

ImageFile decode_psd(const FileView& file, std::uint64_t max_pixels) {
  const ImageHeader header = read_header(file, max_pixels);
  const std::size_t channels = static_cast<std::size_t>(header.shape.channels);
  const std::size_t height = static_cast<std::size_t>(header.shape.height);
  const std::size_t width = static_cast<std::size_t>(header.shape.width);
  const std::size_t bytes = header.bits == 16 ? 2 : 1;

  // Three sections come first: data of the mode, resources, layers.
  std::size_t at = kHeaderBytes;
  at += 4 + file.big32(at);
  at += 4 + file.big32(at);
  const bool layered = file.big32(at) > 0;
  at += 4 + file.big32(at);
  const std::size_t compression = file.big16(at);
  at += 2;
  if (compression > 1) {
    throw UnsupportedError(file.name + ": a PSD file with zip compression; convert it to PNG");
  }
  // A header that promises more than the file can hold lies, and shall not make us allocate for it.
  const std::size_t rows = channels * height;
  const bool packed = compression == 1;
  const std::size_t row_bytes = width * bytes;
  file.bytes(at, rows * (packed ? 2 + row_bytes / 64 : row_bytes));

  ImageFile result;
  result.image = Image(header.shape, header.bits);
  std::size_t row_at = at + (packed ? 2 * rows : 0);
  Bytes row(row_bytes);
  for (std::size_t r = 0; r < rows; ++r) {  // all of the first channel, then all of the second, ...
    const std::size_t stored = packed ? file.big16(at + 2 * r) : row_bytes;
    if (packed) {
      unpack(file, row_at, stored, row_bytes, row.data());
    } else {
      std::copy_n(file.bytes(row_at, stored), stored, row.data());
    }
    row_at += stored;
    const std::size_t channel = r / height;
    std::uint8_t* to =
        result.image.samples.data() + (r % height * width * channels + channel) * bytes;
    for (std::size_t x = 0; x < width; ++x, to += channels * bytes) {
      std::copy_n(row.data() + x * bytes, bytes, to);
    }
  }
  if (layered) result.dropped.push_back("layers");
  return result;
}

}  // namespace pie
