#include "lib/image/webp_code.h"

#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <new>
#include <string>

#include "lib/base/error.h"
#include "lib/image/webp_file.h"

namespace pie {
namespace {

// Gray images are coded as equal red, green and blue, which costs next to nothing.
std::size_t coded_channels(const Shape& shape) { return shape.channels % 2 == 0 ? 4 : 3; }

Bytes with_colors(const Image& image) {
  if (image.shape.channels >= 3) return image.samples;
  Bytes samples;
  samples.reserve(static_cast<std::size_t>(image.shape.pixels()) * coded_channels(image.shape));
  const auto step = static_cast<std::size_t>(image.shape.channels);
  for (std::size_t i = 0; i < image.samples.size(); i += step) {
    samples.insert(samples.end(), 3, image.samples[i]);
    if (step == 2) samples.push_back(image.samples[i + 1]);
  }
  return samples;
}

Image without_colors(const Bytes& samples, const Shape& shape) {
  Image image(shape);
  const std::size_t from = coded_channels(shape);
  auto* to = image.samples.data();
  for (std::size_t i = 0; i < samples.size(); i += from) {
    if (samples[i] != samples[i + 1] || samples[i] != samples[i + 2]) {
      throw DamagedError("the WebP code of a gray image has colours");
    }
    *to++ = samples[i];
    if (from == 4) *to++ = samples[i + 3];
  }
  return image;
}

// Owns what libwebp allocates.
struct Encoding {
  Encoding() {
    if (WebPPictureInit(&picture) == 0) throw OperationError("another libwebp than at build time");
    WebPMemoryWriterInit(&file);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &file;
  }
  ~Encoding() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&file);
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;

  void require(int done) const {
    if (done != 0) return;
    if (picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
        picture.error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY) {
      throw std::bad_alloc();
    }
    throw OperationError("libwebp cannot code this image (" +
                         std::to_string(static_cast<int>(picture.error_code)) + ")");
  }

  WebPPicture picture;
  WebPMemoryWriter file;
};

}  // namespace

bool fits_webp(const Shape& shape, int bits) {
  return bits == 8 && std::max(shape.height, shape.width) <= WEBP_MAX_DIMENSION;
}

Bytes encode_webp_code(const Image& image, int effort) {
  if (!fits_webp(image.shape, image.bits)) throw OperationError("no image for WebP");
  // The presets 7 and 8 take hardly longer than 6, the last one twenty times as long.
  const int preset = effort < 7 ? effort : std::max(effort, 8);
  WebPConfig config;
  if (WebPConfigInit(&config) == 0 || WebPConfigLosslessPreset(&config, preset) == 0) {
    throw OperationError("another libwebp than at build time");
  }
  config.exact = 1;  // colours under transparent pixels too
  Encoding encoding;
  auto& picture = encoding.picture;
  picture.use_argb = 1;
  picture.width = static_cast<int>(image.shape.width);
  picture.height = static_cast<int>(image.shape.height);
  const Bytes samples = with_colors(image);
  const auto channels = static_cast<int>(coded_channels(image.shape));
  auto* import = channels == 4 ? WebPPictureImportRGBA : WebPPictureImportRGB;
  encoding.require(import(&picture, samples.data(), channels * picture.width));
  encoding.require(WebPEncode(&config, &picture));
  return Bytes(encoding.file.mem, encoding.file.mem + encoding.file.size);
}

bool is_webp_code(ByteSpan code) { return is_webp(FileView{code.data, code.size, {}}); }

Image decode_webp_code(ByteSpan code, const Shape& shape) {
  const auto require = [](bool right) {
    if (!right) throw DamagedError("not the WebP code of such an image");
  };
  require(fits_webp(shape, 8));
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    throw OperationError("another libwebp than at build time");
  }
  const FileView file{code.data, code.size, {}};
  require(is_webp(file) && file.little32(4) + std::size_t{8} == code.size);
  require(WebPGetFeatures(code.data, code.size, &config.input) == VP8_STATUS_OK);
  constexpr int kLossless = 2;
  require(config.input.format == kLossless && config.input.has_animation == 0 &&
          config.input.width == shape.width && config.input.height == shape.height &&
          (config.input.has_alpha == 0 || shape.channels % 2 == 0));
  const std::size_t channels = coded_channels(shape);
  Bytes samples(static_cast<std::size_t>(shape.pixels()) * channels);
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {samples.data(), static_cast<int>(channels) * config.input.width,
                          samples.size()};
  const VP8StatusCode status = WebPDecode(code.data, code.size, &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  require(status == VP8_STATUS_OK);
  if (shape.channels < 3) return without_colors(samples, shape);
  Image image(shape);
  image.samples = std::move(samples);
  return image;
}

}  // namespace pie
