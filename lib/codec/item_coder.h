// The one contract of everything that codes images: a kind of coder is one file that implements it.
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/progress_callback.h"
#include "lib/base/shape.h"
#include "lib/coding/coded_block.h"
#include "lib/container/stored_frame.h"
#include "lib/image/image.h"
#include "lib/image/jxl_code.h"
#include "lib/model/model_file.h"

namespace pie {

// How samples of one image or item are drawn.
struct SamplingOptions {
  double temperature = 1;           // T of z ~ N(0, T^2 I)
  double residual_temperature = 0;  // R of r_l = g_l(z_l) + R eps0 n, n ~ N(0, I)
  uint64_t seed = 0;
  ProgressCallback progress = {};
};

// How items are coded.
struct ItemCoding {
  int layers;           // how many, from the coarsest
  uint32_t step = 0;    // of quantization, in units of a standard deviation / 1024; 0 if exact
  int sample_bits = 8;  // 16: items have the bytes of samples as channels, if the coder takes all
  int effort = kJxlEffort;  // of coders that search
};

// What some items are as one block of each layer.
struct EncodedItems {
  std::vector<CodedBlock> layers;  // coarse to fine
  std::vector<double> ideal_bits;  // of each: what its probabilities ask for
};

// Codes items, the inputs of a model: whole images, or tiles of them. Layers go coarse to fine, and
// layer 0 is z. Whatever it codes depends neither on threads nor on how images are grouped. Safe to
// use from several threads.
class ItemCoder {
 public:
  virtual ~ItemCoder() = default;

  // Whether all layers restore every sample. Then the same is true of every machine, and items have
  // no quantization step; others have real-valued latents and a temperature.
  virtual bool exact() const = 0;
  // The channels of the items that it makes of images of `channels` and `sample_bits`: of the high
  // bytes of samples, or, if these are more channels than the image's, of all bytes. What items do
  // not hold is stored beside the layers. 0 if it cannot code such images.
  virtual int coded_channels(int channels, int sample_bits) const = 0;
  // The shape of the items of an image of this shape, whose channels it codes.
  virtual Shape item_shape(const Shape& image) const = 0;
  // How many symbols an item has in each layer.
  virtual std::vector<size_t> symbols_per_item(const Shape& item) const = 0;
  // How many blocks are worth working on side by side.
  virtual size_t blocks_at_once() const = 0;

  // The items of one block. Throws UsageError for an impossible step.
  virtual EncodedItems encode(const ImageSet& items, const ItemCoding& how) = 0;
  // The items of a block of a frame from its first `layers` layers; the model fills in the others.
  // Throws DamagedError, TruncatedError or VerificationError as StoredFrame does.
  virtual ImageSet decode(const StoredFrame& frame, uint64_t block, const Shape& item,
                          int layers) = 0;

  // z of items, before quantization: [N, d] float32.
  virtual torch::Tensor latents(const ImageSet& items) = 0;
  // The items of the model's shape that z [N, d] stands for, with the rest filled in. Throws
  // ShapeError if d is another.
  virtual ImageSet from_latents(const torch::Tensor& z) = 0;
  // Items of the model's shape, drawn from its density: number k of all depends on (seed, k) alone.
  // Throws UsageError for temperatures that it does not have.
  virtual ImageSet draw(size_t count, const SamplingOptions& options) = 0;
};

// The coder of a model, which it shares; that of floor_model() needs none. Throws UsageError if the
// model has nothing to code with: a classifier of padded images has latents of which few are of any
// image.
std::shared_ptr<ItemCoder> coder_for(const LoadedModel& model);

}  // namespace pie
