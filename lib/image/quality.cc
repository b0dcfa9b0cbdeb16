#include "lib/image/quality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPeak = 255;

double to_db(double mse) { return 10 * std::log10(kPeak * kPeak / mse); }

void check_pairs(const ImageSet& a, const ImageSet& b) {
  if (a.shape() != b.shape() || a.size() != b.size()) {
    throw ShapeError("cannot compare " + std::to_string(a.size()) + " images of " +
                     to_string(a.shape()) + " with " + std::to_string(b.size()) + " of " +
                     to_string(b.shape()));
  }
}

// A plane of real numbers.
struct Plane {
  Plane(std::size_t rows, std::size_t columns)
      : height(rows), width(columns), values(rows * columns) {}
  double& at(std::size_t y, std::size_t x) { return values[y * width + x]; }
  double at(std::size_t y, std::size_t x) const { return values[y * width + x]; }

  std::size_t height;
  std::size_t width;
  std::vector<double> values;
};

std::vector<double> gaussian_window(std::size_t size) {
  constexpr double kSigma = 1.5;
  std::vector<double> weights(size);
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double d = static_cast<double>(i) - static_cast<double>(size - 1) / 2;
    weights[i] = std::exp(-d * d / (2 * kSigma * kSigma));
    sum += weights[i];
  }
  for (double& w : weights) w /= sum;
  return weights;
}

// Weighted means over all windows within the plane: the Gaussian is separable.
Plane filter(const Plane& in, const std::vector<double>& window) {
  const std::size_t k = window.size();
  Plane rows(in.height, in.width - k + 1);
  for (std::size_t y = 0; y < rows.height; ++y) {
    for (std::size_t x = 0; x < rows.width; ++x) {
      double sum = 0;
      for (std::size_t i = 0; i < k; ++i) sum += window[i] * in.at(y, x + i);
      rows.at(y, x) = sum;
    }
  }
  Plane out(in.height - k + 1, rows.width);
  for (std::size_t y = 0; y < out.height; ++y) {
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t x = 0; x < out.width; ++x) out.at(y, x) += window[i] * rows.at(y + i, x);
    }
  }
  return out;
}

double ssim_of_channel(std::size_t height, std::size_t width, const std::uint8_t* a,
                       const std::uint8_t* b) {
  constexpr std::size_t kWindow = 11;
  std::size_t size = std::min({kWindow, height, width});
  if (size % 2 == 0) --size;
  const std::vector<double> window = gaussian_window(size);

  Plane va(height, width), vb(height, width), aa(height, width), bb(height, width),
      ab(height, width);
  for (std::size_t i = 0; i < height * width; ++i) {
    va.values[i] = a[i];
    vb.values[i] = b[i];
    aa.values[i] = va.values[i] * va.values[i];
    bb.values[i] = vb.values[i] * vb.values[i];
    ab.values[i] = va.values[i] * vb.values[i];
  }
  const Plane mean_a = filter(va, window), mean_b = filter(vb, window);
  const Plane mean_aa = filter(aa, window), mean_bb = filter(bb, window);
  const Plane mean_ab = filter(ab, window);

  constexpr double kC1 = (0.01 * kPeak) * (0.01 * kPeak);
  constexpr double kC2 = (0.03 * kPeak) * (0.03 * kPeak);
  double sum = 0;
  for (std::size_t i = 0; i < mean_a.values.size(); ++i) {
    const double ma = mean_a.values[i];
    const double mb = mean_b.values[i];
    const double variances = mean_aa.values[i] - ma * ma + mean_bb.values[i] - mb * mb;
    const double covariance = mean_ab.values[i] - ma * mb;
    sum += (2 * ma * mb + kC1) * (2 * covariance + kC2) /
           ((ma * ma + mb * mb + kC1) * (variances + kC2));
  }
  return sum / static_cast<double>(mean_a.values.size());
}

}  // namespace

