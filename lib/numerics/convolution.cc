#include "lib/numerics/convolution.h"

#include <algorithm>
#include <array>

#include "lib/base/cpu_clones.h"
#include "lib/base/vectors.h"

namespace pie {
namespace {

// Products accumulate in registers: kTall x kColumns of them.
constexpr int64_t kTall = 6, kColumns = 2 * kVectorWidth;
// Pixels that are worked on together, so that they and the weights of kColumns outputs stay in the
// nearest cache.
constexpr int64_t kChunk = 96;

int64_t padded(int64_t columns) { return (columns + kColumns - 1) / kColumns * kColumns; }

// Where the neighbours of the pixels of a chunk are: for each tap a pointer for each pixel, to
// zeros where there is none.
class Neighbours {
 public:
  Neighbours(const ConvolutionShape& shape, const float* x, int64_t channels)
      : shape_(shape), x_(x), channels_(channels), zeros_(static_cast<size_t>(channels)) {}

  // Of `count` pixels from `first` on, [taps][kChunk].
  void find(int64_t first, int64_t count) {
    const int64_t kernel = shape_.kernel, radius = kernel / 2;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t pixel = first + i, x = pixel % shape_.width,
                    y = pixel / shape_.width % shape_.height;
      for (int64_t tap = 0; tap < kernel * kernel; ++tap) {
        const int64_t dy = tap / kernel - radius, dx = tap % kernel - radius;
        const bool inside =
            y + dy >= 0 && y + dy < shape_.height && x + dx >= 0 && x + dx < shape_.width;
        at_[static_cast<size_t>(tap * kChunk + i)] =
            inside ? x_ + (pixel + dy * shape_.width + dx) * channels_ : zeros_.data();
      }
    }
  }
  const float* const* of(int64_t tap) const { return at_.data() + tap * kChunk; }

 private:
  const ConvolutionShape& shape_;
  const float* x_;
  int64_t channels_;
  std::vector<float> zeros_;
  std::array<const float*, 9 * kChunk> at_{};
};

// kColumns outputs of `rows` (at most kTall) pixels. `w`: [taps][in][kColumns].
template <int64_t kRows>
PIE_INLINE void sum_products(const Neighbours& near, int64_t taps, int64_t first, int64_t in,
                             const float* w, float* y, int64_t stride) {
  Floats sums[kRows][2] = {};
  for (int64_t tap = 0; tap < taps; ++tap) {
    const float* const* at = near.of(tap) + first;
    const float* from[kRows];
    for (int64_t i = 0; i < kRows; ++i) from[i] = at[i];
    for (int64_t c = 0; c < in; ++c, w += kColumns) {
      Floats low, high;
      load(w, low);
      load(w + kVectorWidth, high);
      for (int64_t i = 0; i < kRows; ++i) {
        sums[i][0] += from[i][c] * low;
        sums[i][1] += from[i][c] * high;
      }
    }
  }
  for (int64_t i = 0; i < kRows; ++i) {
    store(sums[i][0], y + i * stride);
    store(sums[i][1], y + i * stride + kVectorWidth);
  }
}

// y [pixels, out] from `w` [group][taps][in][kColumns].
PIE_CPU_CLONES void convolve_packed(const ConvolutionShape& shape, const float* x, const float* w,
                                    float* y) {
  Neighbours near(shape, x, shape.in);
  const int64_t taps = shape.kernel * shape.kernel, group = taps * shape.in * kColumns;
  std::array<float, kTall * kColumns> part;
  for (int64_t first = 0; first < shape.pixels(); first += kChunk) {
    const int64_t count = std::min(kChunk, shape.pixels() - first);
    near.find(first, count);
    for (int64_t column = 0; column < shape.out; column += kColumns) {
      const float* own = w + column / kColumns * group;
      const bool whole = column + kColumns <= shape.out;
      int64_t i = 0;
      for (; i + kTall <= count && whole; i += kTall) {
        sum_products<kTall>(near, taps, i, shape.in, own, y + (first + i) * shape.out + column,
                            shape.out);
      }
      for (int64_t step = kTall; i < count; i += step) {
        step = count - i >= kTall ? kTall : 1;
        if (step == kTall) {
          sum_products<kTall>(near, taps, i, shape.in, own, part.data(), kColumns);
        } else {
          sum_products<1>(near, taps, i, shape.in, own, part.data(), kColumns);
        }
        const int64_t columns = std::min(kColumns, shape.out - column);
        for (int64_t j = 0; j < step; ++j) {
          std::copy_n(part.data() + j * kColumns, columns,
                      y + (first + i + j) * shape.out + column);
        }
      }
    }
  }
}

// Adds to kRows x kColumns weights, [in][kColumns], the products of `count` pixels.
template <int64_t kRows>
PIE_INLINE void add_products(const float* const* x, int64_t channel, const float* g, int64_t stride,
                             int64_t count, float* dw) {
  Floats sums[kRows][2];
  for (int64_t i = 0; i < kRows; ++i) {
    load(dw + i * kColumns, sums[i][0]);
    load(dw + i * kColumns + kVectorWidth, sums[i][1]);
  }
  for (int64_t p = 0; p < count; ++p, g += stride) {
    const float* from = x[p] + channel;
    Floats low, high;
    load(g, low);
    load(g + kVectorWidth, high);
    for (int64_t i = 0; i < kRows; ++i) {
      sums[i][0] += from[i] * low;
      sums[i][1] += from[i] * high;
    }
  }
  for (int64_t i = 0; i < kRows; ++i) {
    store(sums[i][0], dw + i * kColumns);
    store(sums[i][1], dw + i * kColumns + kVectorWidth);
  }
}

// g has rows of padded(out) columns; dw is [group][taps][in][kColumns] and zero.
PIE_CPU_CLONES void weight_gradient_packed(const ConvolutionShape& shape, const float* x,
                                           const float* g, float* dw) {
  Neighbours near(shape, x, shape.in);
  const int64_t taps = shape.kernel * shape.kernel, group = taps * shape.in * kColumns;
  const int64_t stride = padded(shape.out);
  for (int64_t first = 0; first < shape.pixels(); first += kChunk) {
    const int64_t count = std::min(kChunk, shape.pixels() - first);
    near.find(first, count);
    for (int64_t column = 0; column < stride; column += kColumns) {
      const float* gradients = g + first * stride + column;
      for (int64_t tap = 0; tap < taps; ++tap) {
        float* to = dw + column / kColumns * group + tap * shape.in * kColumns;
        int64_t c = 0;
        for (; c + kTall <= shape.in; c += kTall) {
          add_products<kTall>(near.of(tap), c, gradients, stride, count, to + c * kColumns);
        }
        for (; c + 2 <= shape.in; c += 2) {
          add_products<2>(near.of(tap), c, gradients, stride, count, to + c * kColumns);
        }
        for (; c < shape.in; ++c) {
          add_products<1>(near.of(tap), c, gradients, stride, count, to + c * kColumns);
        }
      }
    }
  }
}

// Calls visit(place in [group][taps][in][kColumns], o, c, tap) for every weight of a convolution
// from `in` to `out` channels.
template <typename Visit>
void for_each_weight(int64_t in, int64_t out, int64_t taps, const Visit& visit) {
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t place = (o / kColumns * taps + tap) * in * kColumns + o % kColumns;
      for (int64_t c = 0; c < in; ++c, place += kColumns) visit(place, o, c, tap);
    }
  }
}

