#include "lib/flow/sequence.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace pie {

Sequence::Sequence(Shape in, std::vector<std::shared_ptr<Bijection>> steps)
    : Bijection(in), steps_(std::move(steps)) {
  Shape shape = in;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i]->input_shape() != shape) {
      throw ShapeError("step " + std::to_string(i) + " takes " +
                       to_string(steps_[i]->input_shape()) + ", the step before gives " +
                       to_string(shape));
    }
    shape = steps_[i]->output_shape();
    register_module(std::to_string(i), steps_[i]);
  }
}

Shape Sequence::output_shape() const {
  return steps_.empty() ? input_shape() : steps_.back()->output_shape();
}

bool Sequence::estimates_log_det() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->estimates_log_det(); });
}

bool Sequence::inverts_fast() const {
  return std::all_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->inverts_fast(); });
}

Mapped Sequence::do_forward(const torch::Tensor& x) { return do_estimate(x, LogDetEstimator()); }

Mapped Sequence::do_estimate(const torch::Tensor& x, const LogDetEstimator& how) {
  Mapped total{x, x.new_zeros({x.size(0)})};
  for (const auto& step : steps_) {
    const auto mapped = step->forward(total.value, how);
    total = {mapped.value, total.log_det + mapped.log_det,
             sum_of_defined(total.evaluations, mapped.evaluations)};
  }
  return total;
}

torch::Tensor Sequence::do_latent(const torch::Tensor& x) {
  auto value = x;
  for (const auto& step : steps_) value = step->latent(value);
  return value;
}

torch::Tensor Sequence::do_inverse(const torch::Tensor& z) {
  auto value = z;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) value = (*step)->inverse(value);
  return value;
}

}  // namespace pie