void RunningMean::add(double value) {
  ++count_;
  const double before = value - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (value - mean_);
}

double RunningMean::mean() const { return count_ == 0 ? kNan : mean_; }

double RunningMean::standard_error() const {
  if (count_ < 2) return kNan;
  const double n = static_cast<double>(count_);
  return std::sqrt(squares_ / (n - 1) / n);
}

void Psnr::add(const std::uint8_t* a, const std::uint8_t* b, std::size_t samples) {
  std::uint64_t error = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const int d = int{a[i]} - int{b[i]};
    error += static_cast<std::uint64_t>(d * d);
  }
  ++images_;
  squared_error_ += error;
  samples_ += samples;
  if (error != 0) {
    per_image_.add(to_db(static_cast<double>(error) / static_cast<double>(samples)));
  }
}

void Psnr::add(const ImageSet& a, const ImageSet& b) {
  check_pairs(a, b);
  const auto samples = static_cast<std::size_t>(a.shape().elements());
  for (std::size_t i = 0; i < a.size(); ++i) add(a.data(i), b.data(i), samples);
}

double Psnr::mse() const {
  return samples_ == 0 ? kNan : static_cast<double>(squared_error_) / static_cast<double>(samples_);
}

double Psnr::pooled_db() const { return to_db(mse()); }

double Psnr::mean_of_images_db() const {
  const bool all_identical = images_ > 0 && per_image_.count() == 0;
  return all_identical ? std::numeric_limits<double>::infinity() : per_image_.mean();
}

double ssim(const Shape& shape, const std::uint8_t* a, const std::uint8_t* b) {
  const std::size_t height = static_cast<std::size_t>(shape.height);
  const std::size_t width = static_cast<std::size_t>(shape.width);
  double sum = 0;
  for (int c = 0; c < shape.channels; ++c) {
    const std::size_t start = static_cast<std::size_t>(c * shape.pixels());
    sum += ssim_of_channel(height, width, a + start, b + start);
  }
  return sum / static_cast<double>(shape.channels);
}

RunningMean ssim(const ImageSet& a, const ImageSet& b) {
  check_pairs(a, b);
  RunningMean mean;
  for (std::size_t i = 0; i < a.size(); ++i) mean.add(ssim(a.shape(), a.data(i), b.data(i)));
  return mean;
}

double sharpness(const Shape& shape, const std::uint8_t* planar) {
  if (shape.height < 3 || shape.width < 3) {
    throw ShapeError("the sharpness of an image needs at least 3x3 pixels, not " +
                     to_string(shape));
  }
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  Plane luma(static_cast<std::size_t>(shape.height), static_cast<std::size_t>(shape.width));
  for (std::size_t p = 0; p < pixels; ++p) {
    const double value = shape.channels >= 3 ? 0.299 * planar[p] + 0.587 * planar[p + pixels] +
                                                   0.114 * planar[p + 2 * pixels]
                                             : planar[p];
    luma.values[p] = value / kPeak;
  }
  std::vector<double> edges;
  edges.reserve(pixels);
  double sum = 0;
  for (std::size_t y = 1; y + 1 < luma.height; ++y) {
    for (std::size_t x = 1; x + 1 < luma.width; ++x) {
      edges.push_back(luma.at(y - 1, x) + luma.at(y + 1, x) + luma.at(y, x - 1) +
                      luma.at(y, x + 1) - 4 * luma.at(y, x));
      sum += edges.back();
    }
  }
  const double count = static_cast<double>(edges.size());
  const double mean = sum / count;
  double squares = 0;
  for (const double e : edges) squares += (e - mean) * (e - mean);
  return squares / count;
}

RunningMean sharpness(const ImageSet& images) {
  RunningMean mean;
  for (std::size_t i = 0; i < images.size(); ++i) {
    mean.add(sharpness(images.shape(), images.data(i)));
  }
  return mean;
}

}  // namespace pie
