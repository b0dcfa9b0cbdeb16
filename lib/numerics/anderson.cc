#include "lib/numerics/anderson.h"

#include <algorithm>
#include <limits>

namespace pie {
namespace {

double rounding(torch::ScalarType type) {
  return type == torch::kFloat64 ? std::numeric_limits<double>::epsilon()
                                 : std::numeric_limits<float>::epsilon();
}

}  // namespace

torch::Tensor AndersonIteration::next(const torch::Tensor& x, const torch::Tensor& image,
                                      double residual) {
  if (steps_ > 0 && residual > rate_ * last_residual_) depth_ = 0;
  last_residual_ = residual;
  if (depth_ == 0) return image;
  const auto step = image - x;
  if (steps_ == 0) {
    changes_of_step_ = torch::zeros({depth_, x.numel()}, x.options());
    changes_of_image_ = torch::zeros_like(changes_of_step_);
    gram_ = torch::zeros({depth_, depth_}, x.options().dtype(torch::kFloat64));
  } else {
    const int64_t row = (steps_ - 1) % depth_;
    changes_of_step_[row].copy_(step - step_);
    changes_of_image_[row].copy_(image - image_);
    const auto products = changes_of_step_.mv(changes_of_step_[row]).to(torch::kFloat64);
    gram_.select(0, row).copy_(products);
    gram_.select(1, row).copy_(products);
  }
  step_ = step;
  image_ = image;
  const int64_t known = std::min(steps_++, depth_);
  if (known == 0) return image;
  auto gram = gram_.slice(0, 0, known).slice(1, 0, known).clone();
  // Steps that are nearly multiples of each other would get huge weights from rounding alone.
  gram.diagonal().add_(10 * rounding(x.scalar_type()) * gram.diagonal().sum());
  const auto products = changes_of_step_.slice(0, 0, known).mv(step).to(torch::kFloat64);
  const auto weights = torch::linalg_solve(gram, products).to(x.scalar_type());
  return image - changes_of_image_.slice(0, 0, known).t().mv(weights);
}

}  // namespace pie
