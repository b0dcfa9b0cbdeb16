// What mean and covariance of a set of points say about it.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace pie {

// The squared Frechet distance of the normal distributions with the moments of the rows of `a` [N,
// d] and `b` [M, d], N, M >= 2: |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) (Heusel et al.
// 2017). Computed in float64.
double frechet_distance(const torch::Tensor& a, const torch::Tensor& b);

// The `count` orthogonal directions along which the rows of x [N, d] vary most.
struct PrincipalAxes {
  torch::Tensor mean;          // [d]
  torch::Tensor directions;    // [count, d], unit vectors, most variance first
  std::vector<double> shares;  // of the whole variance, in [0, 1]
};
PrincipalAxes principal_axes(const torch::Tensor& x, int64_t count);

}  // namespace pie
