#include "lib/train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/error.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

constexpr size_t kBatch = 128;

// Nats of each image, in columns: z, log-det, pre-transform, r_1, r_2, ...
torch::Tensor as_columns(const LogLikelihood& terms) {
  std::vector<torch::Tensor> columns{terms.z, terms.log_det, terms.pre_transform};
  columns.insert(columns.end(), terms.r.begin(), terms.r.end());
  return torch::stack(columns, 1).to(torch::kFloat64);
}

std::vector<size_t> range(size_t begin, size_t end) {
  std::vector<size_t> indices(end - begin);
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

}  // namespace

LogDetEstimator default_log_det() {
  LogDetEstimator how;
  how.method = LogDetEstimator::Method::kRoulette;
  how.terms = 4;
  return how;
}

ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape shape) {
  ImageSet images(shape, indices.size());
  for (size_t k = 0; k < indices.size(); ++k) {
    source.load_planar(indices[k], images.shape(), images.data(k));
  }
  return images;
}

namespace {

// The same for `model`. Of images that are larger than a model of any size is trained on, the
// middle.
ImageSet load_for(const Model& model, const ImageSource& source,
                  const std::vector<size_t>& indices) {
  if (!model.any_size()) return load_images(source, indices, model.input_shape());
  const auto target = model.input_shape();
  ImageSet images(target);
  for (const size_t index : indices) {
    auto image = source.load(index);
    const auto& g = image.shape;
    if (g.height >= target.height && g.width >= target.width) {
      image = crop(image, (g.width - target.width) / 2, (g.height - target.height) / 2,
                   target.width, target.height);
    }
    if (image.shape != target || image.bits != 8) {
      throw ShapeError(source.name(index) + ": is " + to_string(image.shape) + ", at least " +
                       to_string(target) + " of 8 bits is required");
    }
    images.append(image);
  }
  return images;
}

}  // namespace

LikelihoodReport evaluate_likelihood(Model& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws, const LogDetEstimator& how) {
  const auto shape = model.input_shape();
  const auto images = static_cast<int64_t>(source.size());
  const auto residuals = static_cast<int64_t>(model.residuals());
  const auto nats = torch::zeros({images, 3 + residuals}, torch::kFloat64);
  for_each_batch(source.size(), kBatch, [&](size_t begin, size_t end) {
    const auto indices = range(begin, end);
    const auto batch = load_for(model, source, indices);
    auto rows = nats.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end));
    for (int64_t draw = 0; draw < draws; ++draw) {
      const auto x = model.discrete()
                         ? to_unit(batch)
                         : dequantize(batch, indices, seed, static_cast<uint64_t>(draw));
      auto keyed = how;
      keyed.seed = seed;
      for (const size_t index : indices) {
        keyed.keys.push_back(index * static_cast<size_t>(draws) + static_cast<size_t>(draw));
      }
      rows += as_columns(model.measured_log_likelihood(x, keyed));
    }
  });

  const double dims = static_cast<double>(shape.elements());
  const auto bits = nats / (-static_cast<double>(draws) * dims * std::log(2.0));
  const auto mean_bits = [&](int64_t column) {
    return bits.select(1, column).mean().item<double>();
  };
  LikelihoodReport report;
  report.draws = draws;
  report.images = images;
  report.z = mean_bits(0);
  report.log_det = mean_bits(1);
  report.pre_transform = mean_bits(2);
  for (int64_t l = 0; l < residuals; ++l) report.r.push_back(mean_bits(3 + l));
  RunningMean total;
  const auto totals = bits.sum(1);
  for (int64_t i = 0; i < images; ++i) {
    total.add(report.offset + totals.data_ptr<double>()[i]);
  }
  report.bits_per_dim = total.mean();
  report.standard_error = total.standard_error();
  if (how.method == LogDetEstimator::Method::kSeries) {
    for (const auto& block : model.residual_blocks()) {
      const auto elements = block->input_shape().elements();
      report.log_det_bias_bound +=
          truncation_bound(block->map().lipschitz_bound(), elements, how.terms) /
          (dims * std::log(2.0));
    }
  }
  report.nats_per_image = -report.bits_per_dim * dims * std::log(2.0);
  return report;
}

