#include "lib/eval/reconstruction.h"

#include <algorithm>

#include "lib/eval/model_images.h"
#include "lib/image/quality.h"
#include "lib/model/pixels.h"
#include "lib/numerics/batches.h"

namespace pie {

ImageSet reconstruct(Model& model, const ImageSet& images, const ProgressCallback& progress) {
  ImageSet result(images.shape(), images.size());
  for_each_batch(
      images.size(), kEvaluationBatch,
      [&](size_t begin, size_t end) {
        const auto x = to_unit(images.slice(begin, end)).to(model.device());
        const auto decoded = to_images(model.reconstruct(x));
        std::copy(decoded.pixels().begin(), decoded.pixels().end(), result.data(begin));
      },
      progress);
  return result;
}

ReconstructionReport evaluate_reconstruction(Model& model, const ImageSet& images,
                                             const ProgressCallback& progress) {
  ReconstructionReport report;
  report.images = reconstruct(model, images, progress);
  Psnr psnr;
  psnr.add(images, report.images);
  report.psnr_db = psnr.pooled_db();
  report.psnr_db_mean_of_images = psnr.mean_of_images_db();
  report.ssim = ssim(images, report.images).mean();
  return report;
}

double reconstruction_psnr(Model& model, const ImageSource& source, size_t at_most) {
  // Some at a time, because the source may be larger than the memory.
  constexpr size_t kImages = 16 * kEvaluationBatch;
  const size_t count = std::min(source.size(), at_most);
  Psnr psnr;
  for (size_t begin = 0; begin < count; begin += kImages) {
    const auto images =
        load_for(model, source, index_range(begin, std::min(count, begin + kImages)));
    psnr.add(images, reconstruct(model, images));
  }
  return psnr.pooled_db();
}

}  // namespace pie
