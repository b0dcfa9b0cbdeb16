#include "lib/exact/exact_convolution.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>

#include "lib/base/cpu_clones.h"
#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/exact/kernels.h"

namespace pie {

struct ExactConvolution::Kernel {
  const char* name;
  SumsFunction sums;
};

namespace {

using Kernel = ExactConvolution::Kernel;

std::int64_t padded(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

// Whether a kernel gives the portable one's sums, the largest among them.
bool is_exact(SumsFunction sums) {
  constexpr std::int64_t kGroups = 7, kTaps = 9, kQuads = 3, kStride = kQuads * kInputQuad;
  const CounterRandom random(1, 0);
  std::vector<std::int8_t> weights(kGroups * kTaps * kQuads * kOutputGroup * kInputQuad);
  Bytes x((kCellsAtOnce + kTaps) * kStride);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto bits = static_cast<std::int32_t>(random.bits(i) >> 1);
    weights[i] = static_cast<std::int8_t>(
        bits % 4 == 0 ? kLargestWeight8 : bits % (2 * kLargestWeight8 + 1) - kLargestWeight8);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto bits = random.bits(weights.size() + i);
    x[i] = static_cast<std::uint8_t>(bits % 2 == 0 ? kLargestActivation8 : bits >> 25);
  }
  std::array<std::int64_t, kTaps> offsets{};
  for (std::size_t tap = 0; tap < offsets.size(); ++tap) {
    offsets[tap] = static_cast<std::int64_t>(tap) * kStride;
  }
  const SumsTask task{weights.data(), kGroups, kTaps, kQuads, offsets.data(), kStride};
  for (const std::int64_t cells : {std::int64_t{1}, kCellsAtOnce - 1, kCellsAtOnce}) {
    std::vector<std::int32_t> own(static_cast<std::size_t>(cells * kGroups * kOutputGroup)),
        expected(own.size());
    sums(task, x.data(), cells, own.data());
    portable_sums(task, x.data(), cells, expected.data());
    if (own != expected) return false;
  }
  return true;
}

// Those that this machine has the instructions for and computes rightly, the fastest first: what is
// coded must decode anywhere, on processors too that no test has met.
const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> found;
#if defined(__x86_64__) && defined(__GNUC__)
    if (allow_amx()) found.push_back({"amx", amx_sums});
    if (__builtin_cpu_supports("avx512vnni") != 0) found.push_back({"vnni", vnni_sums});
    if (__builtin_cpu_supports("avx2") != 0) found.push_back({"avx2", avx2_sums});
#endif
    found.push_back({"portable", portable_sums});
    found.erase(std::remove_if(found.begin(), found.end(),
                               [](const Kernel& kernel) { return !is_exact(kernel.sums); }),
                found.end());
    return found;
  }();
  return all;
}

const Kernel* find_kernel(const std::string& name) {
  const auto& all = kernels();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Kernel& k) { return name == k.name; });
  if (found != all.end()) return &*found;
  std::string list;
  for (const auto& kernel : all) list += (list.empty() ? "" : ", ") + std::string(kernel.name);
  throw UsageError("there is no kernel '" + name + "' on this machine; it has " + list);
}

std::atomic<const Kernel*>& current_kernel() {
  static std::atomic<const Kernel*> current = [] {
    const char* wanted = std::getenv("PIE_KERNEL");
    return wanted == nullptr ? kernels().data() : find_kernel(wanted);
  }();
  return current;
}

// What becomes of the sums of a row of outputs.
struct Columns {
  const std::int32_t *bias, *shift, *low, *high;
  std::int64_t count;
};

// The activations of a group of outputs, where y may be `skip`. Loops of a fixed length over values
// of their own are a few instructions.
PIE_INLINE void group_activations(const std::int32_t* sums, const std::int32_t* bias,
                                  std::int32_t shift, const std::uint8_t* skip, std::uint8_t* y) {
  const std::int32_t half = 1 << (shift - 1);
  std::array<std::int32_t, kOutputGroup> value;
  for (std::size_t k = 0; k < value.size(); ++k) value[k] = sums[k] + bias[k] + half;
  if (skip != nullptr) {
    for (std::size_t k = 0; k < value.size(); ++k) value[k] += skip[k] << shift;
  }
  for (std::size_t k = 0; k < value.size(); ++k) {
    y[k] = static_cast<std::uint8_t>(std::min(std::max(value[k] >> shift, 0), kLargestActivation8));
  }
}

