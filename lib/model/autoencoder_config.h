// The configuration of an autoencoder: what a preset file says and a model file stores.
#pragma once

#include <cstdint>

#include "lib/flow/bijection.h"
#include "lib/model/input_config.h"

namespace pie {

struct AutoencoderConfig {
  bool variational;   // a VAE, else a WAE
  Shape input{};      // of one image, channels first
  int64_t latent;     // d
  int64_t filters;    // of the convolution next to the images; doubled at each scale
  int64_t scales;     // strided convolutions of the encoder and of the decoder
  double mmd_weight;  // WAE: of the squared MMD against |x - G(z)|^2 of an image
};

// Reads the model part of a preset. Throws UsageError naming a key that is missing, unknown or out
// of range.
AutoencoderConfig parse_autoencoder_config(const Json& json);

}  // namespace pie
