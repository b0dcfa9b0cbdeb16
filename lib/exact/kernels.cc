#include "lib/exact/kernels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
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

// AMX: eight tiles of 16 rows of 64 bytes. Its instructions are written as text, so that any
// compiler's target will do; the compiler itself never touches tiles.
constexpr std::int64_t kTileRows = 16, kTileBytes = 64;
constexpr int kMostSums = 4, kInputs = 4, kWeights = 5;  // tiles 0 to 3 are sums

void configure_tiles(std::int64_t cells, std::int64_t quads) {
  struct alignas(64) {
    std::uint8_t palette = 1, start_row = 0;
    std::array<std::uint8_t, 14> reserved{};
    std::array<std::uint16_t, 16> row_bytes{};
    std::array<std::uint8_t, 16> rows{};
  } config;
  const auto set = [&](std::size_t tile, std::int64_t rows, std::int64_t bytes) {
    config.rows[tile] = static_cast<std::uint8_t>(rows);
    config.row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  };
  for (std::size_t tile = 0; tile < kMostSums; ++tile) set(tile, cells, kTileBytes);
  set(kInputs, cells, quads * kInputQuad);
  set(kWeights, quads, kTileBytes);
  asm volatile("ldtilecfg %0" : : "m"(config));
}

template <int kTile>
void zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}

void load_inputs(const std::uint8_t* from, std::int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kInputs) : "memory");
}

template <int kSum>
void add_products(const std::int8_t* weights) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2"
               :
               : "r"(weights), "r"(kTileBytes), "i"(kWeights)
               : "memory");
  asm volatile("tdpbusd %%tmm%c0, %%tmm%c1, %%tmm%c2" : : "i"(kWeights), "i"(kInputs), "i"(kSum));
}

template <int kSum>
void store_sums(std::int32_t* to, std::int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kSum) : "memory");
}

// The sums of successive groups of outputs, in tiles 0, 1, ...; of `quads` inputs at once.
template <int... kSum>
void tile_groups(const SumsTask& task, std::int64_t group, const std::uint8_t* x,
                 std::int64_t quads, std::int32_t* sums, std::integer_sequence<int, kSum...>) {
  constexpr std::int64_t kQuadBytes = kOutputGroup * kInputQuad;
  const std::int64_t each = task.taps * task.quads * kQuadBytes;  // of a group
  const std::int8_t* w = task.weights + group * each;
  (zero<kSum>(), ...);
  for (std::int64_t tap = 0; tap < task.taps; ++tap) {
    for (std::int64_t quad = 0; quad < task.quads; quad += quads, w += quads * kQuadBytes) {
      load_inputs(x + task.tap_offsets[tap] + quad * kInputQuad, task.stride);
      (add_products<kSum>(w + kSum * each), ...);
    }
  }
  constexpr std::int64_t kRowBytes = kOutputGroup * sizeof *sums;
  (store_sums<kSum>(sums + (group + kSum) * kOutputGroup, task.groups * kRowBytes), ...);
}

// The most inputs that a tile holds and that go into all of them evenly.
std::int64_t quads_at_once(std::int64_t quads) {
  std::int64_t most = kTileBytes / kInputQuad;
  while (quads % most != 0) --most;
  return most;
}

}  // namespace

PIE_AVX2 void avx2_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                        std::int32_t* sums) {
  std::int64_t i = 0;
  for (; i + 4 <= cells; i += 4) {
    avx2_cells<4>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
  for (; i < cells; ++i) {
    avx2_cells<1>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
}

PIE_VNNI void vnni_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                        std::int32_t* sums) {
  std::int64_t i = 0;
  for (; i + 4 <= cells; i += 4) {
    vnni_cells<4>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
  for (; i < cells; ++i) {
    vnni_cells<1>(task, x + i * task.stride, sums + i * task.groups * kOutputGroup);
  }
}

void amx_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells, std::int32_t* sums) {
  const std::int64_t quads = quads_at_once(task.quads);
  std::int64_t configured = 0;
  for (std::int64_t i = 0; i < cells; i += kTileRows) {
    const std::int64_t rows = std::min(kTileRows, cells - i);
    if (rows != configured) configure_tiles(rows, quads);
    configured = rows;
    const std::uint8_t* from = x + i * task.stride;
    std::int32_t* to = sums + i * task.groups * kOutputGroup;
    std::int64_t group = 0;
    for (; group + kMostSums <= task.groups; group += kMostSums) {
      tile_groups(task, group, from, quads, to, std::make_integer_sequence<int, kMostSums>());
    }
    switch (task.groups - group) {
      case 3:
        tile_groups(task, group, from, quads, to, std::make_integer_sequence<int, 3>());
        break;
      case 2:
        tile_groups(task, group, from, quads, to, std::make_integer_sequence<int, 2>());
        break;
      case 1:
        tile_groups(task, group, from, quads, to, std::make_integer_sequence<int, 1>());
        break;
    }
  }
  asm volatile("tilerelease");
}

bool allow_amx() {
  constexpr unsigned kTiles = 1U << 24, kInt8 = 1U << 25;  // of CPUID 7's edx
  constexpr long kAskForState = 0x1023, kTileData = 18;    // ARCH_REQ_XCOMP_PERM
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTiles) != 0 && (d & kInt8) != 0 &&
         syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
}
#endif

}  // namespace pie