// Of `cells` cells; sums are [cells][output_stride].
PIE_CPU_CLONES void to_activations(const std::int32_t* sums, std::int64_t sums_stride,
                                   const std::uint8_t* skip, std::int64_t skip_stride,
                                   const Columns& c, std::int64_t cells, std::uint8_t* y,
                                   std::int64_t y_stride) {
  const std::int64_t whole = c.count / kOutputGroup * kOutputGroup;
  const std::int32_t shift = c.shift[0];
  for (std::int64_t i = 0; i < cells; ++i, sums += sums_stride, y += y_stride) {
    for (std::int64_t k = 0; k < whole; k += kOutputGroup) {
      group_activations(sums + k, c.bias + k, shift, skip == nullptr ? nullptr : skip + k, y + k);
    }
    if (whole < c.count) {
      std::array<std::uint8_t, kOutputGroup> added{}, last;
      if (skip != nullptr) std::copy(skip + whole, skip + c.count, added.begin());
      group_activations(sums + whole, c.bias + whole, shift, added.data(), last.data());
      std::copy_n(last.begin(), c.count - whole, y + whole);
    }
    if (skip != nullptr) skip += skip_stride;
  }
}

PIE_CPU_CLONES void to_indices(const std::int32_t* __restrict__ sums, const Columns& c,
                               std::int64_t cells, std::int16_t* __restrict__ y) {
  for (std::int64_t i = 0; i < cells; ++i, sums += c.count, y += c.count) {
    for (std::int64_t k = 0; k < c.count; ++k) {
      const std::int32_t half = 1 << (c.shift[k] - 1);
      const std::int32_t value = (sums[k] + c.bias[k] + half) >> c.shift[k];
      y[k] = static_cast<std::int16_t>(std::min(std::max(value, c.low[k]), c.high[k]));
    }
  }
}

// Calls use(row, first cell, cells, sums) for all rows from `first` to `last` - 1, a few cells
// at a time.
template <typename Use>
void for_each_sums(SumsTask task, std::int64_t kernel, const ActivationMap& x, std::int64_t first,
                   std::int64_t last, const Use& use) {
  const auto sums_of = current_kernel().load()->sums;
  std::array<std::int64_t, 9> offsets{};
  for (std::int64_t tap = 0; tap < task.taps; ++tap) {
    const std::int64_t radius = kernel / 2;
    offsets[static_cast<std::size_t>(tap)] =
        (tap / kernel - radius) * x.row_stride() + (tap % kernel - radius) * x.stride();
  }
  task.tap_offsets = offsets.data();
  task.stride = x.stride();
  std::vector<std::int32_t> sums(
      static_cast<std::size_t>(kCellsAtOnce * task.groups * kOutputGroup));
  for (std::int64_t row = first; row < last; ++row) {
    const std::uint8_t* cells = x.row(row);
    for (std::int64_t at = 0; at < x.grid().width; at += kCellsAtOnce) {
      const std::int64_t count = std::min(kCellsAtOnce, x.grid().width - at);
      sums_of(task, cells + at * x.stride(), count, sums.data());
      use(row, at, count, sums.data());
    }
  }
}

}  // namespace

ActivationMap::ActivationMap(const CellGrid& grid, std::int64_t channels)
    : grid_(grid),
      channels_(channels),
      stride_(padded(channels, kInputQuad)),
      data_(static_cast<std::size_t>(grid.n * (grid.height + 2) * (grid.width + 2) * stride_)) {}

void ActivationMap::fill(const std::uint8_t* rows) {
  for (std::int64_t y = 0; y < grid_.n * grid_.height; ++y) {
    std::uint8_t* to = row(y);
    for (std::int64_t x = 0; x < grid_.width; ++x, to += stride_, rows += channels_) {
      std::copy_n(rows, channels_, to);
    }
  }
}

