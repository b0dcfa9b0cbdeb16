// The configuration of an i-ResNet: what a preset file says and a model file stores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/flow/bijection.h"
#include "lib/model/input_config.h"
#include "lib/numerics/activation.h"

namespace pie {

// One scale: downsampling or flattening, `blocks` x (actnorm, residual block), then a split where
// `keep` is less than the scale's variables.
struct IResNetScaleConfig {
  std::string entry;             // "none", "downsample" (2x2 cells to channels) or "flatten"
  int64_t keep;                  // variables per image that go on; 0: all
  int64_t blocks;                // residual blocks
  int64_t hidden;                // width of their networks
  std::vector<int64_t> kernels;  // of the convolutions, such as 3, 1, 3
  Activation activation;
  double coefficient;  // c: bound of each layer's norm; 0: unconstrained
  bool always_scale;   // to norm c exactly, as the slides do; else only from above c
  bool act_norm;       // an actnorm before each block
};

struct IResNetConfig {
  Shape input{};  // of one image, channels first
  PreTransformConfig pre_transform;
  int64_t pad_channels;   // zeros appended to the channels; for classifiers only
  int64_t classes;        // of the classifier's head; 0: none
  int64_t head_features;  // of its convolution; 0: it has none
  std::vector<IResNetScaleConfig> scales;
};

// Reads the model part of a preset; the section "block" holds the defaults of all scales. Throws
// UsageError naming a key that is missing, unknown or out of range.
IResNetConfig parse_iresnet_config(const Json& json);

}  // namespace pie
