#include "lib/base/random.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace pie {
namespace {

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

float to_uniform(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24F; }

// In (0, 1): never 0, so that its logarithm is finite.
double to_open_uniform(std::uint32_t hi, std::uint32_t lo) {
  const std::uint64_t bits = (std::uint64_t{hi} << 32 | lo) >> 12;
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {high(p1) ^ counter[1] ^ key[0], low(p1), high(p0) ^ counter[3] ^ key[1], low(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::array<std::uint32_t, 4> CounterRandom::block(Kind kind, std::uint64_t index) const {
  const std::uint64_t position = static_cast<std::uint64_t>(kind) << 62 | index;
  return philox4x32({low(position), high(position), low(stream_), high(stream_)},
                    {low(seed_), high(seed_)});
}

std::array<double, 2> CounterRandom::normal_pair(std::uint64_t index) const {
  constexpr double kTwoPi = 6.283185307179586;
  const auto words = block(Kind::kNormal, index);
  const double radius = std::sqrt(-2.0 * std::log(to_open_uniform(words[0], words[1])));
  const double angle = kTwoPi * to_open_uniform(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

std::uint32_t CounterRandom::bits(std::uint64_t index) const {
  return block(Kind::kBits, index / 4)[index % 4];
}

float CounterRandom::uniform(std::uint64_t index) const { return to_uniform(bits(index)); }

double CounterRandom::normal(std::uint64_t index) const {
  return normal_pair(index / 2)[index % 2];
}

void CounterRandom::fill_uniform(float* out, std::size_t count, std::uint64_t first) const {
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t index = first + i;
    if (i == 0 || index % 4 == 0) words = block(Kind::kBits, index / 4);
    out[i] = to_uniform(words[index % 4]);
  }
}

void CounterRandom::fill_normal(float* out, std::size_t count, std::uint64_t first) const {
  std::array<double, 2> pair{};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t index = first + i;
    if (i == 0 || index % 2 == 0) pair = normal_pair(index / 2);
    out[i] = static_cast<float>(pair[index % 2]);
  }
}

std::vector<std::uint32_t> CounterRandom::permutation(std::uint32_t count) const {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t i = count; i > 1; --i) {
    const auto words = block(Kind::kPermutation, i);
    // 64 random bits, so that the remainder's bias stays below 2^-32.
    const std::uint64_t draw = std::uint64_t{words[1]} << 32 | words[0];
    std::swap(order[i - 1], order[static_cast<std::size_t>(draw % i)]);
  }
  return order;
}

}  // namespace pie
