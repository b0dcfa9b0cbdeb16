// The way through the planes of images, coarse to fine: what exact PIEs have in common whether they
// train, code, draw or measure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/exact/features.h"
#include "lib/exact/planes.h"

namespace pie {

// What networks see, and what their means are relative to: part of a model.
struct ExactView {
  ScaleLayout layout;
  bool position;        // networks see where they are; for images that are centred, not for tiles
  bool relative_means;  // means are relative to what neighbours predict; for photographs

  std::int64_t plane_features() const { return relative_means ? 2 : 3; }
  // Of the coarse image: levels and the steps to the right and down; then position and scale.
  std::int64_t coarse_features() const {
    return layout.channels * (plane_features() + 1) + (position ? 2 : 0) + 1;
  }
};

// Rows of features, as in features.h.
struct FeatureRows {
  FeatureRows(std::size_t cells, std::int64_t features)
      : columns(features), data(cells * static_cast<std::size_t>(features)) {}
  FeatureColumn column(std::int64_t k) {
    return {data.data() + k, static_cast<std::size_t>(columns)};
  }
  std::int64_t columns;
  Bytes data;
};

// What is known around the samples of a plane: planes of levels, a level for each cell.
struct Surroundings {
  CellGrid grid;
  const std::vector<Bytes>*coarse, *diagonal;  // of each channel; null where nothing is known
  const std::vector<Bytes>* before;            // of the channels before, in the same phase
};

// One walk through the planes of n images.
//
// Networks compute what is said of the planes of a scale, in this order:
//   void begin(scale, const CellGrid&, const FeatureRows&)  what the coarse image shows; at scale
//                                                           `depth` there is nothing yet
//   void inject(phase, const FeatureRows&)                  what the planes of the phase before
//   show auto head(const ExactPlane&, const FeatureRows& before) of the samples of a plane, by what
//   the
//                                                           channels before show
// Visit(plane number, head's result, bases [n * samples] of its means, Surroundings) returns the
// plane's levels, [n * samples].
template <typename Networks, typename Visit>
class ExactWalk {
 public:
  // The arguments must outlive the walk.
  ExactWalk(const ExactView& view, Networks& networks, const Visit& visit)
      : view_(view), networks_(networks), visit_(visit) {}

  // Visits each plane in order and puts the levels together: one plane for each channel. Ends with
  // the image of scale `finest`, number 0 being the whole.
  std::vector<Bytes> run(std::int64_t n, std::int64_t height, std::int64_t width,
                         std::int64_t finest = 0) {
    n_ = n;
    images_ = scale_images(view_.layout, height, width);
    planes_ = exact_planes(view_.layout, height, width);
    const auto& coarsest = images_.back();
    grid_ = {n, coarsest.height, coarsest.width};
    networks_.begin(view_.layout.depth, grid_, FeatureRows(grid_.cells(), 0));
    auto image = next(nullptr, nullptr, [&](std::size_t) {
                   return Means(grid_.cells(), static_cast<std::int16_t>(kMiddleOfMeans));
                 }).levels;
    for (auto s = view_.layout.depth; s-- > finest;) image = refine(s, image);
    return image;
  }

 private:
  using Channels = std::vector<Bytes>;
  using Means = std::vector<std::int16_t>;
  struct Phase {
    Channels levels;
    FeatureRows features;
  };

  FeatureRows coarse_rows(std::int64_t scale, const Channels& coarse) const {
    FeatureRows rows(grid_.cells(), view_.coarse_features());
    std::int64_t k = 0;
    for (const auto& levels : coarse) {
      level_feature(levels.data(), grid_.cells(), rows.column(k++));
      if (!view_.relative_means) low_bits_feature(levels.data(), grid_.cells(), rows.column(k++));
      step_feature(levels.data(), grid_, false, rows.column(k++));
      step_feature(levels.data(), grid_, true, rows.column(k++));
    }
    if (view_.position) {
      position_feature(grid_, false, rows.column(k++));
      position_feature(grid_, true, rows.column(k++));
    }
    constexpr std::int64_t kPerScale = 16, kMost = 127;
    constant_feature(static_cast<std::uint8_t>(std::min(scale * kPerScale, kMost)), grid_.cells(),
                     rows.column(k));
    return rows;
  }

  void add_plane(FeatureRows& rows, std::size_t channel, const Bytes& levels,
                 const Means& means) const {
    auto k = static_cast<std::int64_t>(channel) * view_.plane_features();
    level_feature(levels.data(), grid_.cells(), rows.column(k++));
    if (!view_.relative_means) low_bits_feature(levels.data(), grid_.cells(), rows.column(k++));
    difference_feature(levels.data(), means.data(), grid_.cells(), rows.column(k));
  }

  // The levels of the next planes, one of each channel, where neighbours predict `expected(c)`. The
  // coarse image stands in for samples of cells that reach over an odd edge.
  template <typename Expected>
  Phase next(const Channels* coarse, const Channels* diagonal, const Expected& expected) {
    const std::int64_t channels = view_.layout.channels;
    Phase result{{}, FeatureRows(grid_.cells(), channels * view_.plane_features())};
    std::vector<std::int32_t> error;  // of what neighbours predict, in the channels before
    for (std::int64_t c = 0; c < channels; ++c, ++at_) {
      const auto& plane = planes_[at_];
      const auto channel = static_cast<std::size_t>(c);
      const Means alone = expected(channel);
      Means mean = alone;
      if (c > 0) correct(error, mean);
      const Surroundings around{grid_, coarse, diagonal, &result.levels};
      auto levels = padded(plane, visited(plane, before(result.features, c), mean, around),
                           coarse == nullptr ? Bytes() : (*coarse)[channel]);
      add_error(levels, alone, c, error);
      add_plane(result.features, channel, levels, mean);
      result.levels.push_back(std::move(levels));
    }
    return result;
  }

