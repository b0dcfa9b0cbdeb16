#include "lib/model/integer_pie.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/model/integer_features.h"
#include "lib/model/mixture_tensors.h"
#include "lib/numerics/mixture_likelihood.h"

namespace pie {
namespace {

// The integer levels of x [N, C, H, W] in [0, 1].
torch::Tensor to_levels(const torch::Tensor& x) {
  return (x.detach() * 256).floor_().clamp_(0, 255).to(torch::kFloat32);
}

std::vector<OutputGrid> mixture_grids(const IntegerPieConfig& config) {
  const int64_t most = kMeanIndices.high - kMeanIndices.low;
  std::vector<OutputGrid> grids;
  const auto add = [&](const OutputGrid& grid) {
    grids.insert(grids.end(), static_cast<size_t>(config.components), grid);
  };
  add({3, kWeightIndices.low, kWeightIndices.high});
  add({config.relative_means ? 7 : 9, -most, most});
  add({3, kScaleIndices.low, kScaleIndices.high});
  return grids;
}

// A mixture to start from: means spread over what is likely, scales that let them overlap.
void start_wide(IntegerLayer& last, const IntegerPieConfig& config) {
  torch::NoGradGuard no_grad;
  last.weight.mul_(0.1);
  const auto count = static_cast<double>(config.components);
  const double range = config.relative_means ? 32 : 256,
               levels_per_unit = config.relative_means ? 16 : 64;
  for (int64_t k = 0; k < config.components; ++k) {
    const double mean = range * ((static_cast<double>(k) + 0.5) / count - 0.5);
    last.bias[config.components + k] = mean / levels_per_unit;
    last.bias[2 * config.components + k] = std::log(range / 2 / count);
  }
}

// The indices of mixtures, int32, with means no longer relative.
torch::Tensor indices_of(const torch::Tensor& parameters, const torch::Tensor& base) {
  auto indices = torch::empty(parameters.sizes(), torch::kInt32);
  const int64_t k = parameters.size(1) / 3;
  const auto from = parameters.contiguous(), bases = base.contiguous();
  const float *row = from.data_ptr<float>(), *means = bases.data_ptr<float>();
  int32_t* to = indices.data_ptr<int32_t>();
  for (int64_t i = 0; i < parameters.size(0); ++i) {
    for (int64_t c = 0; c < 3 * k; ++c) to[c] = static_cast<int32_t>(row[c]);
    const auto middle = static_cast<int32_t>(means[i]);
    for (int64_t c = k; c < 2 * k; ++c) {
      to[c] = std::clamp(to[c] + middle, kMeanIndices.low, kMeanIndices.high);
    }
    row += 3 * k;
    to += 3 * k;
  }
  return indices;
}

}  // namespace

IntegerPie::IntegerPie(const IntegerPieConfig& config)
    : config_(config), mixture_(std::make_shared<LogisticMixture>(MixtureTables::standard())) {
  const auto grids = mixture_grids(config);
  const int64_t channels = config.input.channels;
  const int64_t of_coarse = level_features(config) + 2, of_plane = level_features(config) + 1;
  const auto add = [&](const std::string& name, int64_t in, const IntegerNetSize& size) {
    // A network without inputs would be nothing but a bias; it gets one that is zero.
    const int64_t inputs = std::max<int64_t>(1, in + (config.position ? 2 : 0));
    nets_.nets.push_back(
        register_module(name, std::make_shared<IntegerNet>(IntegerNetOptions{
                                  inputs, size.hidden, size.blocks, grids, channels, of_plane})));
    for (int64_t c = 0; c < channels; ++c) start_wide(nets_.nets.back()->last(c), config);
  };
  add("z", 0, config.prior);
  for (size_t s = config.scales.size(); s-- > 0;) {
    int64_t in = of_coarse * channels;
    for (const auto& phase : kPhases) {
      add("scale" + std::to_string(s) + "_" + std::to_string(phase.dy) + std::to_string(phase.dx),
          in, config.scales[s]);
      in += of_plane * channels;
    }
  }
}

torch::Tensor IntegerPie::walk(int64_t n, int64_t height, int64_t width, const PlaneVisit& visit) {
  return PlaneWalk(config_, nets_, visit).run(n, height, width);
}

torch::Tensor IntegerPie::generate(int64_t n, int64_t height, int64_t width,
                                   const PlaneChoice& choose) {
  torch::NoGradGuard no_grad;
  return walk(n, height, width,
              [&](size_t plane, const torch::Tensor& parameters, const torch::Tensor& base) {
                return choose(plane, indices_of(parameters, base));
              });
}

torch::Tensor IntegerPie::draws(const torch::Tensor& indices,
                                const std::vector<uint32_t>& slots) const {
  auto levels = torch::empty({indices.size(0)});
  std::vector<LogisticMixture::Interval> found(slots.size());
  mixture_->find(slots.data(), indices.data_ptr<int32_t>(), components(), slots.size(),
                 found.data());
  std::transform(found.begin(), found.end(), levels.data_ptr<float>(),
                 [](const auto& own) { return static_cast<float>(own.level); });
  return levels;
}

torch::Tensor IntegerPie::medians(const torch::Tensor& indices) const {
  constexpr uint32_t kHalf = (1U << (LogisticMixture::kTotalBits - 1)) - 1;
  return draws(indices, std::vector<uint32_t>(static_cast<size_t>(indices.size(0)), kHalf));
}

LogLikelihood IntegerPie::sum_up(const torch::Tensor& x,
                                 const std::vector<torch::Tensor>& nats) const {
  const auto zero = x.new_zeros({x.size(0)});
  std::vector<torch::Tensor> layer(layers(), zero);
  const auto all = planes(x.size(2), x.size(3));
  for (size_t p = 0; p < all.size(); ++p) {
    auto& sum = layer[all[p].layer];
    sum = sum + nats[p].view({x.size(0), -1}).sum(1);
  }
  LogLikelihood result;
  result.z = layer[0];
  for (size_t l = layers(); l-- > 1;) result.r.push_back(layer[l]);
  result.log_det = zero;
  result.pre_transform =
      torch::full_like(zero, static_cast<double>(config_.input.elements()) * std::log(256.0));
  return result;
}

LogLikelihood IntegerPie::log_likelihood(const torch::Tensor& x, const LogDetEstimator&) {
  constexpr double kUnit = 1.0 / kIndicesPerUnit;
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  walk(x.size(0), x.size(2), x.size(3),
       [&](size_t plane, const torch::Tensor& parameters, const torch::Tensor& base) {
         nats[plane] =
             logistic_mixture_log_prob(parameters, base, planes[plane], kUnit,
                                       {kUnit * kMeanIndices.low, kUnit * kMeanIndices.high},
                                       std::ldexp(1.0, -LogisticMixture::kTotalBits));
         return planes[plane];
       });
  return sum_up(x, nats);
}

LogLikelihood IntegerPie::measured_log_likelihood(const torch::Tensor& x, const LogDetEstimator&) {
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  generate(x.size(0), x.size(2), x.size(3), [&](size_t plane, const torch::Tensor& indices) {
    nats[plane] = torch::empty(planes[plane].sizes());
    std::vector<LogisticMixture::Interval> found(static_cast<size_t>(indices.size(0)));
    mixture_->intervals(planes[plane].data_ptr<float>(), indices.data_ptr<int32_t>(), components(),
                        found.size(), found.data());
    std::transform(found.begin(), found.end(), nats[plane].data_ptr<float>(),
                   [](const auto& own) { return static_cast<float>(-std::log(2.0) * own.bits()); });
    return planes[plane];
  });
  return sum_up(x, nats);
}

torch::Tensor IntegerPie::reconstruct(const torch::Tensor& x) {
  const auto known = split(to_levels(x));
  const auto all = planes(x.size(2), x.size(3));
  const auto levels =
      generate(x.size(0), x.size(2), x.size(3), [&](size_t plane, const torch::Tensor& indices) {
        return all[plane].layer == 0 ? known[plane] : medians(indices);
      });
  return (levels + 0.5) / 256;
}

std::string IntegerPie::first_not_finite(const torch::Tensor& x) {
  const auto levels = split(to_levels(x));
  const auto all = planes(x.size(2), x.size(3));
  std::string name = "the densities";
  walk(x.size(0), x.size(2), x.size(3),
       [&](size_t plane, const torch::Tensor& parameters, const torch::Tensor&) {
         if (name == "the densities" && !torch::isfinite(parameters).all().item<bool>()) {
           name = named_children().keys()[all[plane].net];
         }
         return levels[plane];
       });
  return name;
}

void IntegerPie::set_bfloat16_subnets(bool on) {
  for (const auto& net : nets_.nets) net->set_bfloat16(on);
}

double IntegerPie::certify() {
  bool changed = false;
  for (const auto& net : nets_.nets) changed = net->freeze() || changed;
  return changed ? 2 : 1;
}

void IntegerPie::constrain(bool) {
  for (const auto& net : nets_.nets) net->constrain();
}

std::map<std::string, torch::Tensor> IntegerPie::stored_tensors() const {
  auto tensors = Model::stored_tensors();
  add_tables(mixture_->tables(), tensors);
  return tensors;
}

void IntegerPie::restore(const std::map<std::string, torch::Tensor>& tensors) {
  Model::restore(tensors);
  mixture_ = mixture_from(tensors);
}

}  // namespace pie
