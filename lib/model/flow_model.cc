#include "lib/model/flow_model.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/flow/act_norm.h"
#include "lib/flow/recompute.h"
#include "lib/nets/mixed_precision.h"
#include "lib/numerics/batches.h"
#include "lib/numerics/gaussian.h"

namespace pie {

FlowModel::FlowModel(FlowParts parts) : parts_(std::move(parts)) {
  register_module("pre_transform", parts_.pre_transform);
  Shape shape = parts_.input;
  for (size_t i = 0; i < parts_.blocks.size(); ++i) {
    const auto& block = parts_.blocks[i];
    const std::string name = "block" + std::to_string(i);
    register_module(name, block.flow);
    shape = block.flow->output_shape();
    for (const auto& step : block.flow->steps()) {
      const auto residual = std::dynamic_pointer_cast<ResidualBlock>(step);
      if (residual) residual_blocks_.push_back(residual);
    }
    if (block.split) {
      register_module(name + "_split", block.split);
      residual_shapes_.push_back(block.split->residual_shape());
      shape = block.split->kept_shape();
    }
  }
  latent_shape_ = shape;
  if (parts_.head) register_module("head", parts_.head);
}

torch::Tensor FlowModel::pad(const torch::Tensor& x) const {
  if (parts_.pad_channels == 0) return x;
  return torch::cat({x, x.new_zeros({x.size(0), parts_.pad_channels, x.size(2), x.size(3)})}, 1);
}

Likelihood FlowModel::likelihood() const {
  const bool invertible =
      parts_.pad_channels == 0 &&
      std::all_of(residual_blocks_.begin(), residual_blocks_.end(),
                  [](const auto& block) { return block->map().lipschitz_bound() < 1; });
  return invertible ? Likelihood::kExact : Likelihood::kNone;
}

bool FlowModel::estimates_log_det() const {
  return std::any_of(parts_.blocks.begin(), parts_.blocks.end(),
                     [](const auto& block) { return block.flow->estimates_log_det(); });
}

LogLikelihood FlowModel::log_likelihood(const torch::Tensor& x, const LogDetEstimator& how) {
  if (!has_density()) {
    throw UsageError("a model of zero-padded images, or without Lipschitz bounds, has no density");
  }
  auto mapped = parts_.pre_transform->forward(x);
  LogLikelihood result;
  result.pre_transform = mapped.log_det;
  result.log_det = x.new_zeros({x.size(0)});
  auto value = mapped.value;
  for (const auto& block : parts_.blocks) {
    mapped = recompute_ && torch::GradMode::is_enabled()
                 ? forward_recomputing(*block.flow, value, how)
                 : block.flow->forward(value, how);
    value = mapped.value;
    result.log_det = result.log_det + mapped.log_det;
    result.evaluations = sum_of_defined(result.evaluations, mapped.evaluations);
    if (block.split) {
      const auto parts = block.split->split(value);
      result.r.push_back(block.split->log_prob(parts));
      value = parts.z;
    }
  }
  result.z = normal_log_prob(value, 1.0);
  return result;
}

torch::Tensor FlowModel::logits(const torch::Tensor& x) {
  return parts_.head ? parts_.head->forward(latents(x).z) : Model::logits(x);
}

torch::Tensor FlowModel::features(const torch::Tensor& x) {
  return parts_.head ? parts_.head->features(latents(x).z) : Model::features(x);
}

Latents FlowModel::latents(const torch::Tensor& x) {
  Latents result;
  auto value = pad(parts_.pre_transform->latent(x));
  for (const auto& block : parts_.blocks) {
    value = block.flow->latent(value);
    if (block.split) {
      const auto parts = block.split->split(value);
      result.r.push_back(parts.r);
      value = parts.z;
    }
  }
  result.z = value;
  return result;
}

torch::Tensor FlowModel::decode(const torch::Tensor& z, const ResidualChoice& residual) {
  return decode_blocks(
      z, residual, [](Bijection& step, const torch::Tensor& value) { return step.inverse(value); });
}

torch::Tensor FlowModel::decode(const torch::Tensor& z, const ResidualChoice& residual,
                                const FixedPointOptions& options,
                                std::vector<FixedPointReport>* reports) {
  const torch::NoGradGuard no_grad;
  return decode_blocks(z, residual, [&](Bijection& step, const torch::Tensor& value) {
    auto* block = dynamic_cast<ResidualBlock*>(&step);
    if (block == nullptr) return step.inverse(value);
    FixedPointReport report;
    auto x = block->inverse(value, options, &report);
    if (reports != nullptr) reports->push_back(report);
    return x;
  });
}

torch::Tensor FlowModel::invert(const torch::Tensor& x, const FixedPointOptions& options,
                                std::vector<FixedPointReport>* reports) {
  const auto all = latents(x);
  return decode(
      all.z, [&](size_t l, const torch::Tensor&) { return all.r[l]; }, options, reports);
}

torch::Tensor FlowModel::decode_blocks(
    const torch::Tensor& z, const ResidualChoice& residual,
    const std::function<torch::Tensor(Bijection& step, const torch::Tensor& value)>& invert) {
  check_samples(z, latent_shape_, "decode: z");
  auto value = z;
  size_t l = residual_shapes_.size();
  for (auto block = parts_.blocks.rbegin(); block != parts_.blocks.rend(); ++block) {
    if (block->split) {
      --l;
      value = block->split->merge(value, residual(l, block->split->mean(value)));
    }
    const auto& steps = block->flow->steps();
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) value = invert(**step, value);
  }
  return parts_.pre_transform->inverse(value.narrow(1, 0, parts_.input.channels));
}

