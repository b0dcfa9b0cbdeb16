// Options of pie-encode, shared by its two halves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/shard.h"
#include "lib/image/jxl_code.h"
#include "lib/image/slice.h"
#include "tools/common/files.h"

namespace pie {

struct EncodeOptions {
  std::string model;
  Destination destination;
  bool lossless = false, recursive = false;
  bool strip = false;  // keep samples only
  std::string coder = "auto";
  int effort = kJxlEffort;
  int layers = 0;       // 0: all
  double step = 0;      // in standard deviations; 0: the default
  std::string latents;  // .npy file to write
  Shard shard;          // of the code files, or of the images of the only one
  std::vector<SlicedInput> images;
  OutputPaths outputs;  // of the code files that were cut before
};

}  // namespace pie
