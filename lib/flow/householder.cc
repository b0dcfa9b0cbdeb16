#include "lib/flow/householder.h"

#include "lib/numerics/rows.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The product of all reflections at once (compact WY form): Q = I - V^T S, S = A^-1 V, with V the
// vectors as rows and A the part of V V^T above its diagonal plus half the diagonal. In float64:
// with many reflections A is ill-conditioned, and what is lost here makes Q less orthogonal.
struct CompactProduct {
  torch::Tensor v, a, s, q;
};

CompactProduct multiply(const torch::Tensor& vectors) {
  const auto v = vectors.to(torch::kFloat64);
  const auto identity = torch::eye(v.size(1), v.options());
  if (v.size(0) == 0) return {v, v, v, identity};
  auto a = torch::mm(v, v.t()).triu();
  a.diagonal().mul_(0.5);
  const auto s = torch::linalg_solve_triangular(a, v, /*upper=*/true);
  return {v, a, s, torch::addmm(identity, v.t(), s, 1, -1)};
}

// y = x Q^T on rows of pixels as one node of the graph: recorded one by one, the small products of
// which Q consists would cost more than they compute.
class ReflectRows : public torch::autograd::Function<ReflectRows> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& vectors) {
    const auto [v, a, s, product] = multiply(vectors);
    const auto q = product.to(x.scalar_type());
    ctx->save_for_backward({x, v, a, s, q});
    return torch::mm(x, q.t());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &v = saved[1], &a = saved[2], &s = saved[3], &q = saved[4];
    const auto grad_x = torch::mm(grads[0], q);
    if (v.size(0) == 0) return {grad_x, torch::zeros(v.sizes(), x.options())};
    const auto grad_q = torch::mm(grads[0].t(), x).to(torch::kFloat64);
    // Q = I - V^T S gives dV = -S dQ^T and dS = -V dQ. With W = A^-T V dQ, S = A^-1 V gives
    // dV = -W and dA = W S^T, whose upper triangle, the diagonal halved, is the gradient of V V^T.
    const auto w = torch::linalg_solve_triangular(a.t(), torch::mm(v, grad_q), /*upper=*/false);
    auto grad_gram = torch::mm(w, s.t()).triu();
    grad_gram.diagonal().mul_(0.5);
    const auto symmetric = grad_gram + grad_gram.t();
    const auto grad_v = torch::mm(symmetric, v).sub_(w).sub_(torch::mm(s, grad_q.t()));
    return {grad_x, grad_v.to(x.scalar_type())};
  }
};

}  // namespace

Householder::Householder(Shape in, int64_t reflections) : Bijection(in) {
  vectors_ = register_parameter("vectors", torch::randn({reflections, in.channels}));
}

torch::Tensor Householder::matrix() const {
  return multiply(vectors_).q.to(vectors_.scalar_type());
}

Mapped Householder::do_forward(const torch::Tensor& x) {
  return {do_latent(x), x.new_zeros({x.size(0)})};
}

torch::Tensor Householder::do_latent(const torch::Tensor& x) {
  return from_rows(ReflectRows::apply(to_rows(x), vectors_), {x.size(0), x.size(2), x.size(3)});
}

torch::Tensor Householder::do_inverse(const torch::Tensor& z) {
  return from_rows(torch::mm(to_rows(z), matrix()), {z.size(0), z.size(2), z.size(3)});
}

}  // namespace pie
