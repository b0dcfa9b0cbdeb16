#include "lib/model/architecture.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/flow/act_norm.h"
#include "lib/flow/affine_coupling.h"
#include "lib/flow/autoregressive.h"
#include "lib/flow/continuous_flow.h"
#include "lib/flow/householder.h"
#include "lib/flow/lu_convolution.h"
#include "lib/flow/pre_transform.h"
#include "lib/flow/reshapes.h"
#include "lib/model/autoencoder.h"
#include "lib/model/exact_pie.h"
#include "lib/model/flow_model.h"
#include "lib/model/iresnet_config.h"
#include "lib/model/pie_config.h"
#include "lib/nets/coupling_net.h"
#include "lib/nets/lipschitz_net.h"
#include "lib/nets/masked_net.h"

namespace pie {
namespace {

using Steps = std::vector<std::shared_ptr<Bijection>>;

std::shared_ptr<Bijection> make_pre_transform(Shape in, const PreTransformConfig& config) {
  if (config.kind == "logit") return std::make_shared<LogitPreTransform>(in, config.value);
  return std::make_shared<AffinePreTransform>(in, config.value);
}

// The split that leaves `keep` of the variables of `shape`; null if that is all. `path` names the
// configuration's key.
std::shared_ptr<Split> make_split(Shape shape, int64_t keep, double eps0,
                                  const SubnetFactory& factory, const std::string& path) {
  const int64_t area = shape.height * shape.width;
  if (keep % area != 0 || keep > shape.elements()) {
    throw ShapeError(path + ".keep = " + std::to_string(keep) + " does not split " +
                     to_string(shape) + " along its channels");
  }
  if (keep == shape.elements()) return nullptr;
  return std::make_shared<Split>(shape, keep / area, eps0, factory);
}

// A classifier's head on z; null for no classes.
std::shared_ptr<PooledHead> make_head(Shape z, int64_t classes, int64_t features) {
  return classes == 0 ? nullptr : std::make_shared<PooledHead>(z.channels, classes, features);
}

SubnetFactory subnet_factory(const PieBlockConfig& block) {
  const int64_t kernel = block.kind == "conv" ? 3 : 1;
  return [=](int64_t in, int64_t out) {
    return std::make_shared<CouplingNet>(
        CouplingNetOptions{in, out, block.hidden, block.depth, kernel});
  };
}

// `index`: of the step in its model. Null for none.
std::shared_ptr<Bijection> make_mixing(Shape shape, uint64_t index, const PieBlockConfig& block) {
  if (block.mixing == "none") return nullptr;
  if (block.mixing == "lu") return std::make_shared<LuConvolution>(shape);
  if (block.mixing == "reversal") return std::make_shared<Reversal>(shape);
  if (block.mixing == "shuffle") return std::make_shared<Shuffle>(shape, index);
  return std::make_shared<Householder>(shape, block.reflections);
}

std::shared_ptr<Bijection> make_transform(Shape shape, uint64_t index,
                                          const PieBlockConfig& block) {
  if (block.transform == "autoregressive") {
    const auto make_net = [&](int64_t numbers, int64_t parameters) {
      return std::make_shared<MaskedNet>(
          MaskedNetOptions{numbers, parameters, block.hidden, block.depth});
    };
    return std::make_shared<Autoregressive>(
        shape, AutoregressiveOptions{block.scale_clamp, block.components}, make_net);
  }
  if (block.transform == "continuous") {
    const int64_t kernel = block.kind == "conv" ? 3 : 1;
    std::vector<int64_t> kernels(static_cast<size_t>(block.depth) + 2, 1);
    kernels.front() = kernels.back() = kernel;
    const auto make_map = [&](int64_t channels, int64_t height, int64_t width) {
      return std::make_shared<LipschitzNet>(
          smooth_net_options(channels, height, width, block.hidden, kernels));
    };
    return std::make_shared<ContinuousFlow>(shape, index, block.tolerance, make_map);
  }
  return std::make_shared<AffineCoupling>(shape, block.scale_clamp, subnet_factory(block));
}

FlowParts make_pie(const PieConfig& config) {
  FlowParts parts;
  parts.input = config.input;
  parts.eps0 = config.eps0();
  parts.pre_transform = make_pre_transform(config.input, config.pre_transform);
  Shape in = config.input;
  uint64_t index = 0;
  for (size_t i = 0; i < config.blocks.size(); ++i) {
    const auto& block = config.blocks[i];
    Steps steps;
    if (block.kind == "conv") {
      steps.push_back(std::make_shared<Downsampling>(in));
    } else {
      steps.push_back(std::make_shared<Flatten>(in));
    }
    const Shape shape = steps.back()->output_shape();
    constexpr double kLeast = 0.1;
    for (int64_t k = 0; k < block.steps; ++k, ++index) {
      if (block.act_norm) steps.push_back(std::make_shared<ActNorm>(shape));
      if (const auto mixing = make_mixing(shape, index, block)) steps.push_back(mixing);
      steps.push_back(make_transform(shape, index, block));
    }
    if (block.final_act_norm) steps.push_back(std::make_shared<ActNorm>(shape, kLeast));
    const auto factory =
        config.residual_mean == "network" ? subnet_factory(block) : SubnetFactory();
    const auto split =
        make_split(shape, block.keep, config.eps0(), factory, "blocks." + std::to_string(i));
    parts.blocks.push_back({std::make_shared<Sequence>(in, std::move(steps)), split});
    in = split ? split->kept_shape() : shape;
  }
  parts.head = make_head(in, config.classes, config.head_features);
  return parts;
}

FlowParts make_iresnet(const IResNetConfig& config) {
  FlowParts parts;
  parts.input = config.input;
  parts.pad_channels = config.pad_channels;
  parts.pre_transform = make_pre_transform(config.input, config.pre_transform);
  Shape in = config.input;
  in.channels += config.pad_channels;
  uint64_t index = 0;
  for (size_t i = 0; i < config.scales.size(); ++i) {
    const auto& scale = config.scales[i];
    Steps steps;
    if (scale.entry == "downsample") steps.push_back(std::make_shared<Downsampling>(in));
    if (scale.entry == "flatten") steps.push_back(std::make_shared<Flatten>(in));
    const Shape shape = steps.empty() ? in : steps.back()->output_shape();
    for (int64_t k = 0; k < scale.blocks; ++k) {
      if (scale.act_norm) steps.push_back(std::make_shared<ActNorm>(shape));
      // The model's first block sees the data themselves, as in the published networks.
      const bool pre_activation = index > 0;
      const auto make_map = [&](int64_t channels, int64_t height, int64_t width) {
        return std::make_shared<LipschitzNet>(LipschitzNetOptions{
            channels, height, width, scale.hidden, scale.kernels, scale.activation, pre_activation,
            scale.coefficient, scale.always_scale});
      };
      steps.push_back(std::make_shared<ResidualBlock>(shape, index++, make_map));
    }
    const auto split = make_split(shape, scale.keep == 0 ? shape.elements() : scale.keep,
                                  parts.eps0, nullptr, "scales." + std::to_string(i));
    parts.blocks.push_back({std::make_shared<Sequence>(in, std::move(steps)), split});
    in = split ? split->kept_shape() : shape;
  }
  parts.head = make_head(in, config.classes, config.head_features);
  return parts;
}

// Of make_head.
double head_parameters(double channels, int64_t classes, int64_t features) {
  const auto sums = features > 0 ? static_cast<double>(features) : channels;
  return classes == 0
             ? 0
             : static_cast<double>(classes) * sums + (features > 0 ? 9 * channels * sums : 0);
}

double least_parameters(const PieConfig& config) {
  auto channels = static_cast<double>(config.input.channels);
  auto area = static_cast<double>(config.input.height * config.input.width);
  double least = 0;
  for (const auto& block : config.blocks) {
    const bool conv = block.kind == "conv";
    channels *= conv ? 4 : area;
    area = conv ? area / 4 : 1;
    const double hidden = static_cast<double>(block.hidden),
                 depth = static_cast<double>(block.depth);
    const double mixed = block.mixing == "lu" ? channels : static_cast<double>(block.reflections);
    const double ends = channels * (conv ? 9 : 1);
    const double outputs = block.components > 0    ? 3 * static_cast<double>(block.components)
                           : block.scale_clamp > 0 ? 2
                                                   : 1;
    double network = ends + 2 * depth * hidden;
    if (block.transform == "continuous") network = 2 * ends + depth * hidden;
    if (block.transform == "autoregressive") {
      network = (1 + outputs) * channels * area + depth * hidden;
    }
    least += static_cast<double>(block.steps) * (mixed * channels + hidden * network);
    channels = static_cast<double>(block.keep) / area;
  }
  return least + head_parameters(channels, config.classes, config.head_features);
}

double least_parameters(const IResNetConfig& config) {
  auto channels = static_cast<double>(config.input.channels + config.pad_channels);
  auto area = static_cast<double>(config.input.height * config.input.width);
  double least = 0;
  for (const auto& scale : config.scales) {
    if (scale.entry == "downsample") {
      channels *= 4;
      area /= 4;
    } else if (scale.entry == "flatten") {
      channels *= area;
      area = 1;
    }
    const auto hidden = static_cast<double>(scale.hidden);
    double in = channels, weights = 0;
    for (size_t k = 0; k < scale.kernels.size(); ++k) {
      const double out = k + 1 == scale.kernels.size() ? channels : hidden;
      weights += static_cast<double>(scale.kernels[k] * scale.kernels[k]) * in * out;
      in = out;
    }
    // The vectors of the power iterations are as large as an image and not stored.
    least += static_cast<double>(scale.blocks) * std::max(weights, channels * area / 64);
    if (scale.keep > 0) channels = static_cast<double>(scale.keep) / area;
  }
  return least + head_parameters(channels, config.classes, config.head_features);
}

double least_parameters(const ExactPieConfig& config) {
  const auto phases = static_cast<double>(kCellPhases.size());
  double least = 0;
  for (const auto& size : config.networks) {
    const auto hidden = static_cast<double>(size.hidden);
    const double blocks =
        static_cast<double>(size.first_blocks) + phases * static_cast<double>(size.phase_blocks);
    least += hidden * (9 * phases + 10 * hidden * blocks);
  }
  return least;
}

double least_parameters(const AutoencoderConfig& config) {
  double least = 0, channels = static_cast<double>(config.input.channels),
         area = static_cast<double>(config.input.height * config.input.width),
         filters = static_cast<double>(config.filters);
  for (int64_t s = 0; s < config.scales; ++s) {
    least += 2 * 16 * channels * filters;
    channels = filters;
    filters *= 2;
    area /= 4;
  }
  return least + 2 * channels * area * static_cast<double>(config.latent);
}

// What is known of one value of "arch".
struct Architecture {
  std::function<std::shared_ptr<Model>(const Json&)> make;
  std::function<double(const Json&)> least;
};

template <typename Parse, typename Make>
Architecture architecture(const Parse& parse, const Make& make) {
  return {[=](const Json& preset) -> std::shared_ptr<Model> { return make(parse(preset)); },
          [=](const Json& preset) { return least_parameters(parse(preset)); }};
}

const std::map<std::string, Architecture>& architectures() {
  const auto autoencoder = architecture(
      parse_autoencoder_config,
      [](const AutoencoderConfig& config) { return std::make_shared<Autoencoder>(config); });
  static const std::map<std::string, Architecture> all{
      {"pie", architecture(parse_pie_config,
                           [](const PieConfig& config) {
                             return std::make_shared<FlowModel>(make_pie(config));
                           })},
      {"iresnet", architecture(parse_iresnet_config,
                               [](const IResNetConfig& config) {
                                 return std::make_shared<FlowModel>(make_iresnet(config));
                               })},
      {"pie-exact", architecture(parse_exact_pie_config,
                                 [](const ExactPieConfig& config) {
                                   return std::make_shared<ExactPie>(config);
                                 })},
      {"vae", autoencoder},
      {"wae", autoencoder}};
  return all;
}

const Architecture& architecture_of(const Json& preset) {
  const auto arch = preset.is_object() ? preset.value("arch", Json()) : Json();
  if (is_known_architecture(arch)) return architectures().at(arch.get<std::string>());
  std::string list;
  for (const auto& item : architectures()) list += (list.empty() ? "" : ", ") + item.first;
  throw UsageError("configuration: 'arch' must be one of " + list + ", not " + arch.dump());
}

}  // namespace

bool is_known_architecture(const Json& arch) {
  return arch.is_string() && architectures().count(arch.get<std::string>()) > 0;
}

std::shared_ptr<Model> make_model(const Json& preset) {
  return architecture_of(preset).make(preset);
}

double least_parameters(const Json& preset) { return architecture_of(preset).least(preset); }

}  // namespace pie
