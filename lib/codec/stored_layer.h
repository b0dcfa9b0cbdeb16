// One layer of a block of a frame, decoded plane by plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "lib/base/error.h"
#include "lib/coding/layer_coder.h"
#include "lib/container/stored_frame.h"

namespace pie {

// What does not decode although its bytes are intact is a disagreement.
class StoredLayer {
 public:
  // `symbols`: of the whole layer. The mixture and the frame must outlive this.
  StoredLayer(const LogisticMixture& mixture, const StoredFrame& frame, uint64_t block, int layer,
              size_t symbols)
      : frame_(frame), block_(block), layer_(layer), coded_(frame.block(layer, block)) {
    guarded([&] {
      decoder_.emplace(mixture, coded_.mode, ByteSpan{coded_.bytes.data(), coded_.bytes.size()},
                       symbols);
    });
  }

  SampleDecoder& decoder() { return *decoder_; }

  // Behind the last sample. Returns whether the layer was coded by the model's probabilities.
  bool finish() {
    guarded([&] { decoder_->finish(); });
    frame_.verify_symbols(layer_, block_, decoder_->finish());
    return decoder_->modelled();
  }

 private:
  template <typename Work>
  void guarded(const Work& work) const {
    try {
      work();
    } catch (const DamagedError& error) {
      throw frame_.disagreement(layer_, block_, error);
    }
  }

  const StoredFrame& frame_;
  uint64_t block_;
  int layer_;
  CodedBlock coded_;
  std::optional<SampleDecoder> decoder_;
};

}  // namespace pie
