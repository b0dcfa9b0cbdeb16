#include "lib/codec/pixel_hash.h"

#include "lib/base/bytes.h"

namespace pie {

void PixelHash::add(const SampleView& high, const std::optional<SampleView>& low) {
  constexpr size_t kPiece = 1 << 14;
  Bytes piece;
  piece.reserve(kPiece + 16);
  const Shape& shape = high.shape;
  for (int64_t row = 0; row < shape.height; ++row) {
    for (int64_t column = 0; column < shape.width; ++column) {
      for (int64_t channel = 0; channel < shape.channels; ++channel) {
        if (low) piece.push_back(*low->at(channel, row, column));
        piece.push_back(*high.at(channel, row, column));
      }
      if (piece.size() < kPiece) continue;
      hash_.update(piece.data(), piece.size());
      piece.clear();
    }
  }
  hash_.update(piece.data(), piece.size());
}

}  // namespace pie
