// Models and presets by name.
#pragma once

#include <string>

#include "lib/model/model_file.h"

namespace pie {

// The model that `name_or_path` means: a file, or the name of a `<name>.safetensors` in one of the
// folders. Throws UnsupportedError naming the folders searched and the models that are there.
LoadedModel find_model(const std::string& name_or_path);

// The model with this fingerprint. Throws UnsupportedError naming the fingerprint and the folders.
LoadedModel find_model(const Fingerprint& fingerprint);

// What codes images without a model: kFloorFingerprint and a name.
LoadedModel floor_model();

// The preset `<name>.json`. Throws UsageError naming the presets that are there.
Json find_preset(const std::string& name);
// The configuration in a file of at most 1 MiB. Throws UsageError unless that is an object in JSON.
Json read_preset(const std::string& path);

}  // namespace pie
