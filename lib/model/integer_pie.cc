#include "lib/model/integer_pie.h"

#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/numerics/batches.h"

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

// What networks see of known planes [N, P, H, W], as activations: the upper seven bits of each
// level, then its lower three times 16; then, if asked for, row and column from 0 to 127.
torch::Tensor features(const torch::Tensor& known, bool position) {
  constexpr double kUnit = 1.0 / (1 << kActivationBits);
  const int64_t n = known.size(0), h = known.size(2), w = known.size(3);
  const auto upper = (known / 2).floor_();
  const auto lower = (known - (known / 8).floor_() * 8) * 16;
  std::vector<torch::Tensor> parts{upper, lower};
  if (position) {
    const auto ramp = [](int64_t size) {
      const auto steps = torch::arange(size) * kLargestActivation;
      return torch::floor_divide(steps, std::max<int64_t>(1, size - 1)).to(torch::kFloat32);
    };
    parts.push_back(ramp(h).view({1, 1, h, 1}).expand({n, 1, h, w}));
    parts.push_back(ramp(w).view({1, 1, 1, w}).expand({n, 1, h, w}));
  }
  return to_rows(torch::cat(parts, 1)) * kUnit;
}

std::vector<OutputGrid> mixture_grids(int64_t components) {
  const auto grid = [](int gain_bits, int64_t offset, IndexRange range) {
    return OutputGrid{gain_bits, offset, range.low, range.high};
  };
  std::vector<OutputGrid> grids;
  const auto add = [&](const OutputGrid& g) {
    grids.insert(grids.end(), static_cast<size_t>(components), g);
  };
  add(grid(3, 0, kWeightIndices));
  add(grid(9, int64_t{128} * kIndicesPerUnit, kMeanIndices));
  add(grid(3, 0, kScaleIndices));
  return grids;
}

