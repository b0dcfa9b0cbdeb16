// How much images differ (PSNR, SSIM) and how sharp they are, on 8-bit samples.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/image/image.h"

namespace pie {

// Mean and spread of any number of values, in one stable pass.
class RunningMean {
 public:
  void add(double value);
  std::size_t count() const { return count_; }
  double mean() const;            // NaN of no values
  double standard_error() const;  // of the mean; NaN of fewer than two values

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared distances from the mean
};

// PSNR over any number of image pairs, in dB with a peak of 255.
class Psnr {
 public:
  // Adds one pair of images of `samples` samples each, in the same order.
  void add(const std::uint8_t* a, const std::uint8_t* b, std::size_t samples);
  // Adds the pairs of two sets. Throws ShapeError unless shape and number agree.
  void add(const ImageSet& a, const ImageSet& b);

  std::size_t images() const { return images_; }
  // Mean squared error over all samples of all pairs, in 8-bit units; NaN of no pairs.
  double mse() const;
  // 10 log10(255^2 / mse()); infinite if all pairs are identical.
  double pooled_db() const;
  // The mean of the PSNRs of the pairs that differ; infinite if none does, NaN of no pairs.
  double mean_of_images_db() const;

 private:
  std::uint64_t squared_error_ = 0;
  std::uint64_t samples_ = 0;
  std::size_t images_ = 0;
  RunningMean per_image_;
};

// Mean structural similarity of two 8-bit images (planar, `shape.elements()` bytes each): Wang
// et al. 2004, with an 11x11 Gaussian window of standard deviation 1.5 (for an image with a side
// below 11, the largest odd window that fits), K1 = 0.01, K2 = 0.03, population covariances, only
// windows that lie within the image; computed on each channel, then averaged over windows and
// channels.
double ssim(const Shape& shape, const std::uint8_t* a, const std::uint8_t* b);

// The SSIM of each pair of two sets, to be averaged. Throws ShapeError unless shape and number
// agree.
RunningMean ssim(const ImageSet& a, const ImageSet& b);

// Sharpness of one 8-bit image (planar): samples divided by 255, colour reduced to luma
// (0.299 R + 0.587 G + 0.114 B, not rounded; alpha is ignored), convolved with the 4-neighbour
// Laplacian [[0,1,0],[1,-4,1],[0,1,0]] without padding; the population variance of the result.
// Throws ShapeError if the image is smaller than 3x3.
double sharpness(const Shape& shape, const std::uint8_t* planar);

// The sharpness of each image of a set, to be averaged.
RunningMean sharpness(const ImageSet& images);

}  // namespace pie
