// Normal log-densities.
#pragma once

#include <torch/torch.h>

namespace pie {

// ln N(x; 0, sigma^2 I) of each item, [N] nats. x: [N, ...].
torch::Tensor normal_log_prob(const torch::Tensor& x, double sigma);

}  // namespace pie
