#include "lib/nets/dcgan.h"

#include <cmath>
#include <string>

#include "lib/base/error.h"

namespace pie {
namespace {

// Filters at scale s, the images themselves being scale 0.
int64_t filters_at(const DcganOptions& o, int64_t scale) {
  return scale == 0 ? o.channels : o.filters << (scale - 1);
}

void check(const DcganOptions& o) {
  const int64_t cell = int64_t{1} << o.scales;
  if (o.height % cell != 0 || o.width % cell != 0) {
    throw ShapeError("DCGAN networks of " + std::to_string(o.scales) +
                     " scales need sides that are multiples of " + std::to_string(cell) + ", not " +
                     std::to_string(o.height) + "x" + std::to_string(o.width));
  }
}

// As DCGAN's N(0, 0.02^2) is for its own widths: variance 2 / (what a value is the sum of).
torch::Tensor random_weight(torch::IntArrayRef shape, double terms) {
  return torch::randn(shape) * std::sqrt(2.0 / terms);
}

torch::Tensor normalised(const torch::Tensor& x, const torch::Tensor& scale,
                         const torch::Tensor& shift) {
  return torch::group_norm(x, 1, scale, shift);
}

}  // namespace

DcganEncoder::DcganEncoder(const DcganOptions& o, int64_t outputs) {
  check(o);
  for (int64_t s = 0; s < o.scales; ++s) {
    const int64_t in = filters_at(o, s), out = filters_at(o, s + 1);
    const auto index = std::to_string(s);
    kernels_.push_back(register_parameter(
        "kernel" + index, random_weight({out, in, 4, 4}, 16.0 * static_cast<double>(in))));
    scales_.push_back(s == 0 ? torch::Tensor()
                             : register_parameter("scale" + index, torch::ones({out})));
    shifts_.push_back(register_parameter("shift" + index, torch::zeros({out})));
  }
  const int64_t features = filters_at(o, o.scales) * (o.height >> o.scales) * (o.width >> o.scales);
  weight_ = register_parameter(
      "weight", random_weight({outputs, features}, 2 * static_cast<double>(features)));
  bias_ = register_parameter("bias", torch::zeros({outputs}));
}

torch::Tensor DcganEncoder::forward(const torch::Tensor& x) {
  auto h = x;
  for (size_t s = 0; s < kernels_.size(); ++s) {
    const bool plain = !scales_[s].defined();
    h = torch::conv2d(h, kernels_[s], plain ? shifts_[s] : torch::Tensor(), 2, 1);
    if (!plain) h = normalised(h, scales_[s], shifts_[s]);
    h = torch::leaky_relu(h, 0.2);
  }
  return torch::addmm(bias_, h.flatten(1), weight_.t());
}

DcganDecoder::DcganDecoder(const DcganOptions& o, int64_t inputs)
    : height_(o.height >> o.scales), width_(o.width >> o.scales) {
  check(o);
  const int64_t features = filters_at(o, o.scales) * height_ * width_;
  weight_ =
      register_parameter("weight", random_weight({features, inputs}, static_cast<double>(inputs)));
  bias_ = register_parameter("bias", torch::zeros({features}));
  for (int64_t s = o.scales; s > 0; --s) {
    const int64_t in = filters_at(o, s), out = filters_at(o, s - 1);
    const auto index = std::to_string(s);
    // A value is the sum over a quarter of the taps.
    kernels_.push_back(register_parameter(
        "kernel" + index, random_weight({in, out, 4, 4}, 4.0 * static_cast<double>(in))));
    if (s == o.scales) continue;
    scales_.push_back(register_parameter("scale" + index, torch::ones({in})));
    shifts_.push_back(register_parameter("shift" + index, torch::zeros({in})));
  }
  last_bias_ = register_parameter("last_bias", torch::zeros({o.channels}));
}

torch::Tensor DcganDecoder::forward(const torch::Tensor& z) {
  auto h = torch::addmm(bias_, z, weight_.t()).view({z.size(0), -1, height_, width_});
  for (size_t s = 0; s < kernels_.size(); ++s) {
    if (s > 0) h = normalised(h, scales_[s - 1], shifts_[s - 1]);
    h = torch::relu(h);
    const bool last = s + 1 == kernels_.size();
    h = torch::conv_transpose2d(h, kernels_[s], last ? last_bias_ : torch::Tensor(), 2, 1);
  }
  return torch::sigmoid(h);
}

}  // namespace pie
