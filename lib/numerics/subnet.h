// The contract between bijections and the ordinary networks inside them.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>

#include "lib/numerics/rows.h"

namespace pie {

// An ordinary, not necessarily invertible network that keeps height and width.
class Subnet : public torch::nn::Module {
 public:
  // x: [N, in, H, W]; returns [N, out, H, W] in x's dtype.
  torch::Tensor forward(const torch::Tensor& x) {
    const RowGrid grid{x.size(0), x.size(2), x.size(3)};
    return from_rows(forward_rows(to_rows(x), grid), grid);
  }

  // The same on rows of pixels. rows: [N*H*W, in], contiguous; returns [N*H*W, out].
  virtual torch::Tensor forward_rows(const torch::Tensor& rows, const RowGrid& grid) = 0;
};

// Makes a subnetwork with `in` input and `out` output channels: a layer knows its sizes, the model
// picks the network.
using SubnetFactory = std::function<std::shared_ptr<Subnet>(int64_t in, int64_t out)>;

}  // namespace pie
