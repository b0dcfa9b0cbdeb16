// The networks of an exact PIE as integers: what coding computes with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/parts.h"
#include "lib/exact/exact_convolution.h"
#include "lib/exact/walk.h"

namespace pie {

// The layers of the network of one scale; nets/exact_net.h says how they work together.
struct ExactNetwork {
  struct Block {
    ExactConvolution inner, outer;
  };
  struct Head {
    std::optional<ExactConvolution> joint, mixed;  // none in head 0
    ExactConvolution last;
  };
  std::int64_t hidden;
  std::optional<ExactConvolution> first;  // none if nothing is known
  std::vector<Block> first_blocks;
  std::vector<ExactConvolution> injections;  // of phases 1, 2, ...
  std::vector<std::vector<Block>> phase_blocks;
  std::vector<std::vector<Head>> heads;  // of each phase, of each channel
};

// What a head says of the cells of a grid, [cells, stride]; of these, the plane's samples.
struct HeadIndices {
  const std::int16_t* data;
  std::int64_t stride;
  CellGrid grid;
};

// Networks as an ExactWalk calls them.
class ExactNetworks {
 public:
  // `networks`: finest scale first; the one before the last is shared by all coarser scales, the
  // last is z's. They must outlive this. `parts`: of rows.
  ExactNetworks(const std::vector<ExactNetwork>& networks, std::int64_t depth, Parts parts)
      : networks_(networks), depth_(depth), parts_(std::move(parts)) {}

  void begin(std::int64_t scale, const CellGrid& grid, const FeatureRows& coarse);
  void inject(std::size_t phase, const FeatureRows& planes);
  // Valid until the next call.
  HeadIndices head(const ExactPlane& plane, const FeatureRows& before);

 private:
  ActivationMap map_of(const FeatureRows& rows) const;
  void apply(const ExactConvolution& layer, const ActivationMap& x, const ActivationMap* skip,
             ActivationMap& y) const;
  void through(const std::vector<ExactNetwork::Block>& blocks);

  const std::vector<ExactNetwork>& networks_;
  std::int64_t depth_;
  Parts parts_;
  const ExactNetwork* net_ = nullptr;
  CellGrid grid_{};
  ActivationMap state_, inner_, mixed_;
  std::vector<std::int16_t> indices_;
};

}  // namespace pie