ImageSet reconstruct(Model& model, const ImageSet& images) {
  ImageSet result(images.shape(), images.size());
  for_each_batch(images.size(), kBatch, [&](size_t begin, size_t end) {
    const auto decoded = to_images(model.reconstruct(to_unit(images.slice(begin, end))));
    std::copy(decoded.pixels().begin(), decoded.pixels().end(), result.data(begin));
  });
  return result;
}

InversionReport evaluate_inversion(FlowModel& model, const ImageSet& images,
                                   const FixedPointOptions& options) {
  const auto count = static_cast<int64_t>(images.size());
  const auto blocks = static_cast<int64_t>(model.residual_blocks().size());
  const auto largest = torch::zeros({count}), squares = torch::zeros({count}, torch::kFloat64);
  const auto iterations = torch::zeros({blocks, count}, torch::kInt64);
  const auto bounds = torch::zeros({blocks, count}, torch::kFloat64);
  InversionReport report;
  report.images = ImageSet(images.shape(), images.size());
  for_each_batch(images.size(), kBatch, [&](size_t begin, size_t end) {
    const auto x = to_unit(images.slice(begin, end));
    const auto latents = model.latents(x);
    std::vector<FixedPointReport> reports;
    const auto found = model.decode(
        latents.z, [&](size_t l, const torch::Tensor&) { return latents.r[l]; }, options, &reports);
    const auto part = [&](const torch::Tensor& t) {
      return t.slice(-1, static_cast<int64_t>(begin), static_cast<int64_t>(end));
    };
    const auto pixels = to_images(found);
    std::copy(pixels.pixels().begin(), pixels.pixels().end(), report.images.data(begin));
    const auto error = (found - x).flatten(1).abs();
    part(largest).copy_(error.amax(1));
    part(squares).copy_(error.to(torch::kFloat64).square().mean(1));
    for (size_t b = 0; b < reports.size(); ++b) {
      part(iterations[static_cast<int64_t>(b)]).copy_(reports[b].iterations);
      part(bounds[static_cast<int64_t>(b)]).copy_(reports[b].error_bound);
    }
  });
  report.max_abs_error = largest.max().item<double>();
  report.rms_error = std::sqrt(squares.mean().item<double>());
  if (blocks > 0) {
    report.error_bound = bounds.max().item<double>();
    report.iterations_max = iterations.max().item<int64_t>();
    report.iterations_mean = iterations.to(torch::kFloat64).mean().item<double>();
  }
  return report;
}

double classification_error(Model& model, const ImageSource& images, const Bytes& labels) {
  std::vector<int64_t> wrong(images.size());
  for_each_batch(images.size(), kBatch, [&](size_t begin, size_t end) {
    const auto batch = load_images(images, range(begin, end), model.input_shape());
    const auto classes = model.logits(to_unit(batch)).argmax(1);
    for (size_t k = begin; k < end; ++k) {
      wrong[k] = classes[static_cast<int64_t>(k - begin)].item<int64_t>() != labels[k] ? 1 : 0;
    }
  });
  const auto total = std::accumulate(wrong.begin(), wrong.end(), int64_t{0});
  return 100.0 * static_cast<double>(total) / static_cast<double>(images.size());
}

torch::Tensor classifier_features(Model& model, const ImageSet& images) {
  const auto features_of = [&](size_t begin, size_t end) {
    return model.features(to_unit(images.slice(begin, end)));
  };
  const torch::NoGradGuard no_grad;
  const auto width = features_of(0, 1).size(1);
  auto features = torch::empty({static_cast<int64_t>(images.size()), width});
  for_each_batch(images.size(), kBatch, [&](size_t begin, size_t end) {
    features.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end))
        .copy_(features_of(begin, end));
  });
  return features;
}

double reconstruction_psnr(Model& model, const ImageSource& source, size_t at_most) {
  // Some at a time, because the source may be larger than the memory.
  constexpr size_t kImages = 16 * kBatch;
  const size_t count = std::min(source.size(), at_most);
  Psnr psnr;
  for (size_t begin = 0; begin < count; begin += kImages) {
    const auto images = load_for(model, source, range(begin, std::min(count, begin + kImages)));
    psnr.add(images, reconstruct(model, images));
  }
  return psnr.pooled_db();
}

}  // namespace pie
