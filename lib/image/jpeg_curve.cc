#include "lib/image/jpeg_curve.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/image/jpeg_file.h"
#include "lib/image/mosaic.h"
#include "lib/image/quality.h"

namespace pie {

std::vector<JpegPoint> jpeg_curve(const ImageSet& images) {
  const auto& g = images.shape();
  // More images would say little more, and take much memory.
  constexpr double kMostSamples = 1 << 26;
  const double fit = std::min(static_cast<double>(images.size()),
                              std::max(1.0, kMostSamples / static_cast<double>(g.elements())));
  const int side = static_cast<int>(std::sqrt(fit));
  MosaicOptions plain;
  plain.margin = 0;
  const auto square =
      mosaic(images.slice(0, static_cast<std::size_t>(side) * static_cast<std::size_t>(side)), side,
             plain);
  std::vector<JpegPoint> curve;
  for (const int quality : {1, 5, 10, 20, 35, 50, 70, 85, 95}) {
    const auto file = encode_jpeg(square, quality);
    const auto decoded = decode_jpeg({file.data(), file.size(), "JPEG"}, kMaxPixels).image;
    Psnr psnr;
    psnr.add(square.samples.data(), decoded.samples.data(), square.samples.size());
    curve.push_back(
        {quality, file.size(),
         8 * static_cast<double>(file.size()) / static_cast<double>(square.samples.size()),
         psnr.pooled_db()});
  }
  return curve;
}

}  // namespace pie