ExactConvolution::ExactConvolution(std::int64_t in, std::int64_t kernel,
                                   const std::vector<std::int32_t>& weights,
                                   const std::vector<ExactOutput>& outputs)
    : kernel_(kernel), outputs_(static_cast<std::int64_t>(outputs.size())) {
  const std::int64_t taps = kernel * kernel, quads = padded(in, kInputQuad) / kInputQuad;
  if (in < 1 || outputs_ < 1 || (kernel != 1 && kernel != 3) ||
      static_cast<std::int64_t>(weights.size()) != outputs_ * in * taps) {
    throw UsageError("a convolution has other weights than its sizes say");
  }
  const auto filled = static_cast<std::size_t>(output_stride());
  weights_.resize(static_cast<std::size_t>(output_stride() * taps * quads * kInputQuad));
  bias_.resize(filled);
  shift_.resize(filled, 1);
  low_.resize(filled);
  high_.resize(filled);
  for (std::int64_t o = 0; o < outputs_; ++o) {
    const auto& output = outputs[static_cast<std::size_t>(o)];
    std::int64_t largest =
        std::abs(std::int64_t{output.bias}) +
        (std::int64_t{kLargestActivation8} << std::min(output.shift, kMostActivationShift)) +
        (std::int64_t{1} << output.shift);
    for (std::int64_t c = 0; c < in; ++c) {
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int32_t w = weights[static_cast<std::size_t>((o * in + c) * taps + tap)];
        if (std::abs(w) > kLargestWeight8) throw UsageError("a weight is beyond 8 bits");
        largest += std::int64_t{kLargestActivation8} * std::abs(w);
        const std::int64_t group = o / kOutputGroup;
        const std::int64_t quad = (group * taps + tap) * quads + c / kInputQuad;
        weights_[static_cast<std::size_t>((quad * kOutputGroup + o % kOutputGroup) * kInputQuad +
                                          c % kInputQuad)] = static_cast<std::int8_t>(w);
      }
    }
    if (largest > std::numeric_limits<std::int32_t>::max()) {
      throw UsageError("the sums of a convolution could leave 32 bits");
    }
    const auto k = static_cast<std::size_t>(o);
    bias_[k] = output.bias;
    shift_[k] = output.shift;
    low_[k] = output.low;
    high_[k] = output.high;
  }
}

void ExactConvolution::activations(const ActivationMap& x, const ActivationMap* skip,
                                   ActivationMap& y, std::int64_t first, std::int64_t last) const {
  const Columns columns{bias_.data(), shift_.data(), low_.data(), high_.data(), outputs_};
  const SumsTask task{weights_.data(),   output_stride() / kOutputGroup,
                      kernel_ * kernel_, x.stride() / kInputQuad,
                      nullptr,           0};
  for_each_sums(task, kernel_, x, first, last,
                [&](std::int64_t row, std::int64_t cell, std::int64_t cells, std::int32_t* sums) {
                  const auto* added =
                      skip == nullptr ? nullptr : skip->row(row) + cell * skip->stride();
                  to_activations(sums, output_stride(), added, skip == nullptr ? 0 : skip->stride(),
                                 columns, cells, y.row(row) + cell * y.stride(), y.stride());
                });
}

void ExactConvolution::indices(const ActivationMap& x, std::int16_t* y, std::int64_t first,
                               std::int64_t last) const {
  const Columns columns{bias_.data(), shift_.data(), low_.data(), high_.data(), output_stride()};
  const SumsTask task{weights_.data(),   output_stride() / kOutputGroup,
                      kernel_ * kernel_, x.stride() / kInputQuad,
                      nullptr,           0};
  for_each_sums(
      task, kernel_, x, first, last,
      [&](std::int64_t row, std::int64_t cell, std::int64_t cells, const std::int32_t* sums) {
        to_indices(sums, columns, cells, y + (row * x.grid().width + cell) * output_stride());
      });
}

std::vector<std::string> exact_kernels() {
  std::vector<std::string> names;
  for (const auto& kernel : kernels()) names.emplace_back(kernel.name);
  return names;
}

void use_exact_kernel(const std::string& name) { current_kernel() = find_kernel(name); }

}  // namespace pie
