#include "tools/engine/code_report.h"

#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/coding/normal_table.h"
#include "lib/eval/code_cost.h"
#include "lib/image/jpeg_curve.h"

namespace pie {
namespace {

Json layer_json(Json& report, const CodeLayer& layer) {
  // Not finite is right here: the prefix restores every sample.
  const Json psnr = std::isinf(layer.psnr_db)
                        ? Json()
                        : finite_or_null(report, "code.layers.psnr_db", layer.psnr_db);
  return {{"name", layer.name},
          {"payload_bytes", layer.payload_bytes},
          {"model_blocks", layer.model_blocks},
          {"plain_blocks", layer.plain_blocks},
          {"payload_bytes_per_image", layer.payload_bytes_per_image},
          {"ideal_bytes", layer.ideal_bytes},
          {"gap_percent", finite_or_null(report, "code.layers.gap_percent", layer.gap_percent)},
          {"prefix_bytes_per_image", layer.prefix_bytes_per_image},
          {"prefix_bits_per_dim", layer.prefix_bits_per_dim},
          {"psnr_db", psnr},
          {"images_made_worse_percent", layer.images_made_worse_percent}};
}

// What JPEG makes of the same images, for the page.
void baselines(Json& report, const ImageSet& images) {
  Json points = Json::array();
  try {
    for (const auto& point : jpeg_curve(images)) {
      points.push_back({{"quality", point.quality},
                        {"bits_per_dim", point.bits_per_dim},
                        {"psnr_db", point.psnr_db}});
    }
    report["code"]["baselines"].push_back(
        {{"name", "JPEG, one picture of all images"}, {"points", points}});
  } catch (const UsageError& error) {
    report["warnings"].push_back(std::string("code: ") + error.what());
  }
}

}  // namespace

void report_code(Json& report, const LoadedModel& model, const std::vector<ImageSet>& sets,
                 const EvalOptions& options, const ProgressCallback& progress) {
  CodingOptions coding;
  coding.progress = progress;
  if (options.step > 0) {
    coding.step = static_cast<uint32_t>(std::lround(options.step * kUnitsPerSigma));
  }
  const auto code = evaluate_code(model, sets, coding);
  report["time_s"]["encode"] = code.encode_s;
  Json layers = Json::array();
  for (const auto& layer : code.layers) {
    report["time_s"]["decode_" + layer.name] = layer.decode_s;
    layers.push_back(layer_json(report, layer));
  }
  report["code"] = {{"step", code.step},
                    {"lossless", code.lossless},
                    {"file_bytes", code.file_bytes},
                    {"file_bits_per_dim", code.file_bits_per_dim},
                    {"overhead_bytes_per_image", code.overhead_bytes_per_image},
                    {"ideal_bits_per_dim", code.ideal_bits_per_dim},
                    {"layers", layers}};
  if (!options.html.empty() && sets.size() == 1) baselines(report, sets[0]);
}

}  // namespace pie
