#include "lib/eval/likelihood.h"

#include <cmath>

#include "lib/eval/model_images.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// Nats of each image, in columns: z, log-det, pre-transform, r_1, r_2, ...
torch::Tensor as_columns(const LogLikelihood& terms) {
  std::vector<torch::Tensor> columns{terms.z, terms.log_det, terms.pre_transform};
  columns.insert(columns.end(), terms.r.begin(), terms.r.end());
  return torch::stack(columns, 1).to(torch::kCPU, torch::kFloat64);
}

// The columns of all images of `source`, each summed over `draws` dequantizations: [N, columns];
// adds what each took to `evaluations` [N].
torch::Tensor summed_nats(Model& model, const ImageSource& source, uint64_t seed, int64_t draws,
                          const LogDetEstimator& how, const ProgressCallback& progress,
                          torch::Tensor& evaluations) {
  auto nats = torch::zeros(
      {static_cast<int64_t>(source.size()), 3 + static_cast<int64_t>(model.residuals())},
      torch::kFloat64);
  for_each_batch(
      source.size(), kEvaluationBatch,
      [&](size_t begin, size_t end) {
        const auto indices = index_range(begin, end);
        const auto batch = load_for(model, source, indices);
        auto rows = nats.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end));
        for (int64_t draw = 0; draw < draws; ++draw) {
          const auto x =
              (model.discrete() ? to_unit(batch)
                                : dequantize(batch, indices, seed, static_cast<uint64_t>(draw)))
                  .to(model.device());
          auto keyed = how;
          keyed.seed = seed;
          for (const size_t index : indices) {
            keyed.keys.push_back(index * static_cast<size_t>(draws) + static_cast<size_t>(draw));
          }
          const auto terms = model.measured_log_likelihood(x, keyed);
          rows += as_columns(terms);
          if (terms.evaluations.defined()) {
            evaluations.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end)) +=
                terms.evaluations;
          }
        }
      },
      progress);
  return nats;
}

LikelihoodMeaning meaning_of(const Model& model) {
  if (model.discrete()) return LikelihoodMeaning::kCodeLength;
  return model.likelihood() == Likelihood::kBound ? LikelihoodMeaning::kEvidence
                                                  : LikelihoodMeaning::kDequantization;
}

}  // namespace

LogDetEstimator default_log_det(LogDetEstimator::Method method) {
  LogDetEstimator how;
  how.method = method;
  how.terms = method == LogDetEstimator::Method::kSeries ? 20 : 4;
  return how;
}

LikelihoodReport evaluate_likelihood(Model& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws, const LogDetEstimator& how,
                                     const ProgressCallback& progress) {
  LikelihoodReport report;
  report.meaning = meaning_of(model);
  report.images = static_cast<int64_t>(source.size());
  report.draws = model.discrete() ? 0 : draws;
  const auto rounds = std::max<int64_t>(1, report.draws);
  const double dims = static_cast<double>(model.input_shape().elements());
  auto evaluations = torch::zeros({report.images}, torch::kFloat64);
  const auto bits = summed_nats(model, source, seed, rounds, how, progress, evaluations) /
                    (-static_cast<double>(rounds) * dims * std::log(2.0));
  const auto mean_bits = [&](int64_t column) {
    return bits.select(1, column).mean().item<double>();
  };
  report.evaluations = evaluations.mean().item<double>() / static_cast<double>(rounds);
  report.z = mean_bits(0);
  report.log_det = mean_bits(1);
  report.pre_transform = mean_bits(2);
  for (int64_t column = 3; column < bits.size(1); ++column) report.r.push_back(mean_bits(column));
  RunningMean total;
  const auto totals = bits.sum(1);
  for (int64_t i = 0; i < report.images; ++i) {
    total.add(report.offset + totals.data_ptr<double>()[i]);
  }
  report.bits_per_dim = total.mean();
  report.standard_error = total.standard_error();
  report.nats_per_image = -report.bits_per_dim * dims * std::log(2.0);
  if (how.method == LogDetEstimator::Method::kSeries) {
    for (const auto& block : model.residual_blocks()) {
      const auto elements = block->input_shape().elements();
      report.log_det_bias_bound +=
          truncation_bound(block->map().lipschitz_bound(), elements, how.terms) /
          (dims * std::log(2.0));
    }
  }
  return report;
}

}  // namespace pie
