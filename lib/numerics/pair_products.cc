#include "lib/numerics/pair_products.h"

#include <cstring>

#include "lib/numerics/element.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define PIE_PAIR_PRODUCTS
#include <immintrin.h>
#endif

namespace pie {
PackedMatrix pack(const float* matrix, std::int64_t inner, std::int64_t outer,
                  std::int64_t inner_stride, std::int64_t outer_stride) {
  PackedMatrix packed{(inner + 1) / 2, round_up(outer, kVector), {}};
  packed.values.resize(static_cast<std::size_t>(2 * packed.pairs * packed.columns));
  for (std::int64_t i = 0; i < inner; ++i) {
    at::BFloat16* to = packed.values.data() + i / 2 * 2 * packed.columns + i % 2;
    const float* from = matrix + i * inner_stride;
    for (std::int64_t o = 0; o < outer; ++o)
      Element<at::BFloat16>::store(to[2 * o], from[o * outer_stride]);
  }
  return packed;
}

#ifdef PIE_PAIR_PRODUCTS
namespace {

#define PIE_PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define PIE_PAIRS_INLINE PIE_PAIRS __attribute__((always_inline)) inline
// Sums must stay in registers, whatever the level of optimisation: their loops unroll.
#define PIE_UNROLL _Pragma("GCC unroll 24")

// As many rows at once as there are registers for sums.
template <int kVectors>
constexpr int rows_at_once() {
  return kRowsAtOnce / kVectors;
}

PIE_PAIRS_INLINE __m512i load_pair(const at::BFloat16* from) {
  std::int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return _mm512_set1_epi32(pair);
}

// sums[r][v] += sum over pairs of x's pair of row r times w's pairs of vector v.
template <int kRows, int kVectors>
PIE_PAIRS_INLINE void add_pairs(const at::BFloat16* x, std::int64_t row_step,
                                std::int64_t pair_step, const at::BFloat16* w, std::int64_t w_step,
                                std::int64_t pairs, __m512 (&sums)[kRows][kVectors]) {
  for (std::int64_t p = 0; p < pairs; ++p, x += pair_step, w += w_step) {
    __m512i factors[kVectors];
    PIE_UNROLL
    for (int v = 0; v < kVectors; ++v) factors[v] = _mm512_loadu_si512(w + 2 * kVector * v);
    PIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const __m512i inputs = load_pair(x + r * row_step);
      PIE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], reinterpret_cast<__m512bh>(inputs),
                                      reinterpret_cast<__m512bh>(factors[v]));
      }
    }
  }
}

PIE_PAIRS_INLINE void store_rounded(__m512 v, at::BFloat16* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
}

// What becomes of the sums of a vector of columns, from column `c` on, of rows `row` and so on.
struct ToRelu {
  const float* bias;
  at::BFloat16* out;
  std::int64_t stride;
  template <int kRows>
  PIE_PAIRS_INLINE void operator()(std::int64_t row, std::int64_t c, __m512 (&sums)[kRows]) const {
    const __m512 b = _mm512_loadu_ps(bias + c);
    PIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      // The order lets a NaN pass: it must reach the check that names it. The mask, of all, keeps
      // GCC from warning of a register that it does not use.
      const __m512 v = _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), _mm512_add_ps(sums[r], b));
      store_rounded(v, out + (row + r) * stride + c);
    }
  }
};

struct ToMasked {
  const at::BFloat16* passed;
  at::BFloat16* out;
  float* column_sums;
  std::int64_t stride, rows;
  template <int kRows>
  PIE_PAIRS_INLINE void operator()(std::int64_t row, std::int64_t c, __m512 (&sums)[kRows]) const {
    __m512 total = _mm512_loadu_ps(column_sums + c);
    PIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t at = (row + r) * stride + c;
      const auto outputs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(passed + at));
      // As an integer it is positive where the number is.
      const __mmask16 positive = _mm256_cmpgt_epi16_mask(outputs, _mm256_setzero_si256());
      const __m512 v = _mm512_maskz_mov_ps(row + r < rows ? positive : __mmask16{0}, sums[r]);
      total = _mm512_add_ps(total, v);
      store_rounded(v, out + at);
    }
    _mm512_storeu_ps(column_sums + c, total);
  }
};

struct ToFloat {
  float* out;
  std::int64_t stride;
  template <int kRows>
  PIE_PAIRS_INLINE void operator()(std::int64_t row, std::int64_t c, __m512 (&sums)[kRows]) const {
    PIE_UNROLL
    for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(out + (row + r) * stride + c, sums[r]);
  }
};

