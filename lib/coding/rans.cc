#include "lib/coding/rans.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace pie {

template <typename State>
void BasicRansEncoder<State>::put_bits(std::uint32_t value, int count) {
  while (count > 0) {
    const int piece = std::min(count, kRansBits);
    put(value & ((1U << piece) - 1), 1, piece);
    value >>= piece;
    count -= piece;
  }
}

template <typename State>
Bytes BasicRansEncoder<State>::finish() {
  return std::move(finish(1).front());
}

template <typename State>
std::vector<Bytes> BasicRansEncoder<State>::finish(std::size_t lanes) {
  // rANS is last in, first out. A state starts at zero rather than at the lower bound of its
  // range: until the first byte leaves it, it is simply smaller, and the decoder is in the same
  // situation exactly when its bytes have run out.
  std::vector<State> states(lanes);
  std::vector<Bytes> coded(lanes);
  std::size_t lane = steps_.size() % lanes;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    lane = (lane == 0 ? lanes : lane) - 1;
    State state = states[lane];
    constexpr std::uint64_t kSlots = (std::uint64_t{1} << kFreqAt) - 1;
    const auto start = static_cast<State>(*step & kSlots);
    const auto freq = static_cast<State>(*step >> kFreqAt & kSlots) + 1;
    const auto bits = static_cast<int>(*step >> kBitsAt);
    const State limit = ((RansTraits<State>::kLowest >> bits) << 8) * freq;
    while (state >= limit) {
      coded[lane].push_back(static_cast<std::uint8_t>(state));
      state >>= 8;
    }
    state = ((state / freq) << bits) + state % freq + start;
    states[lane] = state;
  }
  for (lane = 0; lane < lanes; ++lane) {
    State state = states[lane];
    for (; state != 0; state >>= 8) coded[lane].push_back(static_cast<std::uint8_t>(state));
    std::reverse(coded[lane].begin(), coded[lane].end());
  }
  steps_.clear();
  return coded;
}

template <typename State>
BasicRansDecoder<State>::BasicRansDecoder(ByteSpan bytes)
    : next_(bytes.data), end_(bytes.data + bytes.size) {
  if (next_ != end_ && *next_ == 0) {
    throw DamagedError("damaged entropy-coded bytes: leading zero");
  }
  refill();
}

template <typename State>
std::uint32_t BasicRansDecoder<State>::get_bits(int count) {
  std::uint32_t value = 0;
  for (int at = 0; at < count;) {
    const int piece = std::min(count - at, kRansBits);
    const std::uint32_t part = slot(piece);
    advance(part, 1, piece);
    value |= part << at;
    at += piece;
  }
  return value;
}

template <typename State>
void BasicRansDecoder<State>::finish() const {
  if (state_ != 0 || next_ != end_) {
    throw DamagedError("damaged entropy-coded bytes: wrong end");
  }
}

template class BasicRansEncoder<std::uint32_t>;
template class BasicRansEncoder<std::uint64_t>;
template class BasicRansDecoder<std::uint32_t>;
template class BasicRansDecoder<std::uint64_t>;

}  // namespace pie
