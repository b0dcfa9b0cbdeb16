#include "lib/flow/residual_block.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/numerics/anderson.h"
#include "lib/numerics/row_parts.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What an estimate of one log-det leaves for its gradient: d log_det = sum_p <w_p, dJ v_p>.
struct Probe {
  torch::Tensor v, w;  // [M, C]
};

// The exact log-det and, where wanted, its gradient: the unit vectors as v, (I + J)^-T times them
// as w.
torch::Tensor exact_log_det(const ContractiveMap& map, const torch::Tensor& x, const RowGrid& grid,
                            bool with_gradient, std::vector<Probe>& probes) {
  const int64_t n = grid.n, d = x.numel() / n;
  auto jacobian = torch::empty({n, d, d}, x.options());
  const auto unit = [&](int64_t i) {
    auto e = torch::zeros({n, d}, x.options());
    e.select(1, i).fill_(1);
    return e.view(x.sizes());
  };
  for (const auto& part : row_parts(grid, map.rows_at_once())) {
    const auto at = map.linearize(part.rows_of(x), part.grid, 1);
    for (int64_t i = 0; i < d; ++i) {
      const auto row = at->vjp(part.rows_of(unit(i)).contiguous());
      jacobian.narrow(0, part.begin, part.grid.n).select(1, i).copy_(row.view({part.grid.n, d}));
    }
  }
  jacobian.diagonal(0, 1, 2).add_(1);
  if (with_gradient) {
    // Row i of the inverse is (I + J)^-T e_i.
    const auto inverse = torch::inverse(jacobian);
    for (int64_t i = 0; i < d; ++i) {
      probes.push_back({unit(i), inverse.select(1, i).contiguous().view(x.sizes())});
    }
  }
  return std::get<1>(torch::linalg_slogdet(jacobian));
}

// The estimates of some samples whose numbers of terms are `terms`, longest first.
// Adds to log_det [n] and writes w.
void estimate_part(const ContractiveMap::Linearization& at, const RowPart& part,
                   const LogDetEstimator& how, const std::vector<int64_t>& terms,
                   const torch::Tensor& v, torch::Tensor* w, torch::Tensor& log_det) {
  const int64_t area = part.grid.height * part.grid.width;
  auto power = v;  // (J^T)^k v, of the samples that go on
  if (w != nullptr) w->copy_(v);
  auto active = static_cast<int64_t>(terms.size());
  for (int64_t k = 1;; ++k) {
    while (active > 0 && terms[static_cast<size_t>(active - 1)] < k) --active;
    if (active == 0) break;
    power = at.vjp(power.narrow(0, 0, active * area));
    const double sign = k % 2 == 1 ? 1 : -1;
    const double weight = k > how.terms && how.method == LogDetEstimator::Method::kRoulette
                              ? 1 / how.tail_probability(k - how.terms)
                              : 1.0;
    const auto trace = item_dot(power, v.narrow(0, 0, active * area), active);
    log_det.narrow(0, 0, active).add_(trace, sign * weight / static_cast<double>(k));
    if (w == nullptr) continue;
    // Term k + 1 of the log-det has the gradient <(J^T)^k v, dJ v>, so its weight goes here.
    int64_t more = active;
    while (more > 0 && terms[static_cast<size_t>(more - 1)] < k + 1) --more;
    const double next = k + 1 > how.terms && how.method == LogDetEstimator::Method::kRoulette
                            ? 1 / how.tail_probability(k + 1 - how.terms)
                            : 1.0;
    w->narrow(0, 0, more * area).add_(power.narrow(0, 0, more * area), -sign * next);
  }
}

// x + g(x) and ln det(I + J) as one node of the graph.
class ResidualFunction : public torch::autograd::Function<ResidualFunction> {
 public:
  struct Call : torch::CustomClassHolder {
    const ContractiveMap* map;
    RowGrid grid;
    LogDetEstimator how;
    uint64_t block;
    bool with_gradient;
  };

