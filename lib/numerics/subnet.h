// The contract between bijections and the ordinary networks inside them.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>

namespace pie {

// An ordinary, not necessarily invertible network that keeps height and width.
class Subnet : public torch::nn::Module {
 public:
  // x: [N, in, H, W]; returns [N, out, H, W] in x's dtype.
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
};

// Makes a subnetwork with `in` input and `out` output channels: a layer knows its sizes, the model
// picks the network.
using SubnetFactory = std::function<std::shared_ptr<Subnet>(int64_t in, int64_t out)>;

}  // namespace pie
