#include "lib/image/jpeg_curve.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/image/image_io.h"
#include "lib/image/mosaic.h"
#include "lib/image/quality.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace pie {
namespace {

Bytes encode_jpeg(const Image& image, int quality) {
  std::string file;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                               static_cast<std::size_t>(size));
  };
  const auto& g = image.geometry;
  if (stbi_write_jpg_to_func(append, &file, g.width, g.height, g.channels, image.samples.data(),
                             quality) == 0) {
    throw UsageError("JPEG cannot hold " + to_string(g));
  }
  return {file.begin(), file.end()};
}

// The samples of `decoded` as an image of `channels`: the coder stores gray as three equal ones.
Bytes with_channels(const Image& decoded, int channels) {
  const int stored = decoded.geometry.channels;
  Bytes samples;
  samples.reserve(decoded.samples.size());
  for (std::size_t i = 0; i < decoded.samples.size(); ++i) {
    if (static_cast<int>(i % static_cast<std::size_t>(stored)) < channels) {
      samples.push_back(decoded.samples[i]);
    }
  }
  return samples;
}

}  // namespace

std::vector<JpegPoint> jpeg_curve(const ImageSet& images) {
  const auto& g = images.geometry();
  // More images would say little more, and take much memory.
  constexpr double kMostSamples = 1 << 26;
  const double fit = std::min(static_cast<double>(images.size()),
                              std::max(1.0, kMostSamples / static_cast<double>(g.elements())));
  const int side = static_cast<int>(std::sqrt(fit));
  if ((g.channels != 1 && g.channels != 3) || side * std::max(g.width, g.height) > 65535) {
    throw UsageError("JPEG cannot hold " + std::to_string(images.size()) + " images of " +
                     to_string(g));
  }
  MosaicOptions plain;
  plain.margin = 0;
  const auto square =
      mosaic(images.slice(0, static_cast<std::size_t>(side) * static_cast<std::size_t>(side)), side,
             plain);
  std::vector<JpegPoint> curve;
  for (const int quality : {1, 5, 10, 20, 35, 50, 70, 85, 95}) {
    const auto file = encode_jpeg(square, quality);
    const auto decoded = with_channels(decode_image(file, "JPEG").image, g.channels);
    Psnr psnr;
    psnr.add(square.samples.data(), decoded.data(), square.samples.size());
    curve.push_back(
        {quality, file.size(),
         8 * static_cast<double>(file.size()) / static_cast<double>(square.samples.size()),
         psnr.pooled_db()});
  }
  return curve;
}

}  // namespace pie
