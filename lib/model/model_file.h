// Model files: a trained model, its configuration and its history in one safetensors file.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/input.h"
#include "lib/container/frame_header.h"
#include "lib/model/config_section.h"
#include "lib/model/model.h"

namespace pie {

// A trained model together with what its file says about it.
struct LoadedModel {
  std::shared_ptr<Model> model;  // none in floor_model()
  Json preset;                   // the full configuration, training section included
  Json training;                 // summary of the training run: steps, seconds, images, ...
  Json measured;                 // figures measured on held-out data
  Fingerprint fingerprint;
  int64_t parameters;  // trained numbers
  std::string name() const { return preset.value("name", std::string("unnamed")); }
};

// The fingerprint of a model file: over the decoder-relevant configuration and the names, shapes
// and little-endian float32 bytes of all tensors, in the order of their names.
Fingerprint fingerprint(const Json& preset, const Model& model);

// Serialises a model. The bytes are a pure function of the arguments and the tool's version.
Bytes serialize_model(const Model& model, const Json& preset, const Json& training,
                      const Json& measured);

// Reads a model file's bytes; `path` only names the file in messages. Checks everything that
// `parse_tensors` does and that the tensors are those of the configuration. Throws DamagedError
// (also TruncatedError), or UnsupportedError for a newer format or an unknown architecture.
LoadedModel parse_model(const Bytes& bytes, const std::string& path);

// `parse_model` of a whole file. Throws OperationError if it cannot be read.
LoadedModel load_model(const Input& file);

}  // namespace pie
