#include "lib/numerics/spectral_norm.h"

#include <cmath>

namespace pie {

double spectral_norm(const torch::Tensor& matrix) {
  const torch::NoGradGuard no_grad;
  return torch::linalg_svdvals(matrix.to(torch::kFloat64)).max().item<double>();
}

double convolution_norm_bound(const torch::Tensor& kernel, int64_t height, int64_t width) {
  const torch::NoGradGuard no_grad;
  const int64_t k = kernel.size(2);
  if (k == 1) return spectral_norm(kernel.flatten(1));
  // [out, in, H', W'/2 + 1]: a real kernel has the same singular values at opposite frequencies.
  const auto transform = torch::fft_rfft2(kernel.to(torch::kFloat64),
                                          c10::IntArrayRef({height + k - 1, width + k - 1}));
  const auto at_frequency = transform.permute({2, 3, 0, 1}).flatten(0, 1);
  // The squares are eigenvalues of the smaller of the two Gram matrices.
  const auto adjoint = at_frequency.conj().transpose(1, 2);
  const auto gram = kernel.size(0) < kernel.size(1) ? torch::matmul(at_frequency, adjoint)
                                                    : torch::matmul(adjoint, at_frequency);
  return std::sqrt(torch::linalg_eigvalsh(gram).max().item<double>());
}

}  // namespace pie