// A mixture to start from: means spread over all levels, scales that let them overlap.
void start_wide(IntegerLayer& last, int64_t components) {
  torch::NoGradGuard no_grad;
  last.weight.mul_(0.1);
  for (int64_t k = 0; k < components; ++k) {
    const double mean = 256 * (static_cast<double>(k) + 0.5) / static_cast<double>(components);
    last.bias[components + k] = (mean - 128) / 64;
    last.bias[2 * components + k] = std::log(128.0 / static_cast<double>(components));
  }
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

torch::Tensor mixture_log_prob(const torch::Tensor& parameters, const torch::Tensor& v) {
  const int64_t k = parameters.size(1) / 3;
  const auto unscaled = parameters / static_cast<double>(kIndicesPerUnit);
  const auto weight = unscaled.narrow(1, 0, k);
  const auto rate = (-unscaled.narrow(1, 2 * k, k)).exp();
  const auto level = v.unsqueeze(1);
  const auto distance = level - unscaled.narrow(1, k, k);
  const auto below = torch::log_sigmoid((distance + 0.5) * rate);
  const auto above = torch::log_sigmoid((0.5 - distance) * rate);
  // S(a) - S(b) = S(a) S(-b) (1 - exp(b - a)) for the logistic function S, without cancellation.
  const auto inner = below + above + (-torch::expm1(-rate)).log();
  const auto mass = torch::where(level <= 0, below, torch::where(level >= 255, above, inner));
  const auto mixed = torch::logsumexp(weight + mass, 1) - torch::logsumexp(weight, 1);
  const double floor = -LogisticMixture::kTotalBits * std::log(2.0);
  return torch::logaddexp(mixed, torch::full_like(mixed, floor));
}

IntegerPie::IntegerPie(const IntegerPieConfig& config)
    : config_(config), mixture_(std::make_shared<LogisticMixture>(MixtureTables::standard())) {
  shapes_.push_back(config.input);
  for (size_t s = 0; s < config.scales.size(); ++s) shapes_.push_back(halved(shapes_.back()));

  const auto grids = mixture_grids(config.components);
  const auto add = [&](const std::string& name, size_t layer, int64_t rows, int64_t columns,
                       int64_t known, const IntegerNetSize& size) {
    planes_.push_back({layer, rows, columns});
    const int64_t in = 2 * known + (config.position ? 2 : 0);
    // A network without inputs would be nothing but a bias; it gets one that is zero.
    const IntegerNetOptions options{std::max<int64_t>(1, in), size.hidden, size.blocks, grids};
    nets_.push_back(register_module(name, std::make_shared<IntegerNet>(options)));
    start_wide(nets_.back()->last(), config.components);
  };
  const int64_t channels = config.input.channels;
  for (int64_t c = 0; c < channels; ++c) {
    add("z_" + std::to_string(c), 0, shapes_.back().height, shapes_.back().width, c, config.prior);
  }
  for (size_t s = config.scales.size(); s-- > 0;) {
    const auto layer =
        static_cast<size_t>(std::max<int64_t>(0, config.layers - static_cast<int64_t>(s)));
    int64_t known = channels;
    for (const auto& phase : kPhases) {
      const int64_t rows = (shapes_[s].height - phase.dy + 1) / 2;
      const int64_t columns = (shapes_[s].width - phase.dx + 1) / 2;
      if (rows * columns == 0) continue;
      for (int64_t c = 0; c < channels; ++c) {
        add("scale" + std::to_string(s) + "_" + std::to_string(phase.dy) +
                std::to_string(phase.dx) + "_" + std::to_string(c),
            layer, rows, columns, known++, config.scales[s]);
      }
    }
  }
}

size_t IntegerPie::symbols_per_item(size_t layer) const {
  size_t count = 0;
  for (const auto& plane : planes_) {
    if (plane.layer == layer) count += static_cast<size_t>(plane.samples());
  }
  return count;
}

torch::Tensor IntegerPie::parameters_of(size_t plane, const torch::Tensor& known) {
  auto& net = *nets_[plane];
  const int64_t n = known.size(0), h = known.size(2), w = known.size(3);
  const int64_t rows = planes_[plane].rows, columns = planes_[plane].columns;
  const auto compute = [&](const torch::Tensor& part) {
    const RowGrid grid{part.size(0), h, w};
    const auto inputs = part.size(1) == 0 && !config_.position ? torch::zeros({grid.rows(), 1})
                                                               : features(part, config_.position);
    torch::Tensor out;
    if (arithmetic_ == Arithmetic::kInt64 && !torch::GradMode::is_enabled()) {
      const auto integers = (inputs * (1 << kActivationBits)).to(torch::kInt64);
      out = net.forward_reference(integers, grid).to(torch::kFloat32);
    } else {
      out = net.forward(inputs, grid);
    }
    return out.view({part.size(0), h, w, out.size(1)})
        .narrow(1, 0, rows)
        .narrow(2, 0, columns)
        .reshape({-1, out.size(1)});
  };
  if (torch::GradMode::is_enabled()) return compute(known);
  // Small batches stay in the cache, and bound the memory that a block of images needs.
  constexpr size_t kBatch = 16;
  auto all = torch::empty({n * planes_[plane].samples(), 3 * config_.components});
  for_each_batch(static_cast<size_t>(n), kBatch, [&](size_t begin, size_t end) {
    const auto first = static_cast<int64_t>(begin), last = static_cast<int64_t>(end);
    all.slice(0, first * planes_[plane].samples(), last * planes_[plane].samples())
        .copy_(compute(known.slice(0, first, last)));
  });
  return all;
}

torch::Tensor IntegerPie::walk(int64_t n, const Visit& visit) {
  const int64_t channels = config_.input.channels;
  size_t at = 0;
  // The levels of the next plane, which `visit` chooses, as [n, rows, columns].
  const auto next = [&](const std::vector<torch::Tensor>& known, Shape3 grid) {
    const auto stacked =
        known.empty() ? torch::empty({n, 0, grid.height, grid.width}) : torch::stack(known, 1);
    const auto& plane = planes_[at];
    const auto levels = visit(at, parameters_of(at, stacked));
    ++at;
    return levels.view({n, plane.rows, plane.columns});
  };
  std::vector<torch::Tensor> image;  // one plane [n, H, W] of each channel
  for (int64_t c = 0; c < channels; ++c) image.push_back(next(image, shapes_.back()));
  for (size_t s = config_.scales.size(); s-- > 0;) {
    const auto coarse = image;
    auto known = coarse;
    std::vector<torch::Tensor> fine;
    for (int64_t c = 0; c < channels; ++c) {
      fine.push_back(torch::empty({n, shapes_[s].height, shapes_[s].width}));
      phase_of(fine.back(), {0, 0}).copy_(coarse[static_cast<size_t>(c)]);
    }
    for (const auto& phase : kPhases) {
      if (phase_of(fine[0], phase).numel() == 0) continue;
      for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
        const auto levels = next(known, shapes_[s + 1]);
        phase_of(fine[c], phase).copy_(levels);
        auto padded = coarse[c].clone();
        padded.narrow(1, 0, levels.size(1)).narrow(2, 0, levels.size(2)).copy_(levels);
        known.push_back(padded);
      }
    }
    image = fine;
  }
  return torch::stack(image, 1);
}

