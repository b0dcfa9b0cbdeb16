#include "lib/nets/lipschitz_net.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "lib/numerics/spectral_norm.h"

namespace pie {

torch::Tensor LipschitzNet::product_input(const Layer& layer, const torch::Tensor& x, RowGrid grid,
                                          torch::ScalarType dtype) {
  if (!layer.spreads() || layer.kernel == 1) return x.to(dtype);
  const auto wide = x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat32) : x;
  return spread(wide, grid, layer.kernel, +1, dtype);
}

torch::Tensor LipschitzNet::adjoint_input(const Layer& layer, const torch::Tensor& g, RowGrid grid,
                                          torch::ScalarType dtype) {
  if (layer.spreads() || layer.kernel == 1) return g.to(dtype);
  const auto wide = g.scalar_type() == torch::kBFloat16 ? g.to(torch::kFloat32) : g;
  return spread(wide, grid, layer.kernel, -1, dtype);
}

torch::Tensor LipschitzNet::apply(const Layer& layer, const torch::Tensor& weight,
                                  const torch::Tensor& product_in, RowGrid grid) {
  const auto out = torch::mm(product_in, weight);
  return layer.spreads() || layer.kernel == 1 ? out : collect(out, grid, layer.kernel, +1);
}

torch::Tensor LipschitzNet::apply_adjoint(const Layer& layer, const torch::Tensor& transposed,
                                          const torch::Tensor& adjoint_in, RowGrid grid) {
  const auto out = torch::mm(adjoint_in, transposed);
  return !layer.spreads() || layer.kernel == 1 ? out : collect(out, grid, layer.kernel, -1);
}

// The network at one batch. Layer i turns `inputs_[i]`, the argument of its product, into what the
// next activation sees; slopes and curvatures are those of the activation before layer i.
class LipschitzNet::Pass final : public ContractiveMap::Linearization {
 public:
  Pass(const LipschitzNet& net, const torch::Tensor& x, RowGrid grid, int order)
      : net_(net), grid_(grid), dtype_(net.product_dtype(x)), wide_(x.scalar_type()) {
    auto h = x;
    for (size_t i = 0; i < net_.layers_.size(); ++i) {
      const auto& layer = net_.layers_[i];
      weights_.push_back(
          (layer.scale.defined() ? layer.weight * layer.scale : layer.weight).detach().to(dtype_));
      // A product with a matrix that is transposed in memory is faster than one with a view.
      if (order > 0) transposed_.push_back(weights_[i].t().contiguous());
      Activated at{h, {}, {}};
      if (net_.has_activation(i)) {
        const auto bias = i > 0 ? net_.layers_[i - 1].bias : torch::Tensor();
        at = activate(h, bias, net_.options_.activation, order);
      }
      slopes_.push_back(at.slope);
      curvatures_.push_back(at.curvature);
      const auto input = product_input(layer, at.value, grid_, dtype_);
      if (order > 0) inputs_.push_back(input);
      h = apply(layer, weights_[i], input, grid_);
    }
    value_ = h.to(wide_).add_(net_.layers_.back().bias);
  }

  const torch::Tensor& value() const override { return value_; }

  torch::Tensor vjp(const torch::Tensor& w) const override {
    const auto grid = first_rows(w);
    auto g = w;
    for (size_t i = net_.layers_.size(); i-- > 0;) {
      const auto& layer = net_.layers_[i];
      g = apply_adjoint(layer, transposed_[i], adjoint_input(layer, g, grid, dtype_), grid);
      pull_back_(g, i);
    }
    return g.to(wide_);
  }

  torch::Tensor backward(const torch::Tensor& a, const torch::Tensor& w, const torch::Tensor& v,
                         std::vector<torch::Tensor>& gradients) const override {
    if (!w.defined()) return backward_of_value(a, gradients);
    const size_t layers = net_.layers_.size();
    const int64_t rows = value_.size(0);
    // The tangent on its way up: t before, k after each product.
    std::vector<torch::Tensor> tangents(layers), bends(layers);
    auto k = v;
    for (size_t i = 0; i < layers; ++i) {
      auto t = k;
      if (slopes_[i].defined()) {
        const auto pushed =
            push_forward(k.to(slopes_[i].scalar_type()).contiguous(), slopes_[i], curvatures_[i]);
        t = pushed.tangent;
        bends[i] = pushed.bend;
      }
      tangents[i] = product_input(net_.layers_[i], t, grid_, dtype_);
      if (i + 1 < layers) k = apply(net_.layers_[i], weights_[i], tangents[i], grid_);
    }
    // On the way down the adjoints of tangent and value go together, one above the other.
    const RowGrid both{2 * grid_.n, grid_.height, grid_.width};
    auto g = torch::empty({2 * rows, w.size(1)}, w.options());
    g.narrow(0, 0, rows).copy_(w);
    if (a.defined()) {
      g.narrow(0, rows, rows).copy_(a);
      gradients[2 * layers - 1].add_(a.sum(0));
    } else {
      g.narrow(0, rows, rows).zero_();
    }
    for (size_t i = layers; i-- > 0;) {
      const auto& layer = net_.layers_[i];
      const auto adjoint = adjoint_input(layer, g, both, dtype_);
      const double scale = layer.scale_value();
      gradients[2 * i].add_(torch::mm(tangents[i].t(), adjoint.narrow(0, 0, rows)), scale);
      gradients[2 * i].add_(torch::mm(inputs_[i].t(), adjoint.narrow(0, rows, rows)), scale);
      g = apply_adjoint(layer, transposed_[i], adjoint, both);
      if (!slopes_[i].defined()) continue;
      g = g.to(slopes_[i].scalar_type());
      const auto bias_gradient = pull_back_pair_(g, slopes_[i], bends[i]);
      if (i > 0) gradients[2 * i - 1].add_(bias_gradient);
    }
    return g.narrow(0, rows, rows).to(wide_);
  }

