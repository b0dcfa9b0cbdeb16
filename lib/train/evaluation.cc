#include "lib/train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "lib/image/quality.h"
#include "lib/model/pixels.h"

namespace pie {
namespace {

constexpr size_t kBatch = 250;

double total(const torch::Tensor& values) {
  return values.to(torch::kFloat64).sum().item<double>();
}

// Calls body with the indices 0 ... count-1, a fixed number at a time.
void for_each_batch(size_t count, const std::function<void(const std::vector<size_t>&)>& body) {
  for (size_t begin = 0; begin < count; begin += kBatch) {
    std::vector<size_t> indices(std::min(kBatch, count - begin));
    std::iota(indices.begin(), indices.end(), begin);
    body(indices);
  }
}

}  // namespace

ImageSet load_images(const ImageSource& source, const std::vector<size_t>& indices, Shape3 shape) {
  ImageSet images(to_geometry(shape), indices.size());
  for (size_t k = 0; k < indices.size(); ++k) {
    source.load_planar(indices[k], images.geometry(), images.data(k));
  }
  return images;
}

LikelihoodReport evaluate_likelihood(PieModel& model, const ImageSource& source, uint64_t seed,
                                     int64_t draws) {
  torch::NoGradGuard no_grad;
  const auto shape = model.config().input;
  const double dims = static_cast<double>(shape.elements());
  LikelihoodReport report;
  report.draws = draws;
  report.images = static_cast<int64_t>(source.size());
  report.r.resize(model.residual_shapes().size());
  RunningMean bits;
  for_each_batch(source.size(), [&](const std::vector<size_t>& indices) {
    const auto images = load_images(source, indices, shape);
    auto mean = torch::zeros({static_cast<int64_t>(indices.size())}, torch::kFloat64);
    for (int64_t draw = 0; draw < draws; ++draw) {
      const auto terms =
          model.log_likelihood(dequantize(images, indices, seed, static_cast<uint64_t>(draw)));
      report.z += total(terms.z);
      report.log_det += total(terms.log_det);
      report.pre_transform += total(terms.pre_transform);
      for (size_t l = 0; l < terms.r.size(); ++l) report.r[l] += total(terms.r[l]);
      mean += terms.total().to(torch::kFloat64);
    }
    mean = 8 - mean / (static_cast<double>(draws) * dims * std::log(2.0));
    for (int64_t k = 0; k < mean.size(0); ++k) bits.add(mean[k].item<double>());
  });
  const double to_bits = -1 / (static_cast<double>(report.images * draws) * dims * std::log(2.0));
  report.z *= to_bits;
  report.log_det *= to_bits;
  report.pre_transform *= to_bits;
  for (auto& r : report.r) r *= to_bits;
  report.bits_per_dim = bits.mean();
  report.standard_error = bits.standard_error();
  report.nats_per_image = -report.bits_per_dim * dims * std::log(2.0);
  return report;
}

ImageSet reconstruct(PieModel& model, const ImageSet& images) {
  torch::NoGradGuard no_grad;
  ImageSet result(images.geometry());
  for (size_t begin = 0; begin < images.size(); begin += kBatch) {
    const auto batch = images.slice(begin, std::min(images.size(), begin + kBatch));
    const auto decoded = to_images(model.decode(model.latents(to_unit(batch)).z));
    for (size_t i = 0; i < decoded.size(); ++i) result.append(decoded.image(i));
  }
  return result;
}

double reconstruction_psnr(PieModel& model, const ImageSource& source, size_t at_most) {
  Psnr psnr;
  for_each_batch(std::min(source.size(), at_most), [&](const std::vector<size_t>& indices) {
    const auto images = load_images(source, indices, model.config().input);
    psnr.add(images, reconstruct(model, images));
  });
  return psnr.pooled_db();
}

}  // namespace pie