torch::Tensor IntegerPie::generate(int64_t n, const PlaneChoice& choose) {
  torch::NoGradGuard no_grad;
  return walk(n, [&](size_t plane, const torch::Tensor& parameters) {
    return choose(plane, parameters.to(torch::kInt32));
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

torch::Tensor IntegerPie::medians(const torch::Tensor& indices) const {
  auto levels = torch::empty({indices.size(0)});
  const auto* row = indices.data_ptr<int32_t>();
  for (int64_t i = 0; i < indices.size(0); ++i, row += indices.size(1)) {
    levels.data_ptr<float>()[i] = static_cast<float>(mixture_->median(row, components()));
  }
  return levels;
}

LogLikelihood IntegerPie::sum_up(const torch::Tensor& x,
                                 const std::vector<torch::Tensor>& nats) const {
  const auto zero = x.new_zeros({x.size(0)});
  std::vector<torch::Tensor> layer(layers(), zero);
  for (size_t p = 0; p < planes_.size(); ++p) {
    auto& sum = layer[planes_[p].layer];
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
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  walk(x.size(0), [&](size_t plane, const torch::Tensor& parameters) {
    nats[plane] = mixture_log_prob(parameters, planes[plane]);
    return planes[plane];
  });
  return sum_up(x, nats);
}

LogLikelihood IntegerPie::measured_log_likelihood(const torch::Tensor& x, const LogDetEstimator&) {
  check_samples(x, config_.input, "x");
  const auto planes = split(to_levels(x));
  std::vector<torch::Tensor> nats(planes.size());
  generate(x.size(0), [&](size_t plane, const torch::Tensor& indices) {
    nats[plane] = torch::empty(planes[plane].sizes());
    const auto* row = indices.data_ptr<int32_t>();
    for (int64_t i = 0; i < indices.size(0); ++i, row += indices.size(1)) {
      const int v = static_cast<int>(planes[plane].data_ptr<float>()[i]);
      nats[plane].data_ptr<float>()[i] =
          static_cast<float>(-std::log(2.0) * mixture_->interval(row, components(), v).bits());
    }
    return planes[plane];
  });
  return sum_up(x, nats);
}

torch::Tensor IntegerPie::reconstruct(const torch::Tensor& x) {
  const auto planes = split(to_levels(x));
  const auto levels = generate(x.size(0), [&](size_t plane, const torch::Tensor& indices) {
    return planes_[plane].layer == 0 ? planes[plane] : medians(indices);
  });
  return (levels + 0.5) / 256;
}

std::string IntegerPie::first_not_finite(const torch::Tensor& x) {
  const auto planes = split(to_levels(x));
  std::string name = "the densities";
  walk(x.size(0), [&](size_t plane, const torch::Tensor& parameters) {
    if (name == "the densities" && !torch::isfinite(parameters).all().item<bool>()) {
      name = named_children().keys()[plane];
    }
    return planes[plane];
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
