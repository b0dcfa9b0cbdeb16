// Which of two ways functions of tensors go: through loops of our own, or through LibTorch's plain
// operations, which every device has.
#pragma once

#include <torch/torch.h>

namespace pie {

// Whether functions of `x` go through loops of our own: on CPUs, unless PlainOperations are on.
bool own_loops(const torch::Tensor& x);

// While it lives, all functions go through plain operations, on CPUs too: how tests see what other
// devices do. Of the whole process.
class PlainOperations {
 public:
  PlainOperations();
  ~PlainOperations();
  PlainOperations(const PlainOperations&) = delete;
  PlainOperations& operator=(const PlainOperations&) = delete;
};

}  // namespace pie
