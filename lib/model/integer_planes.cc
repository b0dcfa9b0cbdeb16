#include "lib/model/integer_planes.h"

#include <algorithm>
#include <limits>

namespace pie {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

Shape halved(const Shape& s) { return {s.channels, (s.height + 1) / 2, (s.width + 1) / 2}; }

}  // namespace

torch::Tensor phase_of(const torch::Tensor& plane, Phase phase) {
  return plane.slice(1, phase.dy, kEnd, 2).slice(2, phase.dx, kEnd, 2);
}

std::vector<Shape> scale_shapes(const IntegerPieConfig& config, int64_t height, int64_t width) {
  std::vector<Shape> shapes{{config.input.channels, height, width}};
  for (size_t s = 0; s < config.scales.size(); ++s) shapes.push_back(halved(shapes.back()));
  return shapes;
}

std::vector<IntegerPlane> integer_planes(const IntegerPieConfig& config, int64_t height,
                                         int64_t width) {
  const auto images = scale_shapes(config, height, width);
  std::vector<IntegerPlane> planes;
  size_t net = 0;
  const auto add = [&](int64_t layer, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < config.input.channels && rows * columns > 0; ++c) {
      planes.push_back({static_cast<size_t>(std::max<int64_t>(0, layer)), net, c, rows, columns});
    }
    ++net;
  };
  add(0, images.back().height, images.back().width);
  for (size_t s = config.scales.size(); s-- > 0;) {
    for (const auto& phase : kPhases) {
      add(config.layers - static_cast<int64_t>(s), (images[s].height - phase.dy + 1) / 2,
          (images[s].width - phase.dx + 1) / 2);
    }
  }
  return planes;
}

std::vector<torch::Tensor> split_planes(const IntegerPieConfig& config,
                                        const torch::Tensor& levels) {
  std::vector<torch::Tensor> fine_first;
  auto image = levels;
  std::vector<std::vector<torch::Tensor>> scales;
  // Contiguous: a plane of one sample an image would otherwise be a view with a stride.
  const auto flat = [](const torch::Tensor& t) { return t.reshape({-1}).contiguous(); };
  for (size_t s = 0; s < config.scales.size(); ++s) {
    scales.emplace_back();
    for (const auto& phase : kPhases) {
      for (int64_t c = 0; c < config.input.channels; ++c) {
        const auto plane = flat(phase_of(image.select(1, c), phase));
        if (plane.numel() > 0) scales.back().push_back(plane);
      }
    }
    image = image.slice(2, 0, kEnd, 2).slice(3, 0, kEnd, 2);
  }
  std::vector<torch::Tensor> planes;
  for (int64_t c = 0; c < config.input.channels; ++c) planes.push_back(flat(image.select(1, c)));
  for (auto scale = scales.rbegin(); scale != scales.rend(); ++scale) {
    planes.insert(planes.end(), scale->begin(), scale->end());
  }
  return planes;
}

}  // namespace pie
