// Planes of items <-> symbols of a layer, by the mixtures that an exact PIE's networks give, and by
// what is known of the image as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/parts.h"
#include "lib/coding/layer_coder.h"
#include "lib/exact/image_experts.h"
#include "lib/exact/mean_correction.h"
#include "lib/exact/walk.h"

namespace pie {

// The mixtures of a plane's samples, [n * samples, 3 * components].
struct PlaneMixtures {
  std::vector<MixtureIndex> indices;
  int components;
  size_t samples() const { return indices.size() / (3 * static_cast<size_t>(components)); }
  MixtureRows rows() const { return {indices.data(), components, samples()}; }
};

// Codes the planes of one block in their order, layer by layer. A block of one item learns from it;
// items of one block share nothing.
class PlaneCoder {
 public:
  PlaneCoder(const LogisticMixture& model, int64_t channels, bool one_item, Parts parts)
      : model_(model), one_item_(one_item), parts_(std::move(parts)), experts_(channels) {}

  // `known`: the samples of the plane.
  void encode(SampleEncoder& encoder, const ExactPlane& plane, const Surroundings& around,
              PlaneMixtures& mixtures, const Bytes& known);
  Bytes decode(SampleDecoder& decoder, const ExactPlane& plane, const Surroundings& around,
               PlaneMixtures& mixtures);

  // Behind the last plane of a layer: one that was not coded by probabilities has taught none.
  void end_layer(bool modelled);

 private:
  Correction chosen(const ExactPlane& plane, const Surroundings& around,
                    const PlaneMixtures& mixtures, const std::vector<int16_t>& means,
                    const Bytes& known) const;
  // Moves the means and scales of mixtures, and `means`.
  void apply(const Correction& correction, const ExactPlane& plane, const Surroundings& around,
             PlaneMixtures& mixtures, std::vector<int16_t>& means) const;
  std::vector<int16_t> means_of(const PlaneMixtures& mixtures) const;
  bool corrects(const ExactPlane& plane) const {
    return one_item_ && CorrectionTaps::apply_to(plane);
  }

  const LogisticMixture& model_;
  bool one_item_;
  Parts parts_;
  ImageExperts experts_;
  SetOdds odds_before_;  // this layer
  CorrectionTaps taps_;
};

}  // namespace pie
