#include "lib/model/integer_pie.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/numerics/batches.h"
#include "lib/numerics/mixture_likelihood.h"

namespace pie {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

struct Phase {
  int64_t dy, dx;
};
// The diagonal first: its four known neighbours surround it, and with it those of the others.
constexpr Phase kPhases[] = {{1, 1}, {0, 1}, {1, 0}};

// Samples at every second row and column of `plane` [N, H, W] from a phase's first.
torch::Tensor phase_of(const torch::Tensor& plane, Phase phase) {
  return plane.slice(1, phase.dy, kEnd, 2).slice(2, phase.dx, kEnd, 2);
}

Shape3 halved(Shape3 s) { return {s.channels, (s.height + 1) / 2, (s.width + 1) / 2}; }

// The integer levels of x [N, C, H, W] in [0, 1].
torch::Tensor to_levels(const torch::Tensor& x) {
  return (x.detach() * 256).floor_().clamp_(0, 255).to(torch::kFloat32);
}

constexpr double kActivationUnit = 1.0 / (1 << kActivationBits);
constexpr double kMiddleMean = 128.0 * kIndicesPerUnit;

// What networks see of a plane, as activations. All planes are [N, H, W].
torch::Tensor level_feature(const torch::Tensor& levels) {
  return (levels / 2).floor_().mul_(kActivationUnit);
}
// The last bits, which absolute means need: scans saturate at 252 in one image, at 254 in another.
torch::Tensor low_bits_feature(const torch::Tensor& levels) {
  return levels.remainder(16).mul_(8 * kActivationUnit);
}
torch::Tensor difference_feature(const torch::Tensor& levels, const torch::Tensor& expected) {
  // Four steps a level up to 8 levels, one from there to 39: noise is as small as edges are large.
  const auto difference = levels - expected;
  return difference.clamp(-8, 8)
      .mul_(3)
      .add_(difference.clamp_(-39, 39))
      .add_(64)
      .mul_(kActivationUnit);
}
void add_level_features(std::vector<torch::Tensor>& features, const torch::Tensor& levels,
                        const IntegerPieConfig& config) {
  features.push_back(level_feature(levels));
  if (!config.relative_means) features.push_back(low_bits_feature(levels));
}
int64_t level_features(const IntegerPieConfig& config) { return config.relative_means ? 1 : 2; }

// Row or column (`dim` 1 or 2) from 0 to the largest activation.
torch::Tensor position_feature(int64_t n, int64_t height, int64_t width, int64_t dim) {
  const int64_t size = dim == 1 ? height : width;
  const auto steps = torch::arange(size) * kLargestActivation;
  const auto ramp = torch::floor_divide(steps, std::max<int64_t>(1, size - 1))
                        .to(torch::kFloat32)
                        .mul_(kActivationUnit);
  return (dim == 1 ? ramp.view({1, size, 1}) : ramp.view({1, 1, size})).expand({n, height, width});
}

// plane[y + step] along `dim`, with the first or last repeated where there is none.
torch::Tensor neighbour(const torch::Tensor& plane, int64_t dim, int64_t step) {
  const int64_t size = plane.size(dim);
  const auto inner = plane.narrow(dim, std::max<int64_t>(0, step), size - 1);
  const auto edge = plane.narrow(dim, step > 0 ? size - 1 : 0, 1);
  return step > 0 ? torch::cat({inner, edge}, dim) : torch::cat({edge, inner}, dim);
}

// The mean, in indices of a mean, of the four nearest samples that are known before `phase`: those
// of the coarse image and, but for the first phase, those of the diagonal.
torch::Tensor interpolate(const torch::Tensor& coarse, const torch::Tensor& diagonal, Phase phase) {
  if (phase.dy == 1 && phase.dx == 1) {
    const auto pairs = coarse + neighbour(coarse, 2, +1);
    return (pairs + neighbour(pairs, 1, +1)) * (kIndicesPerUnit / 4);
  }
  const int64_t across = phase.dy == 1 ? 1 : 2;  // coarse samples lie before and behind in `across`
  return (coarse + neighbour(coarse, across, +1) + diagonal + neighbour(diagonal, 3 - across, -1)) *
         (kIndicesPerUnit / 4);
}

// The integer levels nearest to means in indices.
torch::Tensor nearest_levels(const torch::Tensor& mean) {
  return (mean + kIndicesPerUnit / 2).div_(kIndicesPerUnit).floor_();
}

// Features of the images first ... last - 1 as rows; undefined if there are none.
torch::Tensor rows_of(const std::vector<torch::Tensor>& features, int64_t first, int64_t last) {
  if (features.empty()) return {};
  std::vector<torch::Tensor> parts;
  parts.reserve(features.size());
  for (const auto& feature : features) parts.push_back(feature.slice(0, first, last));
  return torch::stack(parts, 3).view({-1, static_cast<int64_t>(parts.size())});
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

torch::Tensor as_floats(const std::vector<uint32_t>& values) {
  auto tensor = torch::empty({static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

std::vector<uint32_t> as_integers(const torch::Tensor& tensor) {
  constexpr float kExact = 1 << 24;
  const float* data = tensor.data_ptr<float>();
  std::vector<uint32_t> values;
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    if (!(data[i] >= 0 && data[i] <= kExact) || data[i] != std::floor(data[i])) {
      throw DamagedError("its tables of probabilities are not integers");
    }
    values.push_back(static_cast<uint32_t>(data[i]));
  }
  return values;
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
    nets_.push_back(
        register_module(name, std::make_shared<IntegerNet>(IntegerNetOptions{
                                  inputs, size.hidden, size.blocks, grids, channels, of_plane})));
    for (int64_t c = 0; c < channels; ++c) start_wide(nets_.back()->last(c), config);
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

std::vector<Shape3> IntegerPie::shapes(int64_t height, int64_t width) const {
  std::vector<Shape3> shapes{{config_.input.channels, height, width}};
  for (size_t s = 0; s < config_.scales.size(); ++s) shapes.push_back(halved(shapes.back()));
  return shapes;
}

std::vector<IntegerPlane> IntegerPie::planes(int64_t height, int64_t width) const {
  const auto images = shapes(height, width);
  std::vector<IntegerPlane> planes;
  size_t net = 0;
  const auto add = [&](int64_t layer, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < config_.input.channels && rows * columns > 0; ++c) {
      planes.push_back({static_cast<size_t>(std::max<int64_t>(0, layer)), net, c, rows, columns});
    }
    ++net;
  };
  add(0, images.back().height, images.back().width);
  for (size_t s = config_.scales.size(); s-- > 0;) {
    for (const auto& phase : kPhases) {
      add(config_.layers - static_cast<int64_t>(s), (images[s].height - phase.dy + 1) / 2,
          (images[s].width - phase.dx + 1) / 2);
    }
  }
  return planes;
}

torch::Tensor IntegerPie::walk(int64_t n, int64_t height, int64_t width, const Visit& visit) {
  const auto channels = static_cast<size_t>(config_.input.channels);
  const auto images = shapes(height, width);
  const auto all = planes(height, width);
  size_t at = 0;
  std::vector<torch::Tensor> features;
  const auto start_features = [&](Shape3 grid) {
    features.clear();
    if (!config_.position) return;
    for (const int64_t dim : {1, 2}) {
      features.push_back(position_feature(n, grid.height, grid.width, dim));
    }
  };
  // The levels of the next planes, one of each channel, [n, height, width] of the coarse image,
  // where neighbours predict `expected`; `background` stands in for samples that do not exist.
  // What the levels tell later planes becomes features.
  const auto next = [&](const std::vector<torch::Tensor>& expected,
                        const std::vector<torch::Tensor>& background) {
    const int64_t h = expected[0].size(1), w = expected[0].size(2);
    auto& net = *nets_[all[at].net];
    if (features.empty()) features.push_back(torch::zeros({n, h, w}));
    const int64_t size =
        torch::GradMode::is_enabled() ? n : std::clamp<int64_t>(batch_rows_ / (h * w), 1, n);
    std::vector<torch::Tensor> trunks(static_cast<size_t>((n + size - 1) / size));
    const auto for_each_part = [&](const auto& body) {
      if (trunks.size() == 1) return body(size_t{0}, int64_t{0}, n);
      for_each_batch(static_cast<size_t>(n), static_cast<size_t>(size),
                     [&](size_t begin, size_t end) {
                       body(begin / static_cast<size_t>(size), static_cast<int64_t>(begin),
                            static_cast<int64_t>(end));
                     });
    };
    for_each_part([&](size_t i, int64_t first, int64_t last) {
      trunks[i] = net.trunk(rows_of(features, first, last), {last - first, h, w}, arithmetic_);
    });
    std::vector<torch::Tensor> before, result;
    torch::Tensor error;  // of what neighbours predict, in the channel before
    for (size_t c = 0; c < channels; ++c, ++at) {
      const auto& plane = all[at];
      auto mean = expected[c];
      if (c > 0) mean = (mean + error).clamp_(kMeanIndices.low, kMeanIndices.high);
      const auto inside = [&](const torch::Tensor& t) {
        return t.narrow(1, 0, plane.rows).narrow(2, 0, plane.columns);
      };
      std::vector<torch::Tensor> outputs(trunks.size());
      for_each_part([&](size_t i, int64_t first, int64_t last) {
        const RowGrid grid{last - first, h, w};
        const auto out = net.head(static_cast<int64_t>(c), trunks[i], rows_of(before, first, last),
                                  grid, arithmetic_);
        outputs[i] = inside(out.view({last - first, h, w, -1})).reshape({-1, out.size(1)});
      });
      const auto base = config_.relative_means ? mean : torch::full_like(mean, kMiddleMean);
      const auto parameters = outputs.size() == 1 ? outputs[0] : torch::cat(outputs);
      auto levels =
          visit(at, parameters, inside(base).reshape({-1})).view({n, plane.rows, plane.columns});
      if (plane.rows != h || plane.columns != w) {
        auto padded = background[c].clone();
        inside(padded).copy_(levels);
        levels = padded;
      }
      error = levels * kIndicesPerUnit - expected[c];
      add_level_features(before, levels, config_);
      before.push_back(difference_feature(levels, nearest_levels(mean)));
      result.push_back(levels);
    }
    features.insert(features.end(), before.begin(), before.end());
    return result;
  };

  start_features(images.back());
  const auto middle = torch::full({n, images.back().height, images.back().width}, kMiddleMean);
  auto image = next(std::vector<torch::Tensor>(channels, middle), {});
  for (size_t s = config_.scales.size(); s-- > 0;) {
    const auto coarse = image;
    start_features(images[s + 1]);
    image.clear();
    for (const auto& plane : coarse) {
      add_level_features(features, plane, config_);
      features.push_back(difference_feature(neighbour(plane, 2, +1), plane));
      features.push_back(difference_feature(neighbour(plane, 1, +1), plane));
      image.push_back(torch::empty({n, images[s].height, images[s].width}));
      phase_of(image.back(), {0, 0}).copy_(plane);
    }
    std::vector<torch::Tensor> diagonal = coarse;
    for (const auto& phase : kPhases) {
      if (phase_of(image[0], phase).numel() == 0) {
        // Networks count on the planes before them.
        for (size_t c = 0; c < channels; ++c) {
          add_level_features(features, coarse[c], config_);
          features.push_back(difference_feature(coarse[c], coarse[c]));
        }
        continue;
      }
      std::vector<torch::Tensor> expected;
      for (size_t c = 0; c < channels; ++c) {
        expected.push_back(interpolate(coarse[c], diagonal[c], phase));
      }
      const auto levels = next(expected, coarse);
      for (size_t c = 0; c < channels; ++c) {
        const auto to = phase_of(image[c], phase);
        to.copy_(levels[c].narrow(1, 0, to.size(1)).narrow(2, 0, to.size(2)));
      }
      if (phase.dy == 1 && phase.dx == 1) diagonal = levels;
    }
  }
  return torch::stack(image, 1);
}

torch::Tensor IntegerPie::generate(int64_t n, int64_t height, int64_t width,
                                   const PlaneChoice& choose) {
  torch::NoGradGuard no_grad;
  return walk(n, height, width,
              [&](size_t plane, const torch::Tensor& parameters, const torch::Tensor& base) {
                return choose(plane, indices_of(parameters, base));
              });
}

std::vector<torch::Tensor> IntegerPie::split(const torch::Tensor& levels) const {
  std::vector<torch::Tensor> fine_first;
  auto image = levels;
  std::vector<std::vector<torch::Tensor>> scales;
  // Contiguous: a plane of one sample an image would otherwise be a view with a stride.
  const auto flat = [](const torch::Tensor& t) { return t.reshape({-1}).contiguous(); };
  for (size_t s = 0; s < config_.scales.size(); ++s) {
    scales.emplace_back();
    for (const auto& phase : kPhases) {
      for (int64_t c = 0; c < config_.input.channels; ++c) {
        const auto plane = flat(phase_of(image.select(1, c), phase));
        if (plane.numel() > 0) scales.back().push_back(plane);
      }
    }
    image = image.slice(2, 0, kEnd, 2).slice(3, 0, kEnd, 2);
  }
  std::vector<torch::Tensor> planes;
  for (int64_t c = 0; c < config_.input.channels; ++c) planes.push_back(flat(image.select(1, c)));
  for (auto scale = scales.rbegin(); scale != scales.rend(); ++scale) {
    planes.insert(planes.end(), scale->begin(), scale->end());
  }
  return planes;
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
  for (const auto& net : nets_) net->set_bfloat16(on);
}

double IntegerPie::certify() {
  bool changed = false;
  for (const auto& net : nets_) changed = net->freeze() || changed;
  return changed ? 2 : 1;
}

void IntegerPie::constrain(bool) {
  for (const auto& net : nets_) net->constrain();
}

std::map<std::string, torch::Tensor> IntegerPie::stored_tensors() const {
  auto tensors = Model::stored_tensors();
  const auto& tables = mixture_->tables();
  tensors["tables.weights"] = as_floats(tables.weights);
  tensors["tables.rates"] = as_floats(tables.rates);
  tensors["tables.tail"] = as_floats(tables.tail);
  return tensors;
}

void IntegerPie::restore(const std::map<std::string, torch::Tensor>& tensors) {
  Model::restore(tensors);
  mixture_ = std::make_shared<LogisticMixture>(MixtureTables{
      as_integers(tensors.at("tables.weights")), as_integers(tensors.at("tables.rates")),
      as_integers(tensors.at("tables.tail"))});
}

}  // namespace pie
