#include "lib/eval/classification.h"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/eval/model_images.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {
namespace {

// Percentage of `count` things that `part` are.
double percent(int64_t part, size_t count) {
  return count == 0 ? NAN : 100.0 * static_cast<double>(part) / static_cast<double>(count);
}

void require_as_many(const Bytes& labels, size_t count, const char* what) {
  if (labels.size() != count) {
    throw ShapeError("labels: " + std::to_string(labels.size()) + " do not fit " +
                     std::to_string(count) + " " + what);
  }
}

}  // namespace

double classification_error(Model& model, const ImageSource& images, const Bytes& labels,
                            const ProgressCallback& progress) {
  require_as_many(labels, images.size(), "images");
  std::vector<int64_t> wrong(images.size());
  for_each_batch(
      images.size(), kEvaluationBatch,
      [&](size_t begin, size_t end) {
        const auto batch = load_images(images, index_range(begin, end), model.input_shape());
        const auto classes = model.logits(to_unit(batch).to(model.device())).argmax(1).cpu();
        for (size_t k = begin; k < end; ++k) {
          wrong[k] = classes[static_cast<int64_t>(k - begin)].item<int64_t>() != labels[k] ? 1 : 0;
        }
      },
      progress);
  return percent(std::accumulate(wrong.begin(), wrong.end(), int64_t{0}), wrong.size());
}

double percent_right(const Bytes& found, const Bytes& right) {
  require_as_many(right, found.size(), "labels");
  int64_t agreeing = 0;
  for (size_t i = 0; i < found.size(); ++i) agreeing += found[i] == right[i] ? 1 : 0;
  return percent(agreeing, found.size());
}

}  // namespace pie
