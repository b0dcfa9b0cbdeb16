#include "lib/model/exact_pie.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/image/resample.h"
#include "lib/model/mixture_tensors.h"
#include "lib/numerics/mixture_likelihood.h"

namespace pie {
namespace {

constexpr auto kRowsLast = torch::MemoryFormat::ChannelsLast;

static_assert(kMeanSteps == kIndicesPerUnit && kLowestMean == kMeanIndices.low &&
                  kHighestMean == kMeanIndices.high,
              "features count means as mixtures do");

// The integer levels of x [N, C, H, W] in [0, 1], uint8, in coding order.
torch::Tensor to_levels(const torch::Tensor& x) {
  const auto levels = (x.detach() * 256).floor_().clamp_(0, 255).to(torch::kUInt8);
  std::vector<torch::Tensor> channels;
  for (int64_t c = 0; c < x.size(1); ++c) {
    channels.push_back(levels.select(1, coded_channel(x.size(1), c)));
  }
  return torch::stack(channels, 1);
}

std::vector<ExactGrid> mixture_grids(const ExactPieConfig& config) {
  const int64_t most = kMeanIndices.high - kMeanIndices.low;
  std::vector<ExactGrid> grids;
  const auto add = [&](const ExactGrid& grid) {
    grids.insert(grids.end(), static_cast<size_t>(config.components), grid);
  };
  add({3, kWeightIndices.low, kWeightIndices.high});
  add({static_cast<int>(config.mean_bits), -most, most});
  add({3, kScaleIndices.low, kScaleIndices.high});
  return grids;
}

// A mixture to start from: means spread over what is likely, scales that let them overlap.
void start_wide(ExactLayer& last, const ExactPieConfig& config) {
  torch::NoGradGuard no_grad;
  last.weight.mul_(0.1);
  const auto count = static_cast<double>(config.components);
  const double range = config.view.relative_means ? 32 : 256;
  const double levels_per_unit =
      std::ldexp(1.0, static_cast<int>(config.mean_bits)) / kIndicesPerUnit;
  for (int64_t k = 0; k < config.components; ++k) {
    const double mean = range * ((static_cast<double>(k) + 0.5) / count - 0.5);
    last.bias[config.components + k] = mean / levels_per_unit;
    last.bias[2 * config.components + k] = std::log(range / 2 / count);
  }
}

// The indices of mixtures, int16, with means no longer relative.
torch::Tensor indices_of(const torch::Tensor& parameters, const std::vector<int16_t>& bases) {
  auto indices = parameters.to(torch::kCPU, torch::kInt16);
  const int64_t k = parameters.size(1) / 3;
  MixtureIndex* row = indices.data_ptr<MixtureIndex>();
  for (size_t i = 0; i < bases.size(); ++i, row += 3 * k) {
    for (int64_t c = k; c < 2 * k; ++c) row[c] = kMeanIndices.nearest(row[c] + bases[i]);
  }
  return indices;
}

torch::Tensor as_floats(const Bytes& levels) {
  auto tensor = torch::empty({static_cast<int64_t>(levels.size())});
  std::copy(levels.begin(), levels.end(), tensor.data_ptr<float>());
  return tensor;
}

// Rows of features as a network takes them, [n, features, height, width], channels last.
torch::Tensor as_tensor(const FeatureRows& rows, const CellGrid& grid) {
  constexpr float kUnit = 1.0F / (1 << kExactFeatureBits);
  auto tensor = torch::empty({grid.n, grid.height, grid.width, rows.columns});
  float* to = tensor.data_ptr<float>();
  for (size_t i = 0; i < rows.data.size(); ++i) to[i] = static_cast<float>(rows.data[i]) * kUnit;
  return tensor.permute({0, 3, 1, 2});
}

}  // namespace

// The networks as an ExactWalk calls them.
class ExactPie::Networks {
 public:
  explicit Networks(ExactPie& pie) : pie_(pie), device_(pie.device()) {}

  void begin(int64_t scale, const CellGrid& grid, const FeatureRows& coarse) {
    net_ = &pie_.network(scale);
    grid_ = grid;
    const auto shown = seen(coarse);
    state_ = net_->begin(coarse.columns > 0 ? shown : torch::Tensor(), shown);
  }
  void inject(size_t phase, const FeatureRows& planes) {
    state_ = net_->inject(static_cast<int64_t>(phase), state_, seen(planes));
  }
  torch::Tensor head(const ExactPlane& plane, const FeatureRows& before) {
    const auto out = net_->head(static_cast<int64_t>(plane.phase), plane.channel, state_,
                                plane.channel > 0 ? seen(before) : torch::Tensor());
    return out.permute({0, 2, 3, 1})
        .narrow(1, 0, plane.rows)
        .narrow(2, 0, plane.columns)
        .reshape({-1, out.size(1)});
  }

