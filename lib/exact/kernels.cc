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

// A product waits for the one before it, so that several groups of outputs take turns.
template <std::int64_t kCells, std::int64_t kGroups>
PIE_VNNI inline void vnni_cells(const SumsTask& task, std::int64_t group, const std::uint8_t* x,
                                std::int32_t* sums) {
  const std::int64_t each = task.taps * task.quads * kOutputGroup * kInputQuad;  // of a group
  const std::int8_t* w = task.weights + group * each;
  __m512i sum[kGroups][kCells];
  for (auto& of_group : sum) {
    for (auto& one : of_group) one = _mm512_setzero_si512();
  }
  for (std::int64_t tap = 0; tap < task.taps; ++tap) {
    const std::uint8_t* from = x + task.tap_offsets[tap];
    for (std::int64_t quad = 0; quad < task.quads;
         ++quad, from += kInputQuad, w += kOutputGroup * kInputQuad) {
      __m512i weights[kGroups];
      for (std::int64_t g = 0; g < kGroups; ++g) weights[g] = _mm512_loadu_si512(w + g * each);
      for (std::int64_t i = 0; i < kCells; ++i) {
        std::int32_t four;
        std::memcpy(&four, from + i * task.stride, sizeof four);
        const __m512i inputs = _mm512_set1_epi32(four);
        for (std::int64_t g = 0; g < kGroups; ++g) {
          sum[g][i] = _mm512_dpbusd_epi32(sum[g][i], inputs, weights[g]);
        }
      }
    }
  }
  for (std::int64_t g = 0; g < kGroups; ++g) {
    for (std::int64_t i = 0; i < kCells; ++i) {
      _mm512_storeu_si512(sums + (i * task.groups + group + g) * kOutputGroup, sum[g][i]);
    }
  }
}

template <std::int64_t kCells>
PIE_VNNI inline void vnni_cells(const SumsTask& task, const std::uint8_t* x, std::int32_t* sums) {
  std::int64_t group = 0;
  for (; group + 3 <= task.groups; group += 3) vnni_cells<kCells, 3>(task, group, x, sums);
  for (; group < task.groups; ++group) vnni_cells<kCells, 1>(task, group, x, sums);
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
