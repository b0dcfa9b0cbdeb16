#include "lib/model/integer_walk.h"

#include <algorithm>

#include "lib/coding/logistic_mixture.h"
#include "lib/model/integer_features.h"
#include "lib/numerics/batches.h"

namespace pie {

static_assert(kMiddleMean == 128.0 * kIndicesPerUnit, "in units of the indices of means");

PlaneWalk::PlaneWalk(const IntegerPieConfig& config, const IntegerNets& nets,
                     const PlaneVisit& visit)
    : config_(config), nets_(nets), visit_(visit) {}

torch::Tensor PlaneWalk::run(int64_t n, int64_t height, int64_t width) {
  n_ = n;
  images_ = scale_shapes(config_, height, width);
  planes_ = integer_planes(config_, height, width);
  at_ = 0;
  const auto& coarsest = images_.back();
  start_features(coarsest);
  const auto middle = torch::full({n, coarsest.height, coarsest.width}, kMiddleMean);
  auto image = next(Channels(static_cast<size_t>(config_.input.channels), middle), {});
  for (size_t s = config_.scales.size(); s-- > 0;) image = refine(s, image);
  return torch::stack(image, 1);
}

void PlaneWalk::start_features(const Shape& grid) {
  features_.clear();
  if (!config_.position) return;
  for (const int64_t dim : {1, 2}) {
    features_.push_back(position_feature(n_, grid.height, grid.width, dim));
  }
}

PlaneWalk::Channels PlaneWalk::refine(size_t s, const Channels& coarse) {
  start_features(images_[s + 1]);
  Channels image;
  for (const auto& plane : coarse) {
    add_level_features(features_, plane, config_);
    features_.push_back(difference_feature(neighbour(plane, 2, +1), plane));
    features_.push_back(difference_feature(neighbour(plane, 1, +1), plane));
    image.push_back(torch::empty({n_, images_[s].height, images_[s].width}));
    phase_of(image.back(), {0, 0}).copy_(plane);
  }
  Channels diagonal = coarse;
  for (const auto& phase : kPhases) {
    if (phase_of(image[0], phase).numel() == 0) {
      // Networks count on the planes before them.
      for (const auto& plane : coarse) {
        add_level_features(features_, plane, config_);
        features_.push_back(difference_feature(plane, plane));
      }
      continue;
    }
    Channels expected;
    for (size_t c = 0; c < coarse.size(); ++c) {
      expected.push_back(interpolate(coarse[c], diagonal[c], phase));
    }
    const auto levels = next(expected, coarse);
    for (size_t c = 0; c < coarse.size(); ++c) {
      const auto to = phase_of(image[c], phase);
      to.copy_(levels[c].narrow(1, 0, to.size(1)).narrow(2, 0, to.size(2)));
    }
    if (phase.dy == 1 && phase.dx == 1) diagonal = levels;
  }
  return image;
}

template <typename Body>
void PlaneWalk::for_each_part(int64_t size, const Body& body) const {
  if (size >= n_) return body(size_t{0}, int64_t{0}, n_);
  for_each_batch(static_cast<size_t>(n_), static_cast<size_t>(size), [&](size_t begin, size_t end) {
    body(begin / static_cast<size_t>(size), static_cast<int64_t>(begin), static_cast<int64_t>(end));
  });
}

PlaneWalk::Trunks PlaneWalk::trunks(IntegerNet& net, int64_t height, int64_t width) const {
  Trunks result{height, width, n_, {}};
  if (!torch::GradMode::is_enabled()) {
    result.size = std::clamp<int64_t>(nets_.batch_rows / (height * width), 1, n_);
  }
  result.parts.resize(static_cast<size_t>((n_ + result.size - 1) / result.size));
  for_each_part(result.size, [&](size_t i, int64_t first, int64_t last) {
    result.parts[i] = net.trunk(feature_rows(features_, first, last), {last - first, height, width},
                                nets_.arithmetic);
  });
  return result;
}

torch::Tensor PlaneWalk::head(const IntegerPlane& plane, const Trunks& trunks,
                              const std::vector<torch::Tensor>& before) const {
  std::vector<torch::Tensor> outputs(trunks.parts.size());
  for_each_part(trunks.size, [&](size_t i, int64_t first, int64_t last) {
    const RowGrid grid{last - first, trunks.height, trunks.width};
    const auto out = nets_.nets[plane.net]->head(
        plane.channel, trunks.parts[i], feature_rows(before, first, last), grid, nets_.arithmetic);
    outputs[i] = out.view({grid.n, grid.height, grid.width, -1})
                     .narrow(1, 0, plane.rows)
                     .narrow(2, 0, plane.columns)
                     .reshape({-1, out.size(1)});
  });
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs);
}

PlaneWalk::Channels PlaneWalk::next(const Channels& expected, const Channels& background) {
  const int64_t h = expected[0].size(1), w = expected[0].size(2);
  if (features_.empty()) features_.push_back(torch::zeros({n_, h, w}));
  const auto trunks = this->trunks(*nets_.nets[planes_[at_].net], h, w);
  Channels before, result;
  torch::Tensor error;  // of what neighbours predict, in the channel before
  for (size_t c = 0; c < expected.size(); ++c, ++at_) {
    const auto& plane = planes_[at_];
    auto mean = expected[c];
    if (c > 0) mean = (mean + error).clamp_(kMeanIndices.low, kMeanIndices.high);
    const auto inside = [&](const torch::Tensor& t) {
      return t.narrow(1, 0, plane.rows).narrow(2, 0, plane.columns);
    };
    const auto base = config_.relative_means ? mean : torch::full_like(mean, kMiddleMean);
    auto levels = visit_(at_, head(plane, trunks, before), inside(base).reshape({-1}))
                      .view({n_, plane.rows, plane.columns});
    if (plane.rows != h || plane.columns != w) {
      auto padded = background[c].clone();
      inside(padded).copy_(levels);
      levels = padded;
    }
    error = levels * kIndicesPerUnit - expected[c];
    add_level_features(before, levels, config_);
    before.push_back(difference_feature(levels, nearest_levels(mean)));
    result.push_back(levels);
  }
  features_.insert(features_.end(), before.begin(), before.end());
  return result;
}

}  // namespace pie
