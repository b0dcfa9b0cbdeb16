// Bijections that only move elements; their log-det is 0.
#pragma once

#include "lib/flow/bijection.h"

namespace pie {

// Checkerboard space-to-depth, [C, H, W] -> [4C, H/2, W/2] (PIE Sec. 4.4). Each 2x2 cell
//     a b
//     c d
// of input channel k becomes output channels in phase-major order: all a's (channels 0..C-1), then
// the diagonal neighbours d, then b, then c. So the first half of the output channels is one colour
// of the checkerboard and the second half the other.
class Downsampling final : public Bijection {
 public:
  explicit Downsampling(Shape in);  // throws ShapeError unless height and width are even
  Shape output_shape() const override;

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;
};

// Channels in reverse order, which exchanges the halves of the next coupling.
class Reversal final : public Bijection {
 public:
  explicit Reversal(Shape in) : Bijection(in) {}

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;
};

// Channels in an order of chance, always the same one for a seed.
class Shuffle final : public Bijection {
 public:
  Shuffle(Shape in, uint64_t seed);

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;

  torch::Tensor order_, inverse_order_;  // [C] int64, on the CPU
};

// [C, H, W] -> [C*H*W, 1, 1] in row-major order: from here on layers are fully connected.
class Flatten final : public Bijection {
 public:
  explicit Flatten(Shape in) : Bijection(in) {}
  Shape output_shape() const override { return {input_shape().elements(), 1, 1}; }

 private:
  Mapped do_forward(const torch::Tensor& x) override;
  torch::Tensor do_inverse(const torch::Tensor& z) override;
};

}  // namespace pie
