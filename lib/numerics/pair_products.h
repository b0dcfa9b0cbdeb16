// Products of small matrices of bfloat16, summed up in float32, for processors with an instruction
// that adds two products at once (AVX-512 BF16). Both factors come as pairs along what is summed
// over. Plain memory, row by row; all of it may be read and written up to the next multiple of
// kRowsAtOnce rows.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <vector>

namespace pie {

// Columns come in multiples of a vector, where rows are paired of two. Rows are worked on in groups
// whose sizes divide kRowsAtOnce; in what is written behind the last row may be anything.
inline constexpr std::int64_t kVector = 16, kPairColumns = 2 * kVector, kRowsAtOnce = 24;

inline constexpr std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Whether this processor has the instruction, without which nothing below may be called but
// `pack`.
bool has_pair_products();

// The second factor of a product: a matrix [inner, outer] as [inner/2][outer][2], both filled up
// with zeros.
struct PackedMatrix {
  std::int64_t pairs, columns;  // columns: outer, up to the next multiple of kVector
  std::vector<c10::BFloat16> values;
};

// `matrix`[i * inner_stride + o * outer_stride], rounded.
PackedMatrix pack(const float* matrix, std::int64_t inner, std::int64_t outer,
                  std::int64_t inner_stride, std::int64_t outer_stride);

// The first factor: rows of bfloat16, `stride` numbers apart, of which 2 * pairs count.
struct RowMatrix {
  const c10::BFloat16* values;
  std::int64_t rows, stride;
};

// out = relu(x w + bias). bias: w's columns; out: rows of w's columns.
void multiply_relu(const RowMatrix& x, const PackedMatrix& w, const float* bias,
                   c10::BFloat16* out);

// out = x w where `passed` > 0, else 0, and in the row behind an odd number of them; the sums of
// its columns are added to `sums`. passed, out: rows of w's columns.
void multiply_masked(const RowMatrix& x, const PackedMatrix& w, const c10::BFloat16* passed,
                     c10::BFloat16* out, float* sums);

// out = x w. out: rows of w's columns.
void multiply(const RowMatrix& x, const PackedMatrix& w, float* out);

// Pairs along the rows: out[r/2][c][r%2] = x[r][c]. rows: even; stride: a multiple of
// kPairColumns.
void pair_rows(const RowMatrix& x, c10::BFloat16* out);

// out[i][o] += sum over rows of x[r][i] y[r][o], both by `pair_rows`. out: [inputs, up to the next
// multiple of kRowsAtOnce][y's stride]; x is read as far.
void add_products(const RowMatrix& x, std::int64_t inputs, const RowMatrix& y, float* out);

}  // namespace pie
