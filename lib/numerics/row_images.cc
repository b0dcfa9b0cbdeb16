#include "lib/numerics/row_images.h"

#include <algorithm>
#include <cstring>

#include "lib/base/cpu_clones.h"
#include "lib/numerics/channel_constant.h"

namespace pie {
namespace {

template <typename From, typename To>
PIE_INLINE void copy_numbers(const From* from, To* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) Element<To>::store(to[i], Element<From>::load(from[i]));
}

template <typename From, typename To>
PIE_INLINE void add_numbers(const From* from, To* sum, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sum[i] += Element<From>::load(from[i]);
}

template <int kChannels, typename From, typename To>
PIE_CPU_CLONES void spread_channels(const From* x, To* padded, To* out, RowGrid g,
                                    int64_t any_channels, int64_t kernel, int sign,
                                    int64_t stride) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  const int64_t radius = kernel / 2;
  const int64_t padded_row = (g.width + kernel - 1) * channels;
  for (int64_t y = 0; y < g.height; ++y) {
    copy_numbers(x + y * g.width * channels, padded + (y + radius) * padded_row + radius * channels,
                 g.width * channels);
  }
  const int64_t step_y = sign * padded_row, step_x = sign * channels;
  for (int64_t y = 0; y < g.height; ++y) {
    for (int64_t x0 = 0; x0 < g.width; ++x0, out += stride) {
      To* row = out;
      const To* centre = padded + (y + radius) * padded_row + (x0 + radius) * channels;
      if (kChannels > 0 && sign > 0 && kernel == 3) {  // as below, and of a known size
        constexpr int64_t kPiece = 3 * kChannels;
        const To* piece = centre - padded_row - channels;
        for (int64_t ky = 0; ky < 3; ++ky, piece += padded_row, row += kPiece) {
          std::memcpy(row, piece, kPiece * sizeof(To));
        }
        continue;
      }
      if (kChannels == 0 && sign > 0) {  // a row of taps lies in one piece
        const To* piece = centre - radius * (padded_row + channels);
        for (int64_t ky = 0; ky < kernel; ++ky, piece += padded_row, row += kernel * channels) {
          std::memcpy(row, piece, static_cast<size_t>(kernel * channels) * sizeof(To));
        }
        continue;
      }
      for (int64_t ky = -radius; ky <= radius; ++ky) {
        for (int64_t kx = -radius; kx <= radius; ++kx, row += channels) {
          const To* tap = centre + ky * step_y + kx * step_x;
          for (int64_t c = 0; c < channels; ++c) row[c] = tap[c];
        }
      }
    }
  }
}

template <int kChannels, typename From, typename To = typename Element<From>::Wide>
PIE_CPU_CLONES void collect_channels(const From* y, To* padded, To* out, RowGrid g,
                                     int64_t any_channels, int64_t kernel, int sign,
                                     int64_t stride) {
  const int64_t channels = kChannels > 0 ? kChannels : any_channels;
  const int64_t radius = kernel / 2;
  const int64_t padded_row = (g.width + kernel - 1) * channels;
  for (int64_t py = 0; py < g.height; ++py) {
    for (int64_t px = 0; px < g.width; ++px, y += stride) {
      To* corner = padded + py * padded_row + px * channels;
      const From* from = y;
      if (kChannels > 0 && sign < 0 && kernel == 3) {  // as below, and of a known size
        for (int64_t ky = 0; ky < 3; ++ky, corner += padded_row, from += 3 * kChannels) {
          add_numbers(from, corner, 3 * kChannels);
        }
        continue;
      }
      for (int64_t ky = 0; ky < kernel; ++ky) {
        if (sign < 0) {  // a row of taps lies in one piece
          add_numbers(from, corner + ky * padded_row, kernel * channels);
          from += kernel * channels;
          continue;
        }
        To* last = corner + (kernel - 1 - ky) * padded_row + (kernel - 1) * channels;
        for (int64_t kx = 0; kx < kernel; ++kx, from += channels) {
          add_numbers(from, last - kx * channels, channels);
        }
      }
    }
  }
  for (int64_t py = 0; py < g.height; ++py) {
    std::copy_n(padded + (py + radius) * padded_row + radius * channels, g.width * channels,
                out + py * g.width * channels);
  }
}

}  // namespace

template <typename From, typename To>
void spread_image(const From* x, To* padded, To* out, const RowGrid& grid, int64_t channels,
                  int64_t kernel, int sign, int64_t stride) {
  with_channels(channels, [&](auto constant) {
    spread_channels<constant>(x, padded, out, grid, channels, kernel, sign, stride);
  });
}

template <typename From>
void collect_image(const From* y, typename Element<From>::Wide* padded,
                   typename Element<From>::Wide* out, const RowGrid& grid, int64_t channels,
                   int64_t kernel, int sign, int64_t stride) {
  with_channels(channels, [&](auto constant) {
    collect_channels<constant>(y, padded, out, grid, channels, kernel, sign, stride);
  });
}

template void spread_image(const float*, float*, float*, const RowGrid&, int64_t, int64_t, int,
                           int64_t);
template void spread_image(const double*, double*, double*, const RowGrid&, int64_t, int64_t, int,
                           int64_t);
template void spread_image(const float*, at::BFloat16*, at::BFloat16*, const RowGrid&, int64_t,
                           int64_t, int, int64_t);
template void collect_image(const float*, float*, float*, const RowGrid&, int64_t, int64_t, int,
                            int64_t);
template void collect_image(const double*, double*, double*, const RowGrid&, int64_t, int64_t, int,
                            int64_t);
template void collect_image(const at::BFloat16*, float*, float*, const RowGrid&, int64_t, int64_t,
                            int, int64_t);

}  // namespace pie
