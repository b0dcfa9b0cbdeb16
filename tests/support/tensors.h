// Tensors and modules as the tests want them: seeded, and compared with a stated tolerance.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace pie {

// Standard normal numbers; the same for the same seed.
inline torch::Tensor normal_tensor(const std::vector<int64_t>& shape, uint64_t seed,
                                   torch::ScalarType dtype = torch::kFloat64) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, torch::TensorOptions().dtype(torch::kFloat64)).to(dtype);
}

// Uniform numbers in [low, high).
inline torch::Tensor uniform_tensor(const std::vector<int64_t>& shape, double low, double high,
                                    uint64_t seed, torch::ScalarType dtype = torch::kFloat64) {
  auto generator = at::detail::createCPUGenerator(seed);
  const auto unit = at::rand(shape, generator, torch::TensorOptions().dtype(torch::kFloat64));
  return (unit * (high - low) + low).to(dtype);
}

// Moves every parameter by normal noise: layers start at the identity, where much of a wrong
// formula would not show.
inline void perturb(torch::nn::Module& module, double scale, uint64_t seed) {
  torch::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) {
    parameter.add_(normal_tensor(parameter.sizes().vec(), seed++, parameter.scalar_type()), scale);
  }
}

// The largest |a - b|; infinite where that is not a number.
inline double max_difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.numel() == 0) return 0;
  const auto difference = (a.detach().to(torch::kFloat64) - b.detach().to(torch::kFloat64)).abs();
  return torch::nan_to_num(difference, INFINITY, INFINITY).max().item<double>();
}

// EXPECT that `a` and `b` have equal shapes and dtypes, and values at most `tolerance` apart.
inline void expect_close(const torch::Tensor& a, const torch::Tensor& b, double tolerance) {
  ASSERT_EQ(a.sizes(), b.sizes());
  ASSERT_EQ(a.scalar_type(), b.scalar_type());
  EXPECT_LE(max_difference(a, b), tolerance);
}

inline bool all_finite(const torch::Tensor& x) { return torch::isfinite(x).all().item<bool>(); }

}  // namespace pie