  static variable_list forward(AutogradContext* ctx, const c10::intrusive_ptr<Call>& call,
                               at::TensorList inputs) {
    const auto& x = inputs[0];
    const auto& grid = call->grid;
    auto value = torch::empty_like(x);
    std::vector<Probe> probes;
    torch::Tensor log_det;
    if (call->how.method == LogDetEstimator::Method::kExact || call->how.probes == 0) {
      for (const auto& part : row_parts(grid, call->map->rows_at_once())) {
        const auto rows = part.rows_of(x);
        part.rows_of(value).copy_(rows + call->map->value(rows, part.grid));
      }
    }
    if (call->how.probes == 0) {
      log_det = torch::zeros({grid.n}, x.options());
    } else if (call->how.method == LogDetEstimator::Method::kExact) {
      log_det = exact_log_det(*call->map, x, grid, call->with_gradient, probes);
    } else {
      log_det = estimate(*call, x, value, probes);
    }
    if (call->with_gradient) {
      variable_list saved{x};
      for (const auto& probe : probes) {
        saved.push_back(probe.v);
        saved.push_back(probe.w);
      }
      ctx->save_for_backward(saved);
      ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    }
    return {value, log_det};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto call = c10::static_intrusive_pointer_cast<Call>(ctx->saved_data["call"].toCapsule());
    const auto saved = ctx->get_saved_variables();
    const auto& x = saved[0];
    const auto grad_value = grads[0].contiguous();
    const auto& grad_log_det = grads[1];
    auto grad_x = grad_value.clone();
    variable_list result(1);  // the call has no gradient
    result.push_back(grad_x);
    variable_list gradients;
    for (const auto& parameter : call->map->parameters()) {
      gradients.push_back(torch::zeros_like(parameter));
    }
    for (const auto& part : row_parts(call->grid, call->map->rows_at_once() / 2)) {
      const auto at = call->map->linearize(part.rows_of(x), part.grid, saved.size() > 1 ? 2 : 1);
      const int64_t n = part.grid.n;
      if (saved.size() == 1) {
        part.rows_of(grad_x).add_(at->backward(part.rows_of(grad_value), {}, {}, gradients));
        continue;
      }
      const auto scale = grad_log_det.narrow(0, part.begin, n).unsqueeze(1);
      auto grad_rows = part.rows_of(grad_x);
      for (size_t p = 1; p < saved.size(); p += 2) {
        const auto w = part.rows_of(saved[p + 1]);
        const auto scaled = (w.view({n, -1}) * scale).view(w.sizes());
        grad_rows.add_(at->backward(p == 1 ? part.rows_of(grad_value) : torch::Tensor(), scaled,
                                    part.rows_of(saved[p]), gradients));
      }
    }
    result.insert(result.end(), gradients.begin(), gradients.end());
    return result;
  }

 private:
  // Values and estimated log-dets. Samples are worked on longest series first.
  static torch::Tensor estimate(const Call& call, const torch::Tensor& x, torch::Tensor& value,
                                std::vector<Probe>& probes) {
    const auto& how = call.how;
    const auto& grid = call.grid;
    const int64_t n = grid.n, each = x.numel() / n;
    auto log_det = torch::zeros({n}, x.options());
    for (int64_t p = 0; p < how.probes; ++p) {
      const auto probe = static_cast<uint64_t>(p);
      std::vector<int64_t> terms(static_cast<size_t>(n), how.terms), order(terms.size());
      if (how.method == LogDetEstimator::Method::kRoulette) {
        for (size_t i = 0; i < terms.size(); ++i) {
          terms[i] += how.draw_tail(how.keys[i], call.block, probe);
        }
      }
      std::iota(order.begin(), order.end(), int64_t{0});
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return terms[static_cast<size_t>(a)] > terms[static_cast<size_t>(b)];
      });
      const auto permutation = torch::tensor(order).to(x.device());
      std::vector<uint64_t> keys(order.size());
      std::transform(order.begin(), order.end(), keys.begin(),
                     [&](int64_t i) { return how.keys[static_cast<size_t>(i)]; });
      auto signs = torch::empty({n, each}, torch::kFloat32);
      how.fill_signs(signs.data_ptr<float>(), static_cast<size_t>(each), keys, call.block, probe);
      const auto v = signs.to(x.options()).view(x.sizes());
      const auto sorted = x.view({n, each}).index_select(0, permutation).view(x.sizes());
      auto w = call.with_gradient ? torch::empty_like(v) : torch::Tensor();
      auto sorted_value = p == 0 ? torch::empty_like(x) : torch::Tensor();
      auto estimates = torch::zeros({n}, x.options());
      for (const auto& part : row_parts(grid, call.map->rows_at_once())) {
        const auto rows = part.rows_of(sorted);
        const auto at = call.map->linearize(rows, part.grid, 1);
        if (p == 0) part.rows_of(sorted_value).copy_(rows + at->value());
        std::vector<int64_t> part_terms;
        for (int64_t i = part.begin; i < part.end; ++i) {
          part_terms.push_back(terms[static_cast<size_t>(order[static_cast<size_t>(i)])]);
        }
        auto part_w = w.defined() ? part.rows_of(w) : torch::Tensor();
        auto part_log_det = estimates.narrow(0, part.begin, part.grid.n);
        estimate_part(*at, part, how, part_terms, part.rows_of(v), w.defined() ? &part_w : nullptr,
                      part_log_det);
      }
      const auto unsort = [&](const torch::Tensor& t) {
        return torch::empty_like(t).view({n, -1}).index_copy_(0, permutation, t.view({n, -1}));
      };
      log_det.add_(unsort(estimates).view({n}), 1.0 / static_cast<double>(how.probes));
      if (p == 0) value.copy_(unsort(sorted_value).view(x.sizes()));
      if (w.defined()) {
        probes.push_back({unsort(v).view(x.sizes()),
                          unsort(w).view(x.sizes()).div_(static_cast<double>(how.probes))});
      }
    }
    return log_det;
  }
};

