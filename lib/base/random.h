// Random numbers that depend on (seed, stream, index) alone: value k is the same whether it is
// drawn alone, in a batch of any size, or after a resume.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pie {

// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3" (SC 2011): a bijection of the counter for each key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

// One stream of random values out of 2^64 for each seed. Uniforms, normals and permutations of one
// stream are independent of each other. Indices must be below 2^62.
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  std::uint32_t bits(std::uint64_t index) const;  // 32 random bits
  float uniform(std::uint64_t index) const;  // in [0, 1), a multiple of 2^-24, from bits(index)

  // Standard normal: Box-Muller in double on two 53-bit uniforms. The last bit of the double may
  // depend on the C library's log and cos.
  double normal(std::uint64_t index) const;

  // Values first, first + 1, ..., first + count - 1.
  void fill_uniform(float* out, std::size_t count, std::uint64_t first = 0) const;
  void fill_normal(float* out, std::size_t count, std::uint64_t first = 0) const;

  // A uniformly random order of 0 ... count-1 (Fisher-Yates), for the order of a data set.
  std::vector<std::uint32_t> permutation(std::uint32_t count) const;

 private:
  // Kinds of values draw from disjoint counters.
  enum class Kind : std::uint64_t { kBits = 0, kNormal = 1, kPermutation = 2 };
  std::array<std::uint32_t, 4> block(Kind kind, std::uint64_t index) const;
  std::array<double, 2> normal_pair(std::uint64_t index) const;

  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace pie
