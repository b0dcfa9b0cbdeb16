// Images <-> code-file frames: layers, coarse to fine, of a real-valued PIE (lossy) or an integer
// PIE (lossless once all are there).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/container/frame.h"
#include "lib/image/image.h"
#include "lib/model/model_file.h"

namespace pie {

// In units of a standard deviation / 1024. Costs at most 0.1 dB of PSNR from z alone (measured on
// held-out images; models/RESULTS.md).
inline constexpr uint32_t kDefaultStep = 104;

struct CodingOptions {
  int layers = 0;                // keep the first `layers`, coarse to fine; 0: all
  uint32_t step = kDefaultStep;  // of z; r_l is quantized with step * eps0. Not for integer PIEs
  bool archive = false;          // a set of images, even if it holds one
  Bytes low_bytes;  // of 16-bit samples, image by image, interleaved; integer PIEs only
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

struct EncodedImages {
  Bytes frame;
  std::vector<LayerReport> layers;
  torch::Tensor z;  // [items, d] float32, before quantization; samples of an integer PIE's layer 0
};

// Encodes images of one geometry as one frame. Images of another size than the model's are cut into
// tiles with their edges repeated. Throws ShapeError if the channels differ, UsageError for an
// impossible step or number of layers.
//
// An integer PIE restores every sample from all layers; the frame then has the hashes of the
// pixels. One that does not see positions cuts large images into equal tiles of at most 256 pixels
// a side. One of three channels codes gray images too, and every integer PIE takes an alpha channel
// besides its colours, and `images` with `low_bytes`. Real-valued ones work in a closed
// loop: residual r_l is coded relative to g_l(z_l) of what the decoder has at that point. The
// network runs in float32 on batches of one fixed size, so neither the number of images nor the
// grouping of files changes a symbol.
EncodedImages encode_images(const LoadedModel& model, const ImageSet& images,
                            const CodingOptions& options);

// Decodes the images `indices` (each below frame.header().images) from the first `layers` layers
// (0: all that are stored) and hands them over one by one in that order; only the blocks they need
// are read. Throws UnsupportedError if the frame was made by another model, DamagedError,
// TruncatedError or VerificationError for what is wrong with the frame. Returns false if the file
// is cut before samples that no layer holds: alpha is opaque then, and low bytes repeat the high
// ones.
bool decode_images(const LoadedModel& model, const StoredFrame& frame, int layers,
                   const std::vector<uint64_t>& indices,
                   const std::function<void(uint64_t index, const Image& image)>& use);

// The images that latents z [N, d] float32 stand for, r = g(z).
ImageSet decode_latents(const LoadedModel& model, const torch::Tensor& z);

// The latents z [N, d] of images of the model's geometry.
torch::Tensor encode_latents(const LoadedModel& model, const ImageSet& images);

}  // namespace pie
