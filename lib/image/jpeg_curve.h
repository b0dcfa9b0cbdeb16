// JPEG as what a model's lossy codes are measured against.
#pragma once

#include <vector>

#include "lib/image/image.h"

namespace pie {

struct JpegPoint {
  int quality;          // 1 ... 100
  std::size_t bytes;    // of the file
  double bits_per_dim;  // of the samples in it
  double psnr_db;
};

// Rate and distortion of one JPEG file that holds the set's images side by side in a square: the
// first of them, as many as fill it, up to 2^26 samples. Throws UsageError unless images are gray
// or RGB and the square fits JPEG's 65,500 pixels.
std::vector<JpegPoint> jpeg_curve(const ImageSet& images);

}  // namespace pie