// The inverse as one node of the graph, by the implicit function theorem: with x + g(x) = z,
// dx = (I + J)^-1 (dz - dg), and u = (I + J)^-T grad by the fixed-point iteration
// u <- grad - J^T u.
class InverseFunction : public torch::autograd::Function<InverseFunction> {
 public:
  struct Call : torch::CustomClassHolder {
    const ContractiveMap* map;
    RowGrid grid;
    torch::Tensor solution;  // x, as rows
  };

  static torch::Tensor forward(AutogradContext* ctx, const c10::intrusive_ptr<Call>& call,
                               at::TensorList) {
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    return call->solution.clone();
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto call = c10::static_intrusive_pointer_cast<Call>(ctx->saved_data["call"].toCapsule());
    const auto at = call->map->linearize(call->solution, call->grid, 1);
    const auto grad = grads[0].contiguous();
    const double epsilon = grad.scalar_type() == torch::kFloat64
                               ? std::numeric_limits<double>::epsilon()
                               : std::numeric_limits<float>::epsilon();
    auto u = grad;
    for (int k = 0;; ++k) {
      const auto next = grad - at->vjp(u);
      const double step = (next - u).norm().item<double>();
      u = next;
      if (step <= epsilon * u.norm().item<double>()) break;
      if (k == 1000) throw ConvergenceError("the gradient of a residual block's inverse diverges");
    }
    variable_list result{torch::Tensor(), u};
    for (const auto& parameter : call->map->parameters()) {
      result.push_back(torch::zeros_like(parameter));
    }
    std::vector<torch::Tensor> gradients(result.begin() + 2, result.end());
    at->backward(-u, {}, {}, gradients);
    return result;
  }
};

}  // namespace

ResidualBlock::ResidualBlock(Shape in, uint64_t index, const ContractiveMapFactory& make_map)
    : Bijection(in), index_(index) {
  map_ = register_module("map", make_map(in.channels, in.height, in.width));
}

Mapped ResidualBlock::do_forward(const torch::Tensor& x) {
  return do_estimate(x, LogDetEstimator());
}

Mapped ResidualBlock::do_estimate(const torch::Tensor& x, const LogDetEstimator& how) {
  const auto call = c10::make_intrusive<ResidualFunction::Call>();
  call->map = map_.get();
  call->grid = {x.size(0), x.size(2), x.size(3)};
  call->how = how;
  call->block = index_;
  call->with_gradient = torch::GradMode::is_enabled();
  variable_list inputs{to_rows(x)};
  for (const auto& parameter : map_->parameters()) inputs.push_back(parameter);
  const auto result = ResidualFunction::apply(call, at::TensorList(inputs));
  return {from_rows(result[0], call->grid), result[1]};
}

torch::Tensor ResidualBlock::do_latent(const torch::Tensor& x) {
  LogDetEstimator none;
  none.probes = 0;
  return do_estimate(x, none).value;
}