 private:
  torch::Tensor seen(const FeatureRows& rows) const { return as_tensor(rows, grid_).to(device_); }

  ExactPie& pie_;
  torch::Device device_;
  ExactNet* net_ = nullptr;
  CellGrid grid_{};
  torch::Tensor state_;
};

ExactPie::ExactPie(const ExactPieConfig& config)
    : config_(config), mixture_(std::make_shared<LogisticMixture>(MixtureTables::standard())) {
  const auto& view = config.view;
  ExactNetOptions options{};
  options.heads = view.layout.channels;
  options.features = view.plane_features();
  options.activation_bits = static_cast<int>(config.activation_bits);
  options.out = mixture_grids(config);
  const auto add = [&](const std::string& name) {
    nets_.push_back(register_module(name, std::make_shared<ExactNet>(options)));
    for (int64_t p = 0; p < options.phases; ++p) {
      for (int64_t c = 0; c < options.heads; ++c) start_wide(nets_.back()->last(p, c), config);
    }
  };
  options.in = view.coarse_features();
  options.phases = static_cast<int64_t>(kCellPhases.size());
  for (size_t i = 0; i < config.networks.size(); ++i) {
    options.hidden = config.networks[i].hidden;
    options.first_blocks = config.networks[i].first_blocks;
    options.phase_blocks = config.networks[i].phase_blocks;
    add("scale" + std::to_string(i));
  }
  options.in = 0;
  options.phases = 1;
  options.hidden = config.prior;
  options.first_blocks = options.phase_blocks = 0;
  add("z");
}

ExactNet& ExactPie::network(int64_t scale) const {
  if (scale == config_.view.layout.depth) return *nets_.back();
  return *nets_[std::min(static_cast<size_t>(scale), nets_.size() - 2)];
}

template <typename Visit>
torch::Tensor ExactPie::walk(int64_t n, int64_t height, int64_t width, Visit visit) {
  Networks networks(*this);
  ExactWalk<Networks, Visit> walk(config_.view, networks, visit);
  const auto channels = walk.run(n, height, width);
  auto levels = torch::empty({n, config_.input.channels, height, width}, torch::kUInt8);
  for (size_t c = 0; c < channels.size(); ++c) {
    for (int64_t i = 0; i < n; ++i) {
      std::copy_n(channels[c].begin() + i * height * width, height * width,
                  levels.data_ptr<uint8_t>() +
                      (i * config_.input.channels + static_cast<int64_t>(c)) * height * width);
    }
  }
  return levels;
}

torch::Tensor ExactPie::generate(int64_t n, int64_t height, int64_t width,
                                 const PlaneChoice& choose) {
  torch::NoGradGuard no_grad;
  return walk(n, height, width,
              [&](size_t plane, const torch::Tensor& parameters, const std::vector<int16_t>& bases,
                  const Surroundings&) { return choose(plane, indices_of(parameters, bases)); });
}

std::vector<Bytes> ExactPie::split(const torch::Tensor& levels) const {
  std::vector<Bytes> planes;
  constexpr int64_t kEnd = INT64_MAX;
  for (const auto& plane : exact_planes(config_.view.layout, levels.size(2), levels.size(3))) {
    const auto grid = sample_grid(config_.view.layout, plane);
    const auto samples = levels.select(1, plane.channel)
                             .slice(1, grid.row, kEnd, grid.step)
                             .slice(2, grid.column, kEnd, grid.step)
                             .cpu()
                             .contiguous();
    planes.emplace_back(samples.data_ptr<uint8_t>(), samples.data_ptr<uint8_t>() + samples.numel());
  }
  return planes;
}

LogLikelihood ExactPie::sum_up(const torch::Tensor& x,
                               const std::vector<torch::Tensor>& nats) const {
  const auto zero = x.new_zeros({x.size(0)});
  std::vector<torch::Tensor> layer(layers(), zero);
  const auto all = exact_planes(config_.view.layout, x.size(2), x.size(3));
  for (size_t p = 0; p < all.size(); ++p) {
    auto& sum = layer[all[p].layer];
    sum = sum + nats[p].view({x.size(0), -1}).sum(1);
  }
  LogLikelihood result;
  result.z = layer[0];
  for (size_t l = layers(); l-- > 1;) result.r.push_back(layer[l]);
  result.log_det = zero;
  result.pre_transform = torch::full_like(
      zero, static_cast<double>(x.size(1) * x.size(2) * x.size(3)) * std::log(256.0));
  return result;
}

LogLikelihood ExactPie::log_likelihood(const torch::Tensor& x, const LogDetEstimator&) {
  constexpr double kUnit = 1.0 / kIndicesPerUnit;
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  walk(x.size(0), x.size(2), x.size(3),
       [&](size_t plane, const torch::Tensor& parameters, const std::vector<int16_t>& bases,
           const Surroundings&) {
         auto base = torch::empty({static_cast<int64_t>(bases.size())});
         std::copy(bases.begin(), bases.end(), base.data_ptr<float>());
         nats[plane] = logistic_mixture_log_prob(
             parameters, base.to(x.device()), as_floats(planes[plane]).to(x.device()), kUnit,
             {kUnit * kMeanIndices.low, kUnit * kMeanIndices.high},
             std::ldexp(1.0, -LogisticMixture::kTotalBits));
         return planes[plane];
       });
  return sum_up(x, nats);
}

LogLikelihood ExactPie::measured_log_likelihood(const torch::Tensor& x, const LogDetEstimator&) {
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  generate(x.size(0), x.size(2), x.size(3), [&](size_t plane, const torch::Tensor& indices) {
    const auto& levels = planes[plane];
    nats[plane] = torch::empty({static_cast<int64_t>(levels.size())});
    std::vector<LogisticMixture::Interval> found(levels.size());
    mixture_->intervals(levels.data(), indices.data_ptr<MixtureIndex>(), components(), found.size(),
                        found.data());
    std::transform(found.begin(), found.end(), nats[plane].data_ptr<float>(),
                   [](const auto& own) { return static_cast<float>(-std::log(2.0) * own.bits()); });
    nats[plane] = nats[plane].to(x.device());
    return planes[plane];
  });
  return sum_up(x, nats);
}

torch::Tensor ExactPie::filled(const torch::Tensor& levels) {
  const auto known = split(levels);
  const auto all = exact_planes(config_.view.layout, levels.size(2), levels.size(3));
  return generate(levels.size(0), levels.size(2), levels.size(3),
                  [&](size_t plane, const torch::Tensor& indices) {
                    if (all[plane].layer == 0) return known[plane];
                    return mixture_->medians(indices.data_ptr<MixtureIndex>(), components(),
                                             static_cast<size_t>(indices.size(0)));
                  });
}

torch::Tensor ExactPie::interpolated(const torch::Tensor& levels) const {
  const int64_t step = int64_t{1} << config_.view.layout.layers, height = levels.size(2),
                width = levels.size(3);
  auto whole = torch::empty_like(levels);
  for (int64_t i = 0; i < levels.size(0); ++i) {
    for (int64_t c = 0; c < levels.size(1); ++c) {
      const auto known =
          levels[i][c].slice(0, 0, height, step).slice(1, 0, width, step).contiguous();
      const auto* data = known.data_ptr<uint8_t>();
      const auto plane = interpolate_plane(Bytes(data, data + known.numel()), step, height, width);
      std::copy(plane.begin(), plane.end(), whole[i][c].data_ptr<uint8_t>());
    }
  }
  return whole;
}

torch::Tensor ExactPie::reconstruct(const torch::Tensor& x) {
  const auto levels = to_levels(x);
  const auto coded = config_.view.position ? filled(levels) : interpolated(levels);
  auto result = torch::empty_like(coded);
  for (int64_t c = 0; c < x.size(1); ++c) {
    result.select(1, coded_channel(x.size(1), c)).copy_(coded.select(1, c));
  }
  return (result + 0.5) / 256;
}

std::string ExactPie::first_not_finite(const torch::Tensor& x) {
  const auto levels = split(to_levels(x));
  const auto all = exact_planes(config_.view.layout, x.size(2), x.size(3));
  std::string name = "the densities";
  walk(x.size(0), x.size(2), x.size(3),
       [&](size_t plane, const torch::Tensor& parameters, const std::vector<int16_t>&,
           const Surroundings&) {
         if (name == "the densities" && !torch::isfinite(parameters).all().item<bool>()) {
           name = "the network of scale " + std::to_string(all[plane].scale);
         }
         return levels[plane];
       });
  return name;
}

FrozenPie ExactPie::frozen() const {
  FrozenPie result{config_.view, config_.input, components(), {}, mixture_};
  for (const auto& net : nets_) result.networks.push_back(net->frozen());
  return result;
}

void ExactPie::set_bfloat16_subnets(bool on) {
  for (const auto& net : nets_) net->set_bfloat16(on);
}

double ExactPie::certify() {
  bool changed = false;
  for (const auto& net : nets_) changed = net->freeze() || changed;
  return changed ? 2 : 1;
}

void ExactPie::constrain(bool) {
  for (const auto& net : nets_) net->constrain();
}

std::map<std::string, torch::Tensor> ExactPie::stored_tensors() const {
  auto tensors = Model::stored_tensors();
  add_tables(mixture_->tables(), tensors);
  return tensors;
}

void ExactPie::restore(const std::map<std::string, torch::Tensor>& tensors) {
  Model::restore(tensors);
  mixture_ = mixture_from(tensors);
}

}  // namespace pie
