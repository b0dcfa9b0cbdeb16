// Images <-> code-file frames. Tiles, frames and hashes are here; how items are coded, and whether
// every sample comes back, is the business of a coder (item_coder.h).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/progress_callback.h"
#include "lib/base/spool.h"
#include "lib/codec/image_feed.h"
#include "lib/codec/item_coder.h"
#include "lib/container/member_list.h"
#include "lib/container/stored_frame.h"
#include "lib/image/image.h"
#include "lib/image/metadata.h"
#include "lib/model/model_file.h"

namespace pie {

// In units of a standard deviation / 1024. Costs at most 0.1 dB of PSNR from z alone (measured on
// held-out images; models/RESULTS.md).
inline constexpr uint32_t kDefaultStep = 104;

// Who codes an image.
enum class CoderChoice {
  kModel,
  kFloor,     // JPEG XL or WebP, without the model
  kSmallest,  // the one that makes the smaller frame of a single image, of which all bits are kept;
              // where the model is sure to win, as in plain photographs, only that is tried
};

struct CodingOptions {
  int layers = 0;        // keep the first `layers`, coarse to fine; 0: all
  uint32_t step = 0;     // of z; r_l is quantized with step * eps0; 0: kDefaultStep, or exact
  bool archive = false;  // a set of images, even if it holds one
  // What is known of the files of the images: one for each, or none. Read when all are coded.
  std::vector<Member> members;
  CoderChoice coder = CoderChoice::kModel;
  int effort = kJxlEffort;  // of the floor; kMostJxlEffort: kSmallest always tries both
  // Called with the share that is coded, from one thread at a time.
  ProgressCallback progress = {};
};

// One layer of an encoded frame, for reports.
struct LayerReport {
  std::string name;
  uint64_t symbols = 0;
  uint64_t payload_bytes = 0;
  double ideal_bits = 0;      // sum of -log2 of the probabilities of the symbols' bins
  uint64_t model_blocks = 0;  // coded with the model's probabilities; the others: zstd or raw
  uint64_t plain_blocks = 0;
};

// What has been encoded.
struct EncodingReport {
  bool floor = false;  // without the model
  std::vector<LayerReport> layers;
};

// Encodes images as one frame, whose bytes go to `sink` when all are coded. Images of another size
// than the model's are cut into tiles with their edges repeated. A frame of all layers of an exact
// coder has the hashes of the pixels. Blocks are read, coded and set aside, so memory does not grow
// with the number of images. Throws ShapeError if the model cannot code such images, UsageError for
// an impossible step or number of layers, and what the feed throws.
EncodingReport encode_images(const LoadedModel& model, const ImageFeed& images,
                             const CodingOptions& options, const Sink& sink);

// The same in memory.
struct EncodedImages : EncodingReport {
  Bytes frame;
};
EncodedImages encode_images(const LoadedModel& model, const ImageFeed& images,
                            const CodingOptions& options);

// What decoding has to say beside the images.
struct DecodingNotes {
  bool complete = true;  // false: the file is cut before samples that no layer holds: alpha is
                         // opaque then, and low bytes repeat the high ones
  std::vector<std::string> warnings;  // damage that leaves the pixels intact
};

// Decodes the images `indices` (each below frame.header().images) from the first `layers` layers
// (0: all that are stored) and hands them over one by one in that order; only the blocks they need
// are read. Throws UnsupportedError if the frame was made by another model or has a chunk that must
// be understood, DamagedError, TruncatedError or VerificationError for what is wrong with it.
// `progress` is called with the share that is decoded.
DecodingNotes decode_images(const LoadedModel& model, const StoredFrame& frame, int layers,
                            const std::vector<uint64_t>& indices,
                            const std::function<void(uint64_t index, const Image& image)>& use,
                            const ProgressCallback& progress = {});

// The latents z [items, d] of all items of images, in order. Throws like encode_images.
torch::Tensor encode_latents(const LoadedModel& model, const ImageFeed& images);

// `steps` images (at least 2) on the straight line between the latents of image 0 and image 1 of
// `ends`, both of the model's shape; what z does not hold is filled in by the model.
ImageSet interpolate(const LoadedModel& model, const ImageSet& ends, size_t steps);

}  // namespace pie
