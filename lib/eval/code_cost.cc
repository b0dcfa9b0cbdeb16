#include "lib/eval/code_cost.h"

#include <chrono>
#include <functional>
#include <numeric>

#include "lib/coding/normal_table.h"
#include "lib/container/code_file.h"
#include "lib/image/quality.h"

namespace pie {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Decodes the first `layers` layers of an archive.
ImageSet decode_prefix(const LoadedModel& model, const StoredFrame& frame, int layers,
                       const Shape& shape) {
  std::vector<uint64_t> indices(frame.header().images);
  std::iota(indices.begin(), indices.end(), uint64_t{0});
  ImageSet images(shape, indices.size());
  decode_images(model, frame, layers, indices, [&](uint64_t index, const Image& image) {
    interleaved_to_planar(shape, image.samples.data(), images.data(index));
  });
  return images;
}

// The mean of each image.
std::vector<double> squared_errors(const ImageSet& images, const ImageSet& decoded) {
  std::vector<double> result;
  for (size_t i = 0; i < images.size(); ++i) {
    Psnr one;
    one.add(images.data(i), decoded.data(i), static_cast<size_t>(images.shape().elements()));
    result.push_back(one.mse());
  }
  return result;
}

size_t count_larger(const std::vector<double>& values, const std::vector<double>& than) {
  size_t count = 0;
  for (size_t i = 0; i < than.size(); ++i) count += values[i] > than[i] ? 1 : 0;
  return count;
}

}  // namespace

CodeReport evaluate_code(const LoadedModel& model, const std::vector<ImageSet>& sets,
                         CodingOptions options) {
  // Several models are measured with one step, which is not for those that code every bit.
  if (coder_for(model)->exact()) options.step = 0;
  CodeReport report;
  double dims = 0, count = 0, ideal_bits = 0;
  std::vector<Psnr> errors;        // of each prefix
  std::vector<uint64_t> worse;     // images that a layer made so
  std::vector<uint64_t> prefixes;  // bytes
  const auto progress = options.progress;
  double sets_done = 0;
  // Encoding counts as much as decoding all of the prefixes.
  options.progress = [&](double done) {
    tell(progress, (sets_done + done / 2) / static_cast<double>(sets.size()));
  };
  for (const ImageSet& images : sets) {
    options.archive = images.size() != 1;
    EncodedImages encoded;
    report.encode_s +=
        seconds_of([&] { encoded = encode_images(model, feed_of(images), options); });
    const CodeFile file(encoded.frame);
    const auto& frame = file.frames()[0];
    const auto ends = breakpoints(frame);
    report.step = static_cast<double>(frame.header().step) / kUnitsPerSigma;
    report.lossless = frame.header().lossless();
    report.file_bytes += encoded.frame.size();
    report.overhead_bytes += frame.overhead_bytes();
    dims += static_cast<double>(images.pixels().size());
    count += static_cast<double>(images.size());
    const size_t layers = encoded.layers.size();
    report.layers.resize(layers);
    errors.resize(layers);
    worse.resize(layers);
    prefixes.resize(layers);
    std::vector<double> previous;
    for (size_t k = 0; k < layers; ++k) {
      const auto& coded = encoded.layers[k];
      CodeLayer& layer = report.layers[k];
      layer.name = coded.name;
      layer.payload_bytes += coded.payload_bytes;
      layer.model_blocks += coded.model_blocks;
      layer.plain_blocks += coded.plain_blocks;
      layer.ideal_bytes += coded.ideal_bits / 8;
      ideal_bits += coded.ideal_bits;
      prefixes[k] += ends[k].offset;
      ImageSet decoded;
      layer.decode_s += seconds_of(
          [&] { decoded = decode_prefix(model, frame, static_cast<int>(k) + 1, images.shape()); });
      errors[k].add(images, decoded);
      const auto squared = squared_errors(images, decoded);
      worse[k] += count_larger(squared, previous);
      previous = squared;
      const double decoded_share = static_cast<double>(k + 1) / static_cast<double>(layers);
      options.progress(1 + decoded_share);
    }
    ++sets_done;
  }
  for (size_t k = 0; k < report.layers.size(); ++k) {
    CodeLayer& layer = report.layers[k];
    const auto payload = static_cast<double>(layer.payload_bytes);
    const auto prefix = static_cast<double>(prefixes[k]);
    layer.payload_bytes_per_image = payload / count;
    layer.gap_percent = 100 * (payload / layer.ideal_bytes - 1);
    layer.prefix_bytes_per_image = prefix / count;
    layer.prefix_bits_per_dim = 8 * prefix / dims;
    layer.psnr_db = errors[k].pooled_db();
    layer.images_made_worse_percent = 100 * static_cast<double>(worse[k]) / count;
  }
  report.file_bits_per_dim = 8 * static_cast<double>(report.file_bytes) / dims;
  report.overhead_bytes_per_image = static_cast<double>(report.overhead_bytes) / count;
  report.ideal_bits_per_dim = ideal_bits / dims;
  return report;
}

}  // namespace pie
