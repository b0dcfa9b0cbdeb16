#include "lib/model/autoencoder_config.h"

namespace pie {

AutoencoderConfig parse_autoencoder_config(const Json& json) {
  const ConfigSection top(
      json, "", {"name", "arch", "input", "latent", "filters", "scales", "mmd_weight", "train"});
  AutoencoderConfig config;
  config.variational = top.choice("arch", {"vae", "wae"}) == "vae";
  config.input = parse_input(top);
  config.latent = top.integer("latent", 1, int64_t{1} << 16);
  config.filters = top.integer("filters", 1, 4096);
  config.scales = top.integer("scales", 1, 6);
  config.mmd_weight = config.variational ? 0 : top.number("mmd_weight", 0, 1e9);
  return config;
}

}  // namespace pie
