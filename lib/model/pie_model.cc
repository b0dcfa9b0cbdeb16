#include "lib/model/pie_model.h"

#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/flow/act_norm.h"
#include "lib/flow/affine_coupling.h"
#include "lib/flow/householder.h"
#include "lib/flow/pre_transform.h"
#include "lib/flow/reshapes.h"
#include "lib/nets/coupling_net.h"
#include "lib/numerics/gaussian.h"

namespace pie {
namespace {

SubnetFactory subnet_factory(const PieBlockConfig& block) {
  const int64_t kernel = block.kind == "conv" ? 3 : 1;
  return [=](int64_t in, int64_t out) {
    return std::make_shared<CouplingNet>(
        CouplingNetOptions{in, out, block.hidden, block.depth, kernel});
  };
}

std::shared_ptr<Sequence> make_flow(Shape3 in, const PieBlockConfig& block) {
  std::vector<std::shared_ptr<Bijection>> steps;
  if (block.kind == "conv") {
    steps.push_back(std::make_shared<Downsampling>(in));
  } else {
    steps.push_back(std::make_shared<Flatten>(in));
  }
  const Shape3 shape = steps.back()->output_shape();
  for (int64_t k = 0; k < block.steps; ++k) {
    if (block.act_norm) steps.push_back(std::make_shared<ActNorm>(shape));
    steps.push_back(std::make_shared<Householder>(shape, block.reflections));
    steps.push_back(
        std::make_shared<AffineCoupling>(shape, block.scale_clamp, subnet_factory(block)));
  }
  return std::make_shared<Sequence>(in, std::move(steps));
}

}  // namespace

torch::Tensor LogLikelihood::total() const {
  auto sum = z + log_det + pre_transform;
  for (const auto& term : r) sum = sum + term;
  return sum;
}

PieModel::PieModel(const PieConfig& config) : config_(config) {
  if (config.pre_transform == "logit") {
    pre_transform_ = std::make_shared<LogitPreTransform>(config.input, config.pre_transform_value);
  } else {
    pre_transform_ = std::make_shared<AffinePreTransform>(config.input, config.pre_transform_value);
  }
  register_module("pre_transform", pre_transform_);

  Shape3 shape = config.input;
  for (size_t i = 0; i < config.blocks.size(); ++i) {
    const auto& block_config = config.blocks[i];
    const std::string name = "block" + std::to_string(i);
    Block block;
    block.flow = register_module(name, make_flow(shape, block_config));
    shape = block.flow->output_shape();
    const int64_t area = shape.height * shape.width;
    if (block_config.keep % area != 0 || block_config.keep > shape.elements()) {
      throw ShapeError("blocks." + std::to_string(i) +
                       ".keep = " + std::to_string(block_config.keep) + " does not split " +
                       to_string(shape) + " along its channels");
    }
    if (block_config.keep < shape.elements()) {
      const auto factory =
          config.residual_mean == "network" ? subnet_factory(block_config) : SubnetFactory();
      block.split = register_module(
          name + "_split",
          std::make_shared<Split>(shape, block_config.keep / area, config.eps0(), factory));
      residual_shapes_.push_back(block.split->residual_shape());
      shape = block.split->kept_shape();
    }
    blocks_.push_back(block);
  }
  latent_shape_ = shape;
}

LogLikelihood PieModel::log_likelihood(const torch::Tensor& x) {
  auto mapped = pre_transform_->forward(x);
  LogLikelihood result;
  result.pre_transform = mapped.log_det;
  result.log_det = x.new_zeros({x.size(0)});
  auto value = mapped.value;
  for (const auto& block : blocks_) {
    mapped = block.flow->forward(value);
    value = mapped.value;
    result.log_det = result.log_det + mapped.log_det;
    if (block.split) {
      const auto parts = block.split->split(value);
      result.r.push_back(block.split->log_prob(parts));
      value = parts.z;
    }
  }
  result.z = normal_log_prob(value, 1.0);
  return result;
}

PieLatents PieModel::latents(const torch::Tensor& x) {
  PieLatents result;
  auto value = pre_transform_->latent(x);
  for (const auto& block : blocks_) {
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

torch::Tensor PieModel::decode(const torch::Tensor& z, const ResidualChoice& residual) {
  check_samples(z, latent_shape_, "decode: z");
  auto value = z;
  size_t l = residual_shapes_.size();
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    if (block->split) {
      --l;
      value = block->split->merge(value, residual(l, block->split->mean(value)));
    }
    value = block->flow->inverse(value);
  }
  return pre_transform_->inverse(value);
}

torch::Tensor PieModel::decode(const torch::Tensor& z) {
  return decode(z, [](size_t, const torch::Tensor& mean) { return mean; });
}

void PieModel::initialize(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  auto value = pre_transform_->latent(x);
  for (const auto& block : blocks_) {
    for (const auto& step : block.flow->steps()) {
      if (auto* act_norm = dynamic_cast<ActNorm*>(step.get())) act_norm->initialize(value);
      value = step->latent(value);
    }
    if (block.split) value = block.split->split(value).z;
  }
}

std::string PieModel::first_not_finite(const torch::Tensor& x) {
  const auto finite = [](const torch::Tensor& t) { return torch::isfinite(t).all().item<bool>(); };
  auto value = pre_transform_->latent(x);
  if (!finite(value)) return "pre_transform";
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const std::string name = "block" + std::to_string(i);
    const auto& steps = blocks_[i].flow->steps();
    for (size_t k = 0; k < steps.size(); ++k) {
      const auto mapped = steps[k]->forward(value);
      value = mapped.value;
      if (!finite(value) || !finite(mapped.log_det)) {
        return name + "." + std::to_string(k) + " (" + steps[k]->name() + ")";
      }
    }
    if (blocks_[i].split) {
      const auto parts = blocks_[i].split->split(value);
      if (!finite(blocks_[i].split->log_prob(parts))) return name + "_split";
      value = parts.z;
    }
  }
  return "the densities";
}

void PieModel::set_bfloat16_subnets(bool on) {
  for (const auto& module : modules()) {
    if (auto* net = dynamic_cast<CouplingNet*>(module.get())) net->set_bfloat16(on);
  }
}

}  // namespace pie
