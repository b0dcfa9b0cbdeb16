#include "lib/eval/draw_quality.h"

namespace pie {

DrawReport evaluate_draws(const LoadedModel& model, size_t count, const SamplingOptions& options,
                          const FeatureSpace* space) {
  DrawReport report;
  report.images = coder_for(model)->draw(count, options);
  report.sharpness = sharpness(report.images);
  if (space != nullptr) report.frechet_distance = space->distance(report.images);
  return report;
}

}  // namespace pie
