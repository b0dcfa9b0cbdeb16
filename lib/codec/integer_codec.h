// Items <-> coded blocks with an integer PIE. The codec makes frames of them.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/container/frame.h"
#include "lib/image/image.h"
#include "lib/model/integer_pie.h"

namespace pie {

// Items have the model's channels, or one where it has three: all three are the same then, and only
// the first is coded.

// How many symbols an item has in each layer, coarse to fine.
std::vector<size_t> integer_symbols_per_item(const IntegerPie& model, const Geometry& item);

// One block of each layer, coarse to fine.
struct IntegerBlock {
  std::vector<CodedBlock> layers;
  std::vector<double> ideal_bits;  // of each: what the model's frequencies ask for
};

// Codes the items of one block. The symbols of a layer are the samples of its planes less 128,
// plane by plane, and in each plane item by item, row by row.
IntegerBlock encode_items(IntegerPie& model, const ImageSet& items, int layers);

// The items of a block of a frame, from its first `layers` layers; samples of the others are the
// medians of what is possible. Throws DamagedError, TruncatedError or VerificationError as
// StoredFrame does.
ImageSet decode_items(IntegerPie& model, const StoredFrame& frame, const Geometry& item, int layers,
                      uint64_t block);

// The samples of layer 0, [N, d] float32: what stands for z of an integer PIE; and the images of
// the model's geometry that they stand for, completed by medians.
torch::Tensor coarse_samples(IntegerPie& model, const ImageSet& items);
ImageSet from_coarse_samples(IntegerPie& model, const torch::Tensor& samples);

}  // namespace pie
