#include "lib/flow/continuous_flow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/numerics/row_parts.h"

namespace pie {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Dormand and Prince (1980): stage i is at time t + kTimes[i] h and at x + h sum_j kStages[i][j]
// k_j. The last stage is the next x, whose derivative is the next step's first.
constexpr size_t kCount = 7;
constexpr std::array<double, kCount> kTimes{0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr std::array<std::array<double, kCount - 1>, kCount> kStages{
    {{},
     {1.0 / 5},
     {3.0 / 40, 9.0 / 40},
     {44.0 / 45, -56.0 / 15, 32.0 / 9},
     {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
     {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
     {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}}};
// What the solution of order 5 differs by from that of order 4.
constexpr std::array<double, kCount> kErrors{
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

// Some items' differential equation. Items are rows [n * area, C]; times and step lengths are [n],
// float64 on the CPU.
class Field {
 public:
  // The trace is the mean of v^T J v over the random signs v, [n * area, C], or the sum over all
  // unit vectors where it is to be exact; 0 without both.
  Field(const ContractiveMap& map, RowGrid grid, std::vector<torch::Tensor> signs, bool exact)
      : map_(map), grid_(grid), signs_(std::move(signs)), exact_(exact) {}

  struct Derivative {
    std::unique_ptr<ContractiveMap::Linearization> at;  // where it is wanted
    torch::Tensor value;                                // f, [n * area, C]
    torch::Tensor trace;                                // [n]
  };
  Derivative derivative(const torch::Tensor& x, const torch::Tensor& t, bool keep) const {
    const auto input = with_column(x, t);
    Derivative result;
    result.trace = x.new_zeros({grid_.n});
    if (!keep && !traced()) {
      result.value = without_column(map_.value(input, grid_));
      return result;
    }
    auto at = map_.linearize(input, grid_, keep && traced() ? 2 : 1);
    result.value = without_column(at->value());
    for_each_probe(x, [&](const torch::Tensor& v, double weight) {
      const auto product = without_column(at->vjp(with_column(v, torch::zeros_like(t))));
      result.trace.add_(item_dot(product, v, grid_.n), weight);
    });
    if (keep) result.at = std::move(at);
    return result;
  }

  // The gradient of <a, f(x)> + <b, trace(x)> with respect to x; adds those of the parameters.
  torch::Tensor backward(const Derivative& derivative, const torch::Tensor& a,
                         const torch::Tensor& b, std::vector<torch::Tensor>& gradients) const {
    const auto none = torch::zeros({grid_.n}, torch::kFloat64);
    auto wide = with_column(a, none);
    if (!traced()) return without_column(derivative.at->backward(wide, {}, {}, gradients));
    auto sum = torch::zeros_like(a);
    for_each_probe(a, [&](const torch::Tensor& v, double weight) {
      const auto wide_v = with_column(v, none);
      const auto w = scaled(wide_v, b * weight);
      sum.add_(without_column(derivative.at->backward(wide, w, wide_v, gradients)));
      wide = torch::Tensor();  // it counts once
    });
    return sum;
  }

  // Each item of `rows` times its factor [n].
  torch::Tensor scaled(const torch::Tensor& rows, const torch::Tensor& factors) const {
    return (rows.view({grid_.n, -1}) * factors.to(rows.options()).unsqueeze(1)).view(rows.sizes());
  }

  // x + h sum_j weights[j] k_j over the first `count` k.
  torch::Tensor combined(const torch::Tensor& x, const std::vector<Derivative>& k, size_t count,
                         const std::array<double, kCount - 1>& weights,
                         const torch::Tensor& h) const {
    auto sum = torch::zeros_like(x);
    for (size_t j = 0; j < count; ++j) {
      if (weights[j] != 0) sum.add_(k[j].value, weights[j]);
    }
    return x + scaled(sum, h);
  }

  int64_t items() const { return grid_.n; }
  bool traced() const { return exact_ || !signs_.empty(); }

 private:
  // Calls use(v, weight); `like` has the items' rows.
  template <typename Use>
  void for_each_probe(const torch::Tensor& like, const Use& use) const {
    const auto count = static_cast<double>(signs_.size());
    for (const auto& v : signs_) use(v, 1 / count);
    const int64_t each = exact_ ? like.numel() / grid_.n : 0;
    for (int64_t i = 0; i < each; ++i) {
      auto unit = torch::zeros({grid_.n, each}, like.options());
      unit.select(1, i).fill_(1);
      use(unit.view(like.sizes()), 1);
    }
  }

  torch::Tensor with_column(const torch::Tensor& rows, const torch::Tensor& t) const {
    const auto column = t.to(rows.options())
                            .unsqueeze(1)
                            .expand({grid_.n, grid_.height * grid_.width})
                            .reshape({-1, 1});
    return torch::cat({rows, column}, 1);
  }
  static torch::Tensor without_column(const torch::Tensor& rows) {
    return rows.narrow(1, 0, rows.size(1) - 1).contiguous();
  }

  const ContractiveMap& map_;
  RowGrid grid_;
  std::vector<torch::Tensor> signs_;
  bool exact_;
};

// A step that some items took, each of its own length; 0 for those that did not.
struct Step {
  torch::Tensor x, t, h;
};

struct Solution {
  torch::Tensor x, log_det, evaluations;
};

// The root mean square of each item's elements, [n] float64 on the CPU.
torch::Tensor item_rms(const torch::Tensor& rows, int64_t n) {
  return rows.view({n, -1}).square().mean(1).sqrt().to(torch::kCPU, torch::kFloat64);
}

// Integrates from time 0 to 1, or back.
Solution solve(const Field& field, torch::Tensor x, bool back, double tolerance,
               std::vector<Step>* steps) {
  constexpr int kMost = 2000;
  constexpr double kSafety = 0.9, kLeastFactor = 0.2, kMostFactor = 5;
  const int64_t n = field.items();
  const double end = back ? 0 : 1, sign = back ? -1 : 1;
  auto t = torch::full({n}, 1 - end, torch::kFloat64);
  Solution solution{x, x.new_zeros({n}), torch::ones({n}, torch::kFloat64)};
  std::vector<Field::Derivative> k(kCount);
  k[0] = field.derivative(x, t, false);
  auto length = std::pow(tolerance, 0.2) / (item_rms(k[0].value, n) + tolerance) / 2;
  for (int count = 0;; ++count) {
    const auto left = (end - t).abs();
    const auto going = left > 0;
    if (!going.any().item<bool>()) break;
    const auto last = length >= left;
    const auto h = torch::minimum(length, left) * sign;
    // A step may be so short that time stands still, or be no number at all.
    const bool moves = going.logical_not().logical_or((t + h).ne(t)).all().item<bool>();
    if (count == kMost || !moves || !torch::isfinite(h).all().item<bool>()) {
      throw ConvergenceError("a continuous flow is not at its end after " + std::to_string(count) +
                             " steps; the model is too steep there, or its input far from images");
    }
    torch::Tensor next;
    for (size_t i = 1; i < kCount; ++i) {
      next = field.combined(x, k, i, kStages[i], h);
      k[i] = field.derivative(next, t + h * kTimes[i], false);
    }
    auto error = torch::zeros_like(x);
    for (size_t i = 0; i < kCount; ++i) error.add_(k[i].value, kErrors[i]);
    error = field.scaled(error, h) / (1 + torch::maximum(x.abs(), next.abs()));
    const auto excess = item_rms(error, n) / tolerance;
    const auto taken = going.logical_and(excess <= 1);
    const auto here = taken.to(x.device());
    const auto own = torch::where(taken, h, torch::zeros_like(h));
    if (steps != nullptr && taken.any().item<bool>()) steps->push_back({x, t, own});
    if (field.traced()) {
      auto trace = torch::zeros_like(solution.log_det);
      for (size_t i = 0; i + 1 < kCount; ++i) trace.add_(k[i].trace, kStages.back()[i]);
      solution.log_det.add_(
          torch::where(here, trace * h.to(trace.options()), torch::zeros_like(trace)));
    }
    const auto rows = here.view({n, 1}).expand({n, x.numel() / n}).reshape(x.sizes());
    x = torch::where(rows, next, x);
    k[0].value = torch::where(rows, k.back().value, k[0].value);
    k[0].trace = torch::where(here, k.back().trace, k[0].trace);
    t = torch::where(taken, torch::where(last, torch::full_like(t, end), t + h), t);
    const auto factor = (kSafety * excess.pow(-0.2)).clamp(kLeastFactor, kMostFactor);
    length = h.abs() * factor.nan_to_num(kLeastFactor);
    solution.evaluations += going * static_cast<double>(kCount - 1);
  }
  solution.x = x;
  return solution;
}

// Pulls the gradients of a step's x [n * area, C] and log-det [n] back to its start.
torch::Tensor pull_back(const Field& field, const Step& step, const torch::Tensor& grad_x,
                        const torch::Tensor& grad_log_det, std::vector<torch::Tensor>& gradients) {
  constexpr size_t kUsed = kCount - 1;  // the last stage's derivative is of the next step
  const auto& weights = kStages.back();
  std::vector<Field::Derivative> k(kUsed);
  for (size_t i = 0; i < kUsed; ++i) {
    const auto x = field.combined(step.x, k, i, kStages[i], step.h);
    k[i] = field.derivative(x, step.t + step.h * kTimes[i], true);
  }
  auto start = grad_x.clone();
  const auto of_h = field.scaled(grad_x, step.h);
  const auto traces = grad_log_det * step.h.to(grad_log_det.options());
  std::vector<torch::Tensor> of_k(kUsed);
  for (size_t i = 0; i < kUsed; ++i) of_k[i] = of_h * weights[i];
  for (size_t i = kUsed; i-- > 0;) {
    const auto at_stage = field.backward(k[i], of_k[i], traces * weights[i], gradients);
    start.add_(at_stage);
    const auto scaled = field.scaled(at_stage, step.h);
    for (size_t j = 0; j < i; ++j) of_k[j].add_(scaled, kStages[i][j]);
  }
  return start;
}

// A whole trajectory as one node of the graph. Inputs: x as rows, then the network's parameters.
class TrajectoryFunction : public torch::autograd::Function<TrajectoryFunction> {
 public:
  struct Call : torch::CustomClassHolder {
    const ContractiveMap* map;
    RowGrid grid;
    std::vector<torch::Tensor> signs;  // each [N*H*W, C]
    bool exact;
    double tolerance;
    bool back, with_gradient;
    std::vector<std::vector<Step>> steps;  // of each part

    std::vector<RowPart> parts() const { return row_parts(grid, map->rows_at_once()); }
    Field field_of(const RowPart& part) const {
      std::vector<torch::Tensor> own;
      for (const auto& v : signs) own.push_back(part.rows_of(v));
      return {*map, part.grid, std::move(own), exact};
    }
  };

  static variable_list forward(AutogradContext* ctx, const c10::intrusive_ptr<Call>& call,
                               at::TensorList inputs) {
    const auto& x = inputs[0];
    auto value = torch::empty_like(x);
    auto log_det = x.new_empty({call->grid.n});
    auto evaluations = torch::empty({call->grid.n}, torch::kFloat64);
    for (const auto& part : call->parts()) {
      std::vector<Step> steps;
      const auto solution = solve(call->field_of(part), part.rows_of(x), call->back,
                                  call->tolerance, call->with_gradient ? &steps : nullptr);
      part.rows_of(value).copy_(solution.x);
      part.items_of(log_det).copy_(solution.log_det);
      part.items_of(evaluations).copy_(solution.evaluations);
      call->steps.push_back(std::move(steps));
    }
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    ctx->mark_non_differentiable({evaluations});
    return {value, log_det, evaluations};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto call = c10::static_intrusive_pointer_cast<Call>(ctx->saved_data["call"].toCapsule());
    auto grad_x = grads[0].contiguous().clone();
    variable_list gradients;
    for (const auto& parameter : call->map->parameters()) {
      gradients.push_back(torch::zeros_like(parameter));
    }
    const auto parts = call->parts();
    for (size_t p = 0; p < parts.size(); ++p) {
      const auto field = call->field_of(parts[p]);
      auto grad = parts[p].rows_of(grad_x).clone();
      const auto& steps = call->steps[p];
      for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        grad = pull_back(field, *step, grad, parts[p].items_of(grads[1]), gradients);
      }
      parts[p].rows_of(grad_x).copy_(grad);
    }
    variable_list result{torch::Tensor(), grad_x};
    result.insert(result.end(), gradients.begin(), gradients.end());
    return result;
  }
};

// The random signs of a batch, one tensor for each probe.
std::vector<torch::Tensor> make_signs(const torch::Tensor& rows, int64_t n, uint64_t index,
                                      const LogDetEstimator& how) {
  const int64_t each = rows.numel() / n;
  std::vector<torch::Tensor> all;
  for (int64_t p = 0; p < how.probes; ++p) {
    auto signs = torch::empty({n, each}, torch::kFloat32);
    how.fill_signs(signs.data_ptr<float>(), static_cast<size_t>(each), how.keys, index,
                   static_cast<uint64_t>(p));
    all.push_back(signs.to(rows.options()).view(rows.sizes()));
  }
  return all;
}

}  // namespace

ContinuousFlow::ContinuousFlow(Shape in, uint64_t index, double tolerance,
                               const ContractiveMapFactory& make_map)
    : Bijection(in), index_(index), tolerance_(tolerance) {
  if (!(tolerance > 0)) throw UsageError("a continuous flow's tolerance must be above 0");
  map_ = register_module("map", make_map(in.channels + 1, in.height, in.width));
}

Mapped ContinuousFlow::integrate(const torch::Tensor& x, bool back,
                                 const LogDetEstimator& how) const {
  const auto call = c10::make_intrusive<TrajectoryFunction::Call>();
  call->map = map_.get();
  call->grid = {x.size(0), x.size(2), x.size(3)};
  variable_list inputs{to_rows(x)};
  call->exact = how.probes > 0 && how.method == LogDetEstimator::Method::kExact;
  if (!call->exact) call->signs = make_signs(inputs[0].detach(), call->grid.n, index_, how);
  const double rounding = x.scalar_type() == torch::kFloat64
                              ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
  call->tolerance = std::max(tolerance_, 10 * rounding);
  call->back = back;
  call->with_gradient = torch::GradMode::is_enabled();
  for (const auto& parameter : map_->parameters()) inputs.push_back(parameter);
  const auto result = TrajectoryFunction::apply(call, at::TensorList(inputs));
  return {from_rows(result[0], call->grid), result[1], result[2]};
}

Mapped ContinuousFlow::do_forward(const torch::Tensor& x) { return do_estimate(x, {}); }

Mapped ContinuousFlow::do_estimate(const torch::Tensor& x, const LogDetEstimator& how) {
  return integrate(x, false, how);
}

torch::Tensor ContinuousFlow::do_latent(const torch::Tensor& x) {
  LogDetEstimator none;
  none.probes = 0;
  return integrate(x, false, none).value;
}

torch::Tensor ContinuousFlow::do_inverse(const torch::Tensor& z) {
  LogDetEstimator none;
  none.probes = 0;
  return integrate(z, true, none).value;
}

}  // namespace pie
