// How convolutions of small integers are summed up: one function for each kind of CPU.
#pragma once

#include <cstdint>

namespace pie {

// Outputs and inputs that are summed up together: both are filled up to multiples of these.
inline constexpr std::int64_t kOutputGroup = 16, kInputQuad = 4;

// What a kernel needs to know of a convolution.
struct SumsTask {
  const std::int8_t* weights;        // [group][tap][in / 4][16][4]
  std::int64_t groups, taps, quads;  // of 16 outputs; 1 or 9; of 4 inputs
  const std::int64_t* tap_offsets;   // bytes from a cell to its neighbours
  std::int64_t stride;               // bytes from a cell to the next
};

// The sums of `cells` successive cells, at most kCellsAtOnce, [cells][groups][16]; `x` is the
// first.
inline constexpr std::int64_t kCellsAtOnce = 32;
using SumsFunction = void (*)(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                              std::int32_t* sums);

void portable_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells,
                   std::int32_t* sums);
#if defined(__x86_64__) && defined(__GNUC__)
void avx2_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells, std::int32_t* sums);
void vnni_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells, std::int32_t* sums);
void amx_sums(const SumsTask& task, const std::uint8_t* x, std::int64_t cells, std::int32_t* sums);

// Asks the system for this process's right to tiles, without which amx_sums ends in SIGILL. False
// where the processor has none, or the system gives none.
bool allow_amx();
#endif

}  // namespace pie
