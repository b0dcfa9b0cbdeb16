// What the code file of a set of images costs, and what each of its layers gives back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/codec/codec.h"
#include "lib/image/image.h"
#include "lib/model/model_file.h"

namespace pie {

// One layer of a code file, and all up to it as a prefix of the file.
struct CodeLayer {
  std::string name;
  uint64_t payload_bytes = 0;
  uint64_t model_blocks = 0, plain_blocks = 0;  // as in LayerReport
  double payload_bytes_per_image = 0;
  double ideal_bytes = 0;  // of an entropy coder without loss
  double gap_percent = 0;  // by how much the payload is longer; not finite of nothing
  double prefix_bytes_per_image = 0, prefix_bits_per_dim = 0;
  double psnr_db = 0;                    // of the prefix, pooled; infinite: every sample is right
  double images_made_worse_percent = 0;  // than they were without this layer
  double decode_s = 0;                   // seconds that decoding the prefix took
};

struct CodeReport {
  double step = 0;  // in standard deviations of the latents
  bool lossless = false;
  uint64_t file_bytes = 0, overhead_bytes = 0;  // the latter are not in any layer's payload
  double file_bits_per_dim = 0, ideal_bits_per_dim = 0, overhead_bytes_per_image = 0;
  double encode_s = 0;
  std::vector<CodeLayer> layers;  // coarse to fine
};

// Codes each set of images as one file, an archive if it has several, and decodes every prefix of
// its layers; the figures are of all of them. Throws like encode_images and decode_images.
CodeReport evaluate_code(const LoadedModel& model, const std::vector<ImageSet>& sets,
                         CodingOptions options);

}  // namespace pie
