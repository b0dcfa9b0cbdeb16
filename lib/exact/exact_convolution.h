// The layers of an exact PIE's networks: convolutions of small integers, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/exact/features.h"
#include "lib/exact/kernels.h"

namespace pie {

inline constexpr std::int32_t kLargestActivation8 = 127;  // of activations; they are at least 0
inline constexpr std::int32_t kLargestWeight8 = 127;      // |w|
inline constexpr int kMostActivationShift = 11;           // of layers of activations

// Activations of n images, [n, height + 2, width + 2, stride]: cells with a border of zeros, so
// that convolutions see zeros beyond an edge. Channels are filled up to a multiple of 4 with zeros.
class ActivationMap {
 public:
  ActivationMap() = default;
  ActivationMap(const CellGrid& grid, std::int64_t channels);

  const CellGrid& grid() const { return grid_; }
  std::int64_t channels() const { return channels_; }
  std::int64_t stride() const { return stride_; }  // bytes of a cell
  std::int64_t row_stride() const { return (grid_.width + 2) * stride_; }
  // The first cell of a row; rows of all images are counted through.
  const std::uint8_t* row(std::int64_t row) const { return data_.data() + offset(row); }
  std::uint8_t* row(std::int64_t row) { return data_.data() + offset(row); }

  // Takes over rows of `channels` features, cell by cell.
  void fill(const std::uint8_t* rows);

 private:
  std::int64_t offset(std::int64_t row) const {
    const std::int64_t above = row / grid_.height * 2 + 1;
    return ((row + above) * (grid_.width + 2) + 1) * stride_;
  }
  CellGrid grid_{};
  std::int64_t channels_ = 0, stride_ = 0;
  Bytes data_;
};

// y = clamp((conv(x, w) + b + 2^shift skip + 2^(shift - 1)) / 2^shift, low, high); the division
// rounds down. shift is at least 1; low and high have 16 bits. Activations have the same shift in
// all outputs of a layer, 11 at most, and are 0 to 127; indices have no skip.
struct ExactOutput {
  std::int32_t bias, shift, low, high;
};

class ExactConvolution {
 public:
  // `weights`: [out, in, kernel, kernel] with kernel 1 or 3, |w| <= 127. Throws UsageError where
  // sums could leave 32 bits, or weights their range.
  ExactConvolution(std::int64_t in, std::int64_t kernel, const std::vector<std::int32_t>& weights,
                   const std::vector<ExactOutput>& outputs);

  std::int64_t outputs() const { return outputs_; }
  // outputs() filled up.
  std::int64_t output_stride() const {
    return (outputs_ + kOutputGroup - 1) / kOutputGroup * kOutputGroup;
  }

  // The rows `first` ... `last` - 1 of y, which may be `skip` but not `x`. `skip`: null, or
  // activations to add.
  void activations(const ActivationMap& x, const ActivationMap* skip, ActivationMap& y,
                   std::int64_t first, std::int64_t last) const;
  // The same without skips of outputs of any range, [cells, output_stride()].
  void indices(const ActivationMap& x, std::int16_t* y, std::int64_t first,
               std::int64_t last) const;

  // How sums are computed: a row of the table of kernels that this machine has.
  struct Kernel;

 private:
  std::int64_t kernel_, outputs_;
  std::vector<std::int8_t> weights_;                     // [group][tap][in / 4][kOutputGroup][4]
  std::vector<std::int32_t> bias_, shift_, low_, high_;  // of each output, filled up
};

// The names of the kernels that this machine can run, the fastest first; "portable" is the last.
std::vector<std::string> exact_kernels();
// Computes with this kernel from now on. The default is the environment's PIE_KERNEL, or the
// fastest. All give the same. Throws UsageError naming those that there are.
void use_exact_kernel(const std::string& name);

}  // namespace pie
