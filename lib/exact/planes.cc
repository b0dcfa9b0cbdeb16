#include "lib/exact/planes.h"

#include <algorithm>

namespace pie {

SampleGrid sample_grid(const ScaleLayout& layout, const ExactPlane& plane) {
  const std::int64_t unit = std::int64_t{1} << plane.scale;
  if (plane.scale == layout.depth) return {0, 0, unit};
  const auto& phase = kCellPhases.at(plane.phase);
  return {phase.dy * unit, phase.dx * unit, 2 * unit};
}

std::vector<Shape> scale_images(const ScaleLayout& layout, std::int64_t height,
                                std::int64_t width) {
  std::vector<Shape> images{{layout.channels, height, width}};
  for (std::int64_t s = 0; s < layout.depth; ++s) {
    const auto& last = images.back();
    images.push_back({layout.channels, (last.height + 1) / 2, (last.width + 1) / 2});
  }
  return images;
}

std::vector<ExactPlane> exact_planes(const ScaleLayout& layout, std::int64_t height,
                                     std::int64_t width) {
  const auto images = scale_images(layout, height, width);
  std::vector<ExactPlane> planes;
  const auto add = [&](std::int64_t scale, std::size_t phase, std::int64_t rows,
                       std::int64_t columns) {
    const auto layer = static_cast<std::size_t>(std::max<std::int64_t>(0, layout.layers - scale));
    for (std::int64_t c = 0; c < layout.channels && rows * columns > 0; ++c) {
      planes.push_back({layer, scale, phase, c, rows, columns});
    }
  };
  add(layout.depth, 0, images.back().height, images.back().width);
  for (std::int64_t s = layout.depth; s-- > 0;) {
    const auto& image = images[static_cast<std::size_t>(s)];
    for (std::size_t p = 0; p < kCellPhases.size(); ++p) {
      add(s, p, (image.height - kCellPhases[p].dy + 1) / 2,
          (image.width - kCellPhases[p].dx + 1) / 2);
    }
  }
  return planes;
}

}  // namespace pie
