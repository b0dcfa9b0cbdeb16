// Named float32 tensors and text in one file: the public safetensors layout, with a SHA-256.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "lib/base/bytes.h"

namespace pie {

struct TensorFile {
  std::map<std::string, std::string> metadata;   // the file's __metadata__
  std::map<std::string, torch::Tensor> tensors;  // float32, CPU

  // The metadata at `key`. Throws DamagedError naming `path` if it is missing.
  const std::string& text(const std::string& key, const std::string& path) const;
};

// Serialises; the bytes are a pure function of the content. Adds the metadata key "sha256": the
// hash of the header without that key, followed by the tensors' bytes.
Bytes serialize_tensors(const TensorFile& file);

// Parses and checks every length, offset, dtype and shape, the hash, and that all values are
// finite. `path` only names the file in messages. Throws DamagedError (also TruncatedError).
TensorFile parse_tensors(const Bytes& bytes, const std::string& path);

}  // namespace pie
