#include "lib/eval/inversion.h"

#include <algorithm>
#include <cmath>

#include "lib/eval/model_images.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

InversionReport invert(Model& model, const ImageSet& images, FixedPointOptions options,
                       const ProgressCallback& progress = {}) {
  options.fail = false;
  const auto count = static_cast<int64_t>(images.size());
  const auto blocks = static_cast<int64_t>(model.residual_blocks().size());
  const auto largest = torch::zeros({count}), squares = torch::zeros({count}, torch::kFloat64);
  const auto iterations = torch::zeros({blocks, count}, torch::kInt64);
  const auto bounds = torch::zeros({blocks, count}, torch::kFloat64);
  InversionReport report;
  report.images = ImageSet(images.shape(), images.size());
  for_each_batch(
      images.size(), kEvaluationBatch,
      [&](size_t begin, size_t end) {
        const auto x = to_unit(images.slice(begin, end)).to(model.device());
        std::vector<FixedPointReport> reports;
        const auto found = model.invert(x, options, &reports);
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
      },
      progress);
  report.max_abs_error = largest.max().item<double>();
  report.rms_error = std::sqrt(squares.mean().item<double>());
  if (blocks > 0) {
    report.error_bound = bounds.max().item<double>();
    report.iterations_max = iterations.max().item<int64_t>();
    report.iterations_mean = iterations.to(torch::kFloat64).mean().item<double>();
  }
  return report;
}

}  // namespace

InversionReport evaluate_inversion(Model& model, const ImageSet& images,
                                   const ProgressCallback& progress) {
  return invert(model, images, {}, progress);
}

InversionReport evaluate_plain_inversion(Model& model, const ImageSet& images, int64_t iterations) {
  FixedPointOptions options;
  options.max_iterations = iterations;
  options.anderson_depth = 0;
  return invert(model, images, options);
}

std::vector<double> lipschitz_bounds(const Model& model) {
  std::vector<double> bounds;
  for (const auto& block : model.residual_blocks())
    bounds.push_back(block->map().lipschitz_bound());
  return bounds;
}

}  // namespace pie