void FlowModel::initialize(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  constrain(true);
  auto value = pad(parts_.pre_transform->latent(x));
  for (const auto& block : parts_.blocks) {
    for (const auto& step : block.flow->steps()) {
      if (auto* act_norm = dynamic_cast<ActNorm*>(step.get())) act_norm->initialize(value);
      value = step->latent(value);
    }
    if (block.split) value = block.split->split(value).z;
  }
  if (parts_.head) parts_.head->initialize(value);
}

std::string FlowModel::first_not_finite(const torch::Tensor& x) {
  const auto finite = [](const torch::Tensor& t) { return torch::isfinite(t).all().item<bool>(); };
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kSeries;
  how.keys.resize(static_cast<size_t>(x.size(0)));
  auto value = pad(parts_.pre_transform->latent(x));
  if (!finite(value)) return "pre_transform";
  for (size_t i = 0; i < parts_.blocks.size(); ++i) {
    const std::string name = "block" + std::to_string(i);
    const auto& [flow, split] = parts_.blocks[i];
    const auto& steps = flow->steps();
    for (size_t k = 0; k < steps.size(); ++k) {
      const auto mapped = steps[k]->forward(value, how);
      value = mapped.value;
      if (!finite(value) || !finite(mapped.log_det)) {
        return name + "." + std::to_string(k) + " (" + steps[k]->name() + ")";
      }
    }
    if (split) {
      const auto parts = split->split(value);
      if (!finite(split->log_prob(parts))) return name + "_split";
      value = parts.z;
    }
  }
  return "the densities";
}

void FlowModel::set_bfloat16_subnets(bool on) {
  for (const auto& module : modules()) {
    if (auto* net = dynamic_cast<MixedPrecision*>(module.get())) net->set_bfloat16(on);
  }
}

void FlowModel::set_recompute(bool on) {
  if (on && !std::all_of(parts_.blocks.begin(), parts_.blocks.end(),
                         [](const auto& block) { return block.flow->inverts_fast(); })) {
    throw UsageError(
        "train.recompute needs inverses as exact and fast as the way there: not those of "
        "autoregressive and continuous steps");
  }
  recompute_ = on;
}

double FlowModel::certify() {
  std::vector<double> excesses(residual_blocks_.size(), 1);
  for_each_on_one_thread(excesses.size(),
                         [&](size_t i) { excesses[i] = residual_blocks_[i]->map().certify(); });
  return std::accumulate(excesses.begin(), excesses.end(), 1.0,
                         [](double a, double b) { return std::max(a, b); });
}

void FlowModel::constrain(bool exact) {
  for_each_on_one_thread(residual_blocks_.size(),
                         [&](size_t i) { residual_blocks_[i]->map().constrain(exact); });
}

void FlowModel::project_gradients() {
  for (const auto& block : residual_blocks_) block->map().project_gradients();
}

}  // namespace pie