// Some vectors of columns of x w.
template <int kVectors, typename Use>
PIE_PAIRS_INLINE void multiply_vectors(const RowMatrix& x, const PackedMatrix& w, std::int64_t c,
                                       const Use& use) {
  constexpr int kRows = rows_at_once<kVectors>();
  for (std::int64_t row = 0; row < x.rows; row += kRows) {
    __m512 sums[kRows][kVectors];
    PIE_UNROLL
    for (int i = 0; i < kRows * kVectors; ++i) {
      sums[i / kVectors][i % kVectors] = _mm512_setzero_ps();
    }
    add_pairs<kRows, kVectors>(x.values + row * x.stride, x.stride, 2, w.values.data() + 2 * c,
                               2 * w.columns, w.pairs, sums);
    PIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      __m512 column[kRows];
      PIE_UNROLL
      for (int r = 0; r < kRows; ++r) column[r] = sums[r][v];
      use(row, c + v * kVector, column);
    }
  }
}

template <typename Use>
PIE_PAIRS_INLINE void multiply_all(const RowMatrix& x, const PackedMatrix& w, const Use& use) {
  std::int64_t c = 0;
  for (; c + 4 * kVector <= w.columns; c += 4 * kVector) multiply_vectors<4>(x, w, c, use);
  switch ((w.columns - c) / kVector) {
    case 3:
      return multiply_vectors<3>(x, w, c, use);
    case 2:
      return multiply_vectors<2>(x, w, c, use);
    case 1:
      return multiply_vectors<1>(x, w, c, use);
  }
}

// Some vectors of columns of `add_products`.
template <int kVectors>
PIE_PAIRS_INLINE void add_products_of(const RowMatrix& x, std::int64_t inputs, const RowMatrix& y,
                                      std::int64_t c, float* out) {
  constexpr int kRows = rows_at_once<kVectors>();
  for (std::int64_t i = 0; i < inputs; i += kRows) {
    float* to = out + i * y.stride + c;
    __m512 sums[kRows][kVectors];
    PIE_UNROLL
    for (int k = 0; k < kRows * kVectors; ++k) {
      const int r = k / kVectors, v = k % kVectors;
      sums[r][v] = _mm512_loadu_ps(to + r * y.stride + v * kVector);
    }
    add_pairs<kRows, kVectors>(x.values + 2 * i, 2, 2 * x.stride, y.values + 2 * c, 2 * y.stride,
                               x.rows / 2, sums);
    PIE_UNROLL
    for (int k = 0; k < kRows * kVectors; ++k) {
      const int r = k / kVectors, v = k % kVectors;
      _mm512_storeu_ps(to + r * y.stride + v * kVector, sums[r][v]);
    }
  }
}

}  // namespace

bool has_pair_products() {
  return __builtin_cpu_supports("avx512bf16") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}

PIE_PAIRS void multiply_relu(const RowMatrix& x, const PackedMatrix& w, const float* bias,
                             at::BFloat16* out) {
  multiply_all(x, w, ToRelu{bias, out, w.columns});
}

PIE_PAIRS void multiply_masked(const RowMatrix& x, const PackedMatrix& w,
                               const at::BFloat16* passed, at::BFloat16* out, float* sums) {
  multiply_all(x, w, ToMasked{passed, out, sums, w.columns, x.rows});
}

PIE_PAIRS void multiply(const RowMatrix& x, const PackedMatrix& w, float* out) {
  multiply_all(x, w, ToFloat{out, w.columns});
}

PIE_PAIRS void pair_rows(const RowMatrix& x, at::BFloat16* out) {
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (std::int64_t r = 0; r < x.rows; r += 2) {
    for (std::int64_t c = 0; c < x.stride; c += kPairColumns, out += 2 * kPairColumns) {
      const at::BFloat16* from = x.values + r * x.stride + c;
      const __m512i a = _mm512_loadu_si512(from), b = _mm512_loadu_si512(from + x.stride);
      const __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
      _mm512_storeu_si512(out, _mm512_permutex2var_epi64(low, first, high));
      _mm512_storeu_si512(out + kPairColumns, _mm512_permutex2var_epi64(low, second, high));
    }
  }
}

PIE_PAIRS void add_products(const RowMatrix& x, std::int64_t inputs, const RowMatrix& y,
                            float* out) {
  std::int64_t c = 0;
  for (; c + 4 * kVector <= y.stride; c += 4 * kVector) add_products_of<4>(x, inputs, y, c, out);
  if (c < y.stride) add_products_of<2>(x, inputs, y, c, out);
}

#else

bool has_pair_products() { return false; }
void multiply_relu(const RowMatrix&, const PackedMatrix&, const float*, at::BFloat16*) {}
void multiply_masked(const RowMatrix&, const PackedMatrix&, const at::BFloat16*, at::BFloat16*,
                     float*) {}
void multiply(const RowMatrix&, const PackedMatrix&, float*) {}
void pair_rows(const RowMatrix&, at::BFloat16*) {}
void add_products(const RowMatrix&, std::int64_t, const RowMatrix&, float*) {}

#endif

}  // namespace pie
