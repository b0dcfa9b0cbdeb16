// What networks have in common whose products may be bfloat16.
#pragma once

namespace pie {

// Inputs, outputs, weights and gradients keep their number type; only products inside change.
class MixedPrecision {
 public:
  virtual ~MixedPrecision() = default;
  // Anything but bfloat16 means "as the weights".
  virtual void set_bfloat16(bool on) = 0;
};

}  // namespace pie
