#include "lib/nets/masked_net.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/nets/row_network.h"

namespace pie {
namespace {

// The columns of a matrix of n rows that are known so far; those that come need not be copied
// again, unless gradients are wanted.
class KnownColumns {
 public:
  KnownColumns(int64_t n, int64_t most, const torch::TensorOptions& options)
      : with_gradient_(torch::GradMode::is_enabled()),
        values_(torch::empty({n, with_gradient_ ? 0 : most}, options)) {}

  torch::Tensor all() const { return values_.narrow(1, 0, count_); }
  void append(const torch::Tensor& columns) {
    if (with_gradient_) {
      values_ = torch::cat({values_, columns}, 1);
    } else {
      values_.narrow(1, count_, columns.size(1)).copy_(columns);
    }
    count_ += columns.size(1);
  }

 private:
  bool with_gradient_;
  torch::Tensor values_;
  int64_t count_ = 0;
};

}  // namespace

MaskedNet::MaskedNet(const MaskedNetOptions& options) : options_(options) {
  const int64_t numbers = options.numbers, hidden = options.hidden, layers = options.depth + 2;
  if (numbers > kMostNumbers) {
    throw ShapeError("an autoregressive step takes at most " + std::to_string(kMostNumbers) +
                     " numbers, not " + std::to_string(numbers));
  }
  const auto orders = torch::arange(numbers);
  auto degrees = torch::empty({hidden}, torch::kInt64);
  for (int64_t degree = 0; degree < std::max<int64_t>(1, numbers - 1); ++degree) {
    const auto [begin, end] = units_of(degree);
    degrees.slice(0, begin, end).fill_(degree);
  }
  for (int64_t i = 0; i < layers; ++i) {
    const bool first = i == 0, last = i + 1 == layers;
    seen_.push_back(first ? orders : degrees);
    seeing_.push_back(last ? (orders - 1).repeat({options.parameters}) : degrees);
    const int64_t in = seen_.back().size(0), out = seeing_.back().size(0);
    auto weight = torch::zeros({in, out});
    auto bias = torch::zeros({out});
    if (!last) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(in));
      weight.uniform_(-bound, bound);
      bias.uniform_(-bound, bound);
    }
    const auto n = std::to_string(i);
    weights_.push_back(register_parameter("weight" + n, weight));
    biases_.push_back(register_parameter("bias" + n, bias));
  }
  const torch::NoGradGuard no_grad;
  const auto masked = masked_weights();
  for (size_t i = 0; i < weights_.size(); ++i) weights_[i].copy_(masked[i]);
}

std::pair<int64_t, int64_t> MaskedNet::units_of(int64_t degree) const {
  const int64_t degrees = std::max<int64_t>(1, options_.numbers - 1);
  const auto first = [&](int64_t d) { return (d * options_.hidden + degrees - 1) / degrees; };
  if (degree >= degrees) return {options_.hidden, options_.hidden};
  return {first(degree), first(degree + 1)};
}

std::vector<torch::Tensor> MaskedNet::masked_weights() const {
  std::vector<torch::Tensor> weights;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const auto device = weights_[i].device();
    const auto seen = seen_[i].to(device).unsqueeze(1), seeing = seeing_[i].to(device).unsqueeze(0);
    weights.push_back(weights_[i].masked_fill(seen.gt(seeing), 0));
  }
  return weights;
}

torch::Tensor MaskedNet::forward(const torch::Tensor& x) {
  return row_network(x, {x.size(0), 1, 1}, 1, bfloat16_, masked_weights(), biases_);
}

torch::Tensor MaskedNet::choose(int64_t n, const Choice& choice) {
  const size_t layers = weights_.size();
  const auto weights = masked_weights();
  // What is known so far: the numbers, then the hidden units of each layer.
  std::vector<KnownColumns> known;
  for (size_t k = 0; k < layers; ++k) {
    known.emplace_back(n, k == 0 ? options_.numbers : options_.hidden, weights[0].options());
  }
  const auto last = weights.back().view({options_.hidden, options_.parameters, options_.numbers});
  const auto last_bias = biases_.back().view({options_.parameters, options_.numbers});
  for (int64_t i = 0; i < options_.numbers; ++i) {
    const auto top = known.back().all();
    const auto parameters =
        torch::addmm(last_bias.select(1, i), top, last.select(2, i).narrow(0, 0, top.size(1)));
    known[0].append(choice(i, parameters));
    const auto [begin, end] = units_of(i);
    if (begin == end) continue;
    for (size_t k = 0; k + 1 < layers; ++k) {
      const auto below = known[k].all();
      known[k + 1].append(
          torch::relu(torch::addmm(biases_[k].slice(0, begin, end), below,
                                   weights[k].narrow(0, 0, below.size(1)).slice(1, begin, end))));
    }
  }
  return known[0].all();
}

}  // namespace pie
