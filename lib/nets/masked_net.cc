#include "lib/nets/masked_net.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace pie {

MaskedNet::MaskedNet(const MaskedNetOptions& options) : options_(options) {
  const int64_t numbers = options.numbers, hidden = options.hidden, layers = options.depth + 2;
  const auto orders = torch::arange(numbers);
  auto degrees = torch::empty({hidden}, torch::kInt64);
  for (int64_t degree = 0; degree < std::max<int64_t>(1, numbers - 1); ++degree) {
    const auto [begin, end] = units_of(degree);
    degrees.slice(0, begin, end).fill_(degree);
  }
  for (int64_t i = 0; i < layers; ++i) {
    const bool first = i == 0, last = i + 1 == layers;
    const auto seen = first ? orders : degrees;
    const auto seeing = last ? (orders - 1).repeat({options.parameters}) : degrees;
    const auto mask = seen.unsqueeze(1).le(seeing.unsqueeze(0)).to(torch::kFloat32);
    auto weight = torch::zeros(mask.sizes());
    auto bias = torch::zeros({mask.size(1)});
    if (!last) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(mask.size(0)));
      weight.uniform_(-bound, bound);
      bias.uniform_(-bound, bound);
    }
    const auto n = std::to_string(i);
    weights_.push_back(register_parameter("weight" + n, weight));
    biases_.push_back(register_parameter("bias" + n, bias));
    masks_.push_back(register_buffer("mask" + n, mask));
  }
}

std::pair<int64_t, int64_t> MaskedNet::units_of(int64_t degree) const {
  const int64_t degrees = std::max<int64_t>(1, options_.numbers - 1);
  const auto first = [&](int64_t d) { return (d * options_.hidden + degrees - 1) / degrees; };
  if (degree >= degrees) return {options_.hidden, options_.hidden};
  return {first(degree), first(degree + 1)};
}

std::vector<torch::Tensor> MaskedNet::masked_weights() const {
  std::vector<torch::Tensor> weights;
  for (size_t i = 0; i < weights_.size(); ++i) weights.push_back(weights_[i] * masks_[i]);
  return weights;
}

torch::Tensor MaskedNet::forward(const torch::Tensor& x) {
  return row_network(x, {x.size(0), 1, 1}, 1, bfloat16_, masked_weights(), biases_);
}

torch::Tensor MaskedNet::choose(int64_t n, const Choice& choice) {
  const size_t layers = weights_.size();
  const auto weights = masked_weights();
  // What is known so far: the numbers, then the hidden units of each layer.
  std::vector<torch::Tensor> known(layers, torch::empty({n, 0}, weights[0].options()));
  const auto last = weights.back().view({options_.hidden, options_.parameters, options_.numbers});
  const auto last_bias = biases_.back().view({options_.parameters, options_.numbers});
  for (int64_t i = 0; i < options_.numbers; ++i) {
    const auto& top = known.back();
    const auto parameters =
        torch::addmm(last_bias.select(1, i), top, last.select(2, i).narrow(0, 0, top.size(1)));
    known[0] = torch::cat({known[0], choice(i, parameters)}, 1);
    const auto [begin, end] = units_of(i);
    if (begin == end) continue;
    for (size_t k = 0; k + 1 < layers; ++k) {
      const auto& below = known[k];
      const auto units = torch::addmm(biases_[k].slice(0, begin, end), below,
                                      weights[k].narrow(0, 0, below.size(1)).slice(1, begin, end));
      known[k + 1] = torch::cat({known[k + 1], torch::relu(units)}, 1);
    }
  }
  return known[0];
}

}  // namespace pie
