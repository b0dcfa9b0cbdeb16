#include "lib/exact/kernels.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace pie {

void portable_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                   std::int32_t* sums) {
  for (std::int64_t cell = 0; cell < cells; ++cell, x += task.stride) {
    const std::int8_t* w = task.weights;
    for (std::int64_t group = 0; group < task.groups; ++group, sums += kOutputGroup) {
      std::memset(sums, 0, kOutputGroup * sizeof *sums);
      for (std::int64_t tap = 0; tap < task.taps; ++tap) {
        const std::uint8_t* from = x + task.tap_offsets[tap];
        for (std::int64_t quad = 0; quad < task.quads; ++quad, from += kInputQuad) {
          for (std::int64_t o = 0; o < kOutputGroup; ++o, w += kInputQuad) {
            sums[o] += from[0] * w[0] + from[1] * w[1] + from[2] * w[2] + from[3] * w[3];
          }
        }
      }
    }
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

#define PIE_AVX2 __attribute__((target("avx2")))
#define PIE_VNNI __attribute__((target("avx512f,avx512vnni")))

// Activations are at most 127 and weights at least -127, so that no sum of two products leaves 16
// bits, where vpmaddubsw would saturate.
template <std::int64_t kCells>
PIE_AVX2 inline void avx2_cells(const SumsTask& task, const std::uint8_t* x, std::int32_t* sums) {
  const __m256i ones = _mm256_set1_epi16(1);
  const std::int8_t* w = task.weights;
  for (std::int64_t group = 0; group < task.groups; ++group) {
    __m256i low[kCells], high[kCells];
    for (std::int64_t i = 0; i < kCells; ++i) low[i] = high[i] = _mm256_setzero_si256();
    for (std::int64_t tap = 0; tap < task.taps; ++tap) {
      const std::uint8_t* from = x + task.tap_offsets[tap];
      for (std::int64_t quad = 0; quad < task.quads;
           ++quad, from += kInputQuad, w += kOutputGroup * kInputQuad) {
        const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
        const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 32));
        for (std::int64_t i = 0; i < kCells; ++i) {
          std::int32_t four;
          std::memcpy(&four, from + i * task.stride, sizeof four);
          const __m256i inputs = _mm256_set1_epi32(four);
          low[i] = _mm256_add_epi32(low[i],
                                    _mm256_madd_epi16(_mm256_maddubs_epi16(inputs, first), ones));
          high[i] = _mm256_add_epi32(high[i],
                                     _mm256_madd_epi16(_mm256_maddubs_epi16(inputs, second), ones));
        }
      }
    }
    for (std::int64_t i = 0; i < kCells; ++i) {
      auto* to = reinterpret_cast<__m256i*>(sums + (i * task.groups + group) * kOutputGroup);
      _mm256_storeu_si256(to, low[i]);
      _mm256_storeu_si256(to + 1, high[i]);
    }
  }
}

template <std::int64_t kCells>
PIE_VNNI inline void vnni_cells(const SumsTask& task, const std::uint8_t* x, std::int32_t* sums) {
  const std::int8_t* w = task.weights;
  for (std::int64_t group = 0; group < task.groups; ++group) {
    __m512i sum[kCells];
    for (std::int64_t i = 0; i < kCells; ++i) sum[i] = _mm512_setzero_si512();
    for (std::int64_t tap = 0; tap < task.taps; ++tap) {
      const std::uint8_t* from = x + task.tap_offsets[tap];
      for (std::int64_t quad = 0; quad < task.quads;
           ++quad, from += kInputQuad, w += kOutputGroup * kInputQuad) {
        const __m512i weights = _mm512_loadu_si512(w);
        for (std::int64_t i = 0; i < kCells; ++i) {
          std::int32_t four;
          std::memcpy(&four, from + i * task.stride, sizeof four);
          sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_set1_epi32(four), weights);
        }
      }
    }
    for (std::int64_t i = 0; i < kCells; ++i) {
      _mm512_storeu_si512(sums + (i * task.groups + group) * kOutputGroup, sum[i]);
    }
  }
}

}  // namespace

PIE_AVX2 void avx2_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                        std::int32_t* sums) {
  if (cells == kCellsAtOnce) return avx2_cells<kCellsAtOnce>(task, x, sums);
  for (std::int64_t i = 0; i < cells; ++i) {
    avx2_cells<1>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
}

PIE_VNNI void vnni_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                        std::int32_t* sums) {
  if (cells == kCellsAtOnce) return vnni_cells<kCellsAtOnce>(task, x, sums);
  for (std::int64_t i = 0; i < cells; ++i) {
    vnni_cells<1>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
}
#endif

}  // namespace pie