  static void correct(const std::vector<std::int32_t>& error, Means& mean) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] =
          static_cast<std::int16_t>(std::clamp(mean[i] + error[i], kLowestMean, kHighestMean));
    }
  }

  // The average of the errors of two channels, where there are two.
  static void add_error(const Bytes& levels, const Means& expected, std::int64_t channel,
                        std::vector<std::int32_t>& error) {
    error.resize(levels.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::int32_t own = kMeanSteps * levels[i] - expected[i];
      error[i] = channel == 0 ? own : (error[i] + own) >> 1;
    }
  }

  // The columns of the first `channels` channels.
  FeatureRows before(const FeatureRows& rows, std::int64_t channels) const {
    FeatureRows part(grid_.cells(), channels * view_.plane_features());
    for (std::size_t i = 0; i < grid_.cells(); ++i) {
      std::copy_n(rows.data.data() + static_cast<std::int64_t>(i) * rows.columns, part.columns,
                  part.data.data() + static_cast<std::int64_t>(i) * part.columns);
    }
    return part;
  }

  Bytes visited(const ExactPlane& plane, const FeatureRows& before, const Means& mean,
                const Surroundings& around) {
    Means bases;
    bases.reserve(static_cast<std::size_t>(n_ * plane.samples()));
    for (std::int64_t i = 0; i < n_; ++i) {
      for (std::int64_t y = 0; y < plane.rows; ++y) {
        const auto row = mean.begin() + (i * grid_.height + y) * grid_.width;
        bases.insert(bases.end(), row, row + plane.columns);
      }
    }
    if (!view_.relative_means) {
      std::fill(bases.begin(), bases.end(), static_cast<std::int16_t>(kMiddleOfMeans));
    }
    return visit_(at_, networks_.head(plane, before), bases, around);
  }

  Bytes padded(const ExactPlane& plane, Bytes samples, const Bytes& background) const {
    if (plane.rows == grid_.height && plane.columns == grid_.width) return samples;
    Bytes levels = background;
    auto from = samples.cbegin();
    for (std::int64_t i = 0; i < n_; ++i) {
      for (std::int64_t y = 0; y < plane.rows; ++y, from += plane.columns) {
        std::copy_n(from, plane.columns, levels.begin() + (i * grid_.height + y) * grid_.width);
      }
    }
    return levels;
  }

  // From the image of scale s + 1 to that of scale s, which is twice as large.
  Channels refine(std::int64_t s, const Channels& coarse) {
    const auto& image = images_[static_cast<std::size_t>(s)];
    const auto& cells = images_[static_cast<std::size_t>(s) + 1];
    grid_ = {n_, cells.height, cells.width};
    networks_.begin(s, grid_, coarse_rows(s, coarse));
    std::vector<Channels> phases{coarse};
    for (std::size_t p = 0; p < kCellPhases.size(); ++p) {
      if (at_ < planes_.size() && planes_[at_].scale == s && planes_[at_].phase == p) {
        const auto& diagonal = p == 0 ? coarse : phases[1];
        auto found = next(&coarse, &diagonal, [&](std::size_t c) {
          Means means(grid_.cells());
          expected_means(coarse[c].data(), diagonal[c].data(), grid_, p, means.data());
          return means;
        });
        if (p + 1 < kCellPhases.size()) networks_.inject(p + 1, found.features);
        phases.push_back(std::move(found.levels));
      } else {
        if (p + 1 < kCellPhases.size()) networks_.inject(p + 1, unchanged(coarse));
        phases.push_back(coarse);
      }
    }
    return joined(image, phases);
  }

  // What networks see instead of a phase that has no samples.
  FeatureRows unchanged(const Channels& coarse) const {
    FeatureRows rows(grid_.cells(), view_.layout.channels * view_.plane_features());
    for (std::size_t c = 0; c < coarse.size(); ++c) {
      Means means;
      for (const auto level : coarse[c])
        means.push_back(static_cast<std::int16_t>(kMeanSteps * level));
      add_plane(rows, c, coarse[c], means);
    }
    return rows;
  }

  Channels joined(const Shape& image, const std::vector<Channels>& phases) const {
    Channels result;
    for (std::size_t c = 0; c < phases[0].size(); ++c) {
      Bytes levels(static_cast<std::size_t>(n_ * image.pixels()));
      for (std::int64_t row = 0; row < n_ * image.height; ++row) {
        const std::int64_t i = row / image.height, y = row % image.height;
        const auto cells = (i * grid_.height + y / 2) * grid_.width;
        // Phases (0, 0) and (0, 1), or (1, 0) and (1, 1).
        const auto* even = phases[y % 2 == 0 ? 0 : 3][c].data() + cells;
        const auto* odd = phases[y % 2 == 0 ? 2 : 1][c].data() + cells;
        for (std::int64_t x = 0; x < image.width; ++x) {
          levels[static_cast<std::size_t>(row * image.width + x)] =
              (x % 2 == 0 ? even : odd)[x / 2];
        }
      }
      result.push_back(std::move(levels));
    }
    return result;
  }

  const ExactView& view_;
  Networks& networks_;
  const Visit& visit_;
  std::int64_t n_ = 0;
  std::vector<Shape> images_;       // of all scales, finest first
  std::vector<ExactPlane> planes_;  // in order
  std::size_t at_ = 0;              // the next of them
  CellGrid grid_{};
};

}  // namespace pie