 private:
  // The adjoint of the activation before layer `i`. What layers collect is float32 among bfloat16.
  void pull_back_(torch::Tensor& g, size_t i) const {
    if (!slopes_[i].defined()) return;
    g = g.to(slopes_[i].scalar_type());
    multiply_rows_(g, slopes_[i]);
  }

  torch::Tensor backward_of_value(const torch::Tensor& a,
                                  std::vector<torch::Tensor>& gradients) const {
    auto g = a;
    for (size_t i = net_.layers_.size(); i-- > 0;) {
      const auto& layer = net_.layers_[i];
      gradients[2 * i + 1].add_(g.sum(0, false, wide_));
      const auto adjoint = adjoint_input(layer, g, grid_, dtype_);
      gradients[2 * i].add_(torch::mm(inputs_[i].t(), adjoint), layer.scale_value());
      g = apply_adjoint(layer, transposed_[i], adjoint, grid_);
      pull_back_(g, i);
    }
    return g.to(wide_);
  }

  RowGrid first_rows(const torch::Tensor& w) const {
    return {w.size(0) / (grid_.height * grid_.width), grid_.height, grid_.width};
  }

  const LipschitzNet& net_;
  RowGrid grid_;
  torch::ScalarType dtype_, wide_;
  torch::Tensor value_;
  std::vector<torch::Tensor> weights_, transposed_, inputs_, slopes_, curvatures_;
};

LipschitzNetOptions smooth_net_options(int64_t channels, int64_t height, int64_t width,
                                       int64_t hidden, std::vector<int64_t> kernels) {
  LipschitzNetOptions options{
      channels, height, width, hidden, std::move(kernels), Activation::kSoftplus};
  options.pre_activation = false;
  options.coefficient = 0;
  options.full_precision = true;
  return options;
}

LipschitzNet::LipschitzNet(const LipschitzNetOptions& options) : options_(options) {
  const size_t count = options.kernels.size();
  for (size_t i = 0; i < count; ++i) {
    Layer layer;
    layer.in = i == 0 ? options.channels : options.hidden;
    layer.out = i + 1 == count ? options.channels : options.hidden;
    layer.kernel = options.kernels[i];
    const int64_t taps = layer.kernel * layer.kernel;
    layer.weight = torch::empty({layer.spreads() ? taps * layer.in : layer.in,
                                 layer.spreads() ? layer.out : taps * layer.out});
    const double bound = 1.0 / std::sqrt(static_cast<double>(taps * layer.in));
    if (options.coefficient > 0) {
      // All singular values equal: scaled to the bound, none of the network's width is lost.
      torch::nn::init::orthogonal_(layer.weight);
    } else {
      layer.weight.uniform_(-bound, bound);
    }
    layer.bias = torch::empty({layer.out}).uniform_(-bound, bound);
    const std::string n = std::to_string(i);
    layer.weight = register_parameter("weight" + n, layer.weight);
    layer.bias = register_parameter("bias" + n, layer.bias);
    layers_.push_back(layer);
  }
  if (options.coefficient == 0) return;
  for (size_t i = 0; i < count; ++i) {
    auto& layer = layers_[i];
    const std::string n = std::to_string(i);
    const int64_t area = options.height * options.width;
    layer.power = register_buffer("power" + n, torch::randn({area, std::min(layer.in, layer.out)}));
    layer.norm = register_buffer("norm" + n, torch::zeros({1}));
    layer.margin = register_buffer("margin" + n, torch::ones({1}));
    layer.norm_gradient = register_buffer("norm_gradient" + n, torch::zeros(layer.weight.sizes()));
    layer.scale = register_buffer("scale" + n, torch::ones({1}));
  }
}

bool LipschitzNet::has_activation(size_t layer) const {
  return layer > 0 || options_.pre_activation;
}