torch::Tensor ResidualBlock::do_inverse(const torch::Tensor& z) {
  auto x = inverse(z, {}, nullptr);
  if (!torch::GradMode::is_enabled()) return x;
  const auto call = c10::make_intrusive<InverseFunction::Call>();
  call->map = map_.get();
  call->grid = {z.size(0), z.size(2), z.size(3)};
  call->solution = to_rows(x);
  variable_list inputs{to_rows(z)};
  for (const auto& parameter : map_->parameters()) inputs.push_back(parameter);
  return from_rows(InverseFunction::apply(call, at::TensorList(inputs)), call->grid);
}

torch::Tensor ResidualBlock::inverse(const torch::Tensor& z, const FixedPointOptions& options,
                                     FixedPointReport* report) const {
  const torch::NoGradGuard no_grad;
  const RowGrid grid{z.size(0), z.size(2), z.size(3)};
  const auto target = to_rows(z.detach());
  const int64_t area = grid.height * grid.width, each = area * z.size(1);
  const bool wide = z.scalar_type() == torch::kFloat64;
  const double epsilon =
      wide ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const double tolerance = options.tolerance > 0 ? options.tolerance : wide ? 1e-12 : 1e-5;
  const double lipschitz = map_->lipschitz_bound();
  const double slack = std::max(1 - lipschitz, epsilon);
  const double allowed = slack * tolerance * std::sqrt(static_cast<double>(each));
  auto solution = torch::empty_like(target);
  const auto iterations = torch::zeros({grid.n}, torch::kInt64);
  const auto error_bound = torch::empty({grid.n}, torch::kFloat64);

  for (const auto& part : row_parts(grid, map_->rows_at_once())) {
    // The samples that still move, as the first rows of y and x.
    std::vector<int64_t> moving(static_cast<size_t>(part.grid.n));
    std::iota(moving.begin(), moving.end(), part.begin);
    std::vector<AndersonIteration> paths(
        moving.size(), AndersonIteration(lipschitz < 1 ? options.anderson_depth : 0, lipschitz));
    auto y = part.rows_of(target).clone();
    auto x = y.clone();
    for (int64_t k = 1; !moving.empty(); ++k) {
      const auto n = static_cast<int64_t>(moving.size());
      const auto image = y - map_->value(x, {n, grid.height, grid.width});
      // F(x) - z = x - (z - g(x)): the residual of x is the plain step to the next iterate.
      const auto lengths = [&](const torch::Tensor& rows) {
        return rows.view({n, -1}).norm(2, {1}).to(torch::kCPU, torch::kFloat64).contiguous();
      };
      const auto residual = lengths(x - image), scale = torch::maximum(lengths(y), lengths(x));
      std::vector<int64_t> kept;
      std::vector<torch::Tensor> next;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t sample = moving[static_cast<size_t>(i)];
        const double r = residual.data_ptr<double>()[i];
        // Rounding of x, g and z leaves about this much, which no iteration removes.
        const double floor = 4 * epsilon * scale.data_ptr<double>()[i];
        const bool found = std::isfinite(r) && r <= std::max(allowed, floor);
        if (!found && k < options.max_iterations && std::isfinite(r)) {
          next.push_back(paths[static_cast<size_t>(sample - part.begin)].next(
              x.narrow(0, i * area, area).view(-1), image.narrow(0, i * area, area).view(-1), r));
          kept.push_back(i);
          continue;
        }
        if (!found && options.fail) {
          throw ConvergenceError(
              "a residual block's fixed-point inverse stands at a residual of " + c10::str(r) +
              " after " + std::to_string(k) + " iterations, " + c10::str(allowed) +
              " was wanted; the input is far from what the model produces, or the network is not "
              "a contraction");
        }
        // The image of x is known too, and closer than x by the Lipschitz constant.
        solution.narrow(0, sample * area, area).copy_(image.narrow(0, i * area, area));
        iterations[sample] = k;
        error_bound[sample] = lipschitz < 1 ? r / slack : NAN;
      }
      if (kept.empty()) break;
      x = torch::stack(next).view({-1, z.size(1)});
      if (kept.size() == moving.size()) continue;
      y = y.view({n, each})
              .index_select(0, torch::tensor(kept).to(y.device()))
              .view({-1, z.size(1)});
      for (size_t i = 0; i < kept.size(); ++i) moving[i] = moving[static_cast<size_t>(kept[i])];
      moving.resize(kept.size());
    }
  }
  if (report != nullptr) *report = {iterations, error_bound};
  return from_rows(solution, grid);
}

}  // namespace pie