std::vector<float> packed_room(int64_t in, int64_t out, int64_t taps) {
  return std::vector<float>(static_cast<size_t>(padded(out) * in * taps));
}

}  // namespace

void convolve(const ConvolutionShape& shape, const float* x, const float* w, float* y) {
  const int64_t taps = shape.kernel * shape.kernel;
  auto packed = packed_room(shape.in, shape.out, taps);
  for_each_weight(shape.in, shape.out, taps, [&](int64_t to, int64_t o, int64_t c, int64_t tap) {
    packed[static_cast<size_t>(to)] = w[(o * shape.in + c) * taps + tap];
  });
  convolve_packed(shape, x, packed.data(), y);
}

void convolve_backward(const ConvolutionShape& shape, const float* g, const float* w, float* dx) {
  // The convolution with inputs and outputs exchanged and taps mirrored.
  const int64_t taps = shape.kernel * shape.kernel;
  auto packed = packed_room(shape.out, shape.in, taps);
  for_each_weight(shape.out, shape.in, taps, [&](int64_t to, int64_t in, int64_t out, int64_t tap) {
    packed[static_cast<size_t>(to)] = w[(out * shape.in + in) * taps + taps - 1 - tap];
  });
  ConvolutionShape back = shape;
  std::swap(back.in, back.out);
  convolve_packed(back, g, packed.data(), dx);
}

void convolution_weight_gradient(const ConvolutionShape& shape, const float* x, const float* g,
                                 float* dw) {
  const int64_t taps = shape.kernel * shape.kernel, columns = padded(shape.out);
  std::vector<float> rows;
  if (columns != shape.out) {
    rows.resize(static_cast<size_t>(shape.pixels() * columns));
    for (int64_t p = 0; p < shape.pixels(); ++p) {
      std::copy_n(g + p * shape.out, shape.out, rows.data() + p * columns);
    }
    g = rows.data();
  }
  auto packed = packed_room(shape.in, shape.out, taps);
  weight_gradient_packed(shape, x, g, packed.data());
  for_each_weight(shape.in, shape.out, taps, [&](int64_t from, int64_t o, int64_t c, int64_t tap) {
    dw[(o * shape.in + c) * taps + tap] = packed[static_cast<size_t>(from)];
  });
}

}  // namespace pie
