#include "lib/exact/network.h"

#include <algorithm>

namespace pie {

ActivationMap ExactNetworks::map_of(const FeatureRows& rows) const {
  ActivationMap map(grid_, rows.columns);
  map.fill(rows.data.data());
  return map;
}

void ExactNetworks::apply(const ExactConvolution& layer, const ActivationMap& x,
                          const ActivationMap* skip, ActivationMap& y) const {
  parts_(grid_.n * grid_.height, [&](std::int64_t first, std::int64_t last) {
    layer.activations(x, skip, y, first, last);
  });
}

void ExactNetworks::through(const std::vector<ExactNetwork::Block>& blocks) {
  for (const auto& block : blocks) {
    apply(block.inner, state_, nullptr, inner_);
    apply(block.outer, inner_, &state_, state_);
  }
}

void ExactNetworks::begin(std::int64_t scale, const CellGrid& grid, const FeatureRows& coarse) {
  net_ = scale == depth_
             ? &networks_.back()
             : &networks_[std::min(static_cast<std::size_t>(scale), networks_.size() - 2)];
  grid_ = grid;
  state_ = inner_ = mixed_ = ActivationMap(grid, net_->hidden);
  if (net_->first) {
    apply(*net_->first, map_of(coarse), nullptr, state_);
    through(net_->first_blocks);
  }
  through(net_->phase_blocks[0]);
}

void ExactNetworks::inject(std::size_t phase, const FeatureRows& planes) {
  apply(net_->injections[phase - 1], map_of(planes), &state_, state_);
  through(net_->phase_blocks[phase]);
}

HeadIndices ExactNetworks::head(const ExactPlane& plane, const FeatureRows& before) {
  const auto& head = net_->heads[plane.phase][static_cast<std::size_t>(plane.channel)];
  const ActivationMap* seen = &state_;
  if (head.joint) {
    apply(*head.joint, map_of(before), &state_, inner_);
    apply(*head.mixed, inner_, &inner_, mixed_);
    seen = &mixed_;
  }
  const auto stride = head.last.output_stride();
  indices_.resize(grid_.cells() * static_cast<std::size_t>(stride));
  parts_(grid_.n * grid_.height, [&](std::int64_t first, std::int64_t last) {
    head.last.indices(*seen, indices_.data(), first, last);
  });
  return {indices_.data(), stride, grid_};
}

}  // namespace pie