torch::Tensor LipschitzNet::value(const torch::Tensor& x, const RowGrid& grid) const {
  return Pass(*this, x, grid, 0).value();
}

std::unique_ptr<ContractiveMap::Linearization> LipschitzNet::linearize(const torch::Tensor& x,
                                                                       const RowGrid& grid,
                                                                       int order) const {
  return std::make_unique<Pass>(*this, x, grid, order);
}

int64_t LipschitzNet::rows_at_once() const {
  constexpr int64_t kOfGpus = int64_t{1} << 18;  // enough to keep them busy
  if (!layers_.front().weight.device().is_cpu()) return kOfGpus;
  // A pass keeps about ten [rows, hidden] matrices; 8 MB of them stay in most third-level caches,
  // and calls of LibTorch's operators cost little beside their work.
  return std::max<int64_t>(64, (int64_t{1} << 23) / (10 * options_.hidden * (bfloat16_ ? 2 : 4)));
}

double LipschitzNet::norm_bound(const Layer& layer) const {
  const int64_t k = layer.kernel;
  const auto weight = layer.weight.detach();
  const auto kernel = layer.spreads()
                          ? weight.view({k, k, layer.in, layer.out}).permute({3, 2, 0, 1})
                          : weight.view({layer.in, k, k, layer.out}).permute({3, 0, 1, 2});
  return convolution_norm_bound(kernel, options_.height, options_.width);
}

double LipschitzNet::lipschitz_bound() const {
  if (certified_ >= 0) return certified_;
  if (options_.coefficient == 0) return std::numeric_limits<double>::infinity();
  return std::pow(options_.coefficient, static_cast<double>(layers_.size()));
}

double LipschitzNet::certify() {
  const torch::NoGradGuard no_grad;
  constexpr double kRounding = 1e-6;  // of scaled weights; the norm stays so much below c
  const double c = options_.coefficient;
  double bound = 1, largest_excess = 1;
  for (auto& layer : layers_) {
    double norm = norm_bound(layer);
    const double wanted = c * (1 - kRounding);
    if (c > 0 && norm > 0 &&
        (norm > c || (options_.always_scale && norm < c * (1 - 10 * kRounding)))) {
      largest_excess = std::max(largest_excess, norm / c);
      layer.weight.mul_(wanted / norm);
      norm = c;
    }
    if (layer.scale.defined()) layer.scale.fill_(1);
    bound *= norm;
  }
  certified_ = bound;
  return largest_excess;
}

void LipschitzNet::constrain(bool exact) {
  if (options_.coefficient == 0) return;
  const torch::NoGradGuard no_grad;
  certified_ = -1;
  const double c = options_.coefficient;
  const RowGrid grid{1, options_.height, options_.width};
  for (auto& layer : layers_) {
    const auto dtype = layer.weight.scalar_type();
    const bool forward = layer.spreads();  // the power vector is on the side with fewer channels
    double norm = 0;
    for (int step = 0; step < (exact ? 10 : 1); ++step) {
      // With A the operator: y = A v, norm = |y|, d norm = <y / |y|, dA v>; or with A^T.
      layer.power.div_(layer.power.norm());
      const auto from = forward ? product_input(layer, layer.power, grid, dtype)
                                : adjoint_input(layer, layer.power, grid, dtype);
      auto y = forward ? apply(layer, layer.weight, from, grid)
                       : apply_adjoint(layer, layer.weight.t(), from, grid);
      norm = y.norm().item<double>();
      if (!(norm > 0)) break;
      y = y / norm;
      const auto back =
          forward ? adjoint_input(layer, y, grid, dtype) : product_input(layer, y, grid, dtype);
      layer.norm_gradient.copy_(forward ? torch::mm(from.t(), back) : torch::mm(back.t(), from));
      layer.power.copy_(forward ? apply_adjoint(layer, layer.weight.t(), back, grid)
                                : apply(layer, layer.weight, back, grid));
    }
    if (!(norm > 0)) continue;
    if (exact) layer.margin.fill_(std::max(1.0, norm_bound(layer) / norm));
    const double estimate = norm * layer.margin.item<double>();
    layer.scale.fill_(estimate > c || options_.always_scale ? c / estimate : 1);
    layer.norm.fill_(norm);
  }
}

void LipschitzNet::project_gradients() {
  if (options_.coefficient == 0) return;
  const torch::NoGradGuard no_grad;
  for (auto& layer : layers_) {
    // Where the scale follows the norm, the operator does not change with the weight's length.
    const double norm = layer.norm.item<double>();
    if (!(norm > 0) || (layer.scale_value() == 1 && !options_.always_scale)) continue;
    auto& gradient = layer.weight.mutable_grad();
    gradient.sub_(layer.norm_gradient, (gradient * layer.weight).sum().item<double>() / norm);
  }
}

}  // namespace pie
