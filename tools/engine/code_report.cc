#include "tools/engine/code_report.h"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/image/jpeg_curve.h"
#include "lib/image/quality.h"

namespace pie {
namespace {

// Decodes the first `layers` layers of an archive.
ImageSet decode_all(const LoadedModel& model, const StoredFrame& frame, int layers) {
  std::vector<uint64_t> indices(frame.header().images);
  std::iota(indices.begin(), indices.end(), uint64_t{0});
  ImageSet images({frame.header().channels, static_cast<int>(frame.header().height),
                   static_cast<int>(frame.header().width)},
                  indices.size());
  decode_images(model, frame, layers, indices, [&](uint64_t index, const Image& image) {
    interleaved_to_planar(image.shape, image.samples.data(), images.data(index));
  });
  return images;
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

void report_code(Json& report, const LoadedModel& model, const ImageSet& images,
                 const EvalOptions& options) {
  CodingOptions coding;
  coding.archive = true;
  if (options.step > 0) coding.step = static_cast<uint32_t>(std::lround(options.step * 1024));
  EncodedImages encoded;
  timed(report, "encode", [&] { encoded = encode_images(model, images, coding); });
  const CodeFile file(encoded.frame);
  const auto& frame = file.frames()[0];
  const auto ends = breakpoints(frame);
  const auto dims = static_cast<double>(images.pixels().size());
  const auto count = static_cast<double>(images.size());
  auto& out = report["code"];
  out["step"] = static_cast<double>(frame.header().step) / 1024;
  out["lossless"] = frame.header().lossless();
  out["file_bytes"] = encoded.frame.size();
  out["file_bits_per_dim"] = 8 * static_cast<double>(encoded.frame.size()) / dims;
  out["overhead_bytes_per_image"] = static_cast<double>(frame.overhead_bytes()) / count;
  double ideal_bits = 0;
  Json layers = Json::array();
  std::vector<double> previous;  // squared error of each image
  for (size_t k = 0; k < encoded.layers.size(); ++k) {
    const auto& layer = encoded.layers[k];
    ImageSet decoded;
    timed(report, "decode_" + layer.name,
          [&] { decoded = decode_all(model, frame, static_cast<int>(k) + 1); });
    Psnr pooled;
    std::vector<double> errors;
    size_t worse = 0;
    for (size_t i = 0; i < images.size(); ++i) {
      Psnr one;
      one.add(images.data(i), decoded.data(i), images.shape().elements());
      pooled.add(images.data(i), decoded.data(i), images.shape().elements());
      errors.push_back(one.mse());
      if (k > 0 && errors[i] > previous[i]) ++worse;
    }
    previous = errors;
    ideal_bits += layer.ideal_bits;
    const double coded_bits = 8 * static_cast<double>(layer.payload_bytes);
    const double psnr = pooled.pooled_db();
    const bool exact = std::isinf(psnr);  // all pixels are restored
    layers.push_back(
        {{"name", layer.name},
         {"payload_bytes", layer.payload_bytes},
         {"model_blocks", layer.model_blocks},
         {"plain_blocks", layer.plain_blocks},
         {"payload_bytes_per_image", static_cast<double>(layer.payload_bytes) / count},
         {"ideal_bytes", layer.ideal_bits / 8},
         {"gap_percent", 100 * (coded_bits / layer.ideal_bits - 1)},
         {"prefix_bytes_per_image", static_cast<double>(ends[k].offset) / count},
         {"prefix_bits_per_dim", 8 * static_cast<double>(ends[k].offset) / dims},
         {"psnr_db", exact ? Json() : finite_or_null(report, "code.layers.psnr_db", psnr)},
         {"images_made_worse_percent", 100 * static_cast<double>(worse) / count}});
  }
  out["ideal_bits_per_dim"] = ideal_bits / dims;
  out["layers"] = layers;
  if (!options.html.empty()) baselines(report, images);
}

}  // namespace pie
