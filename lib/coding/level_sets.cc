#include "lib/coding/level_sets.h"

#include <algorithm>

namespace pie {
namespace {

constexpr std::uint64_t kAllSlots = std::uint64_t{1} << SetOdds::kMassBits;

}  // namespace

void LevelSets::add(std::uint8_t context, const std::uint8_t* first, std::size_t count) {
  sizes.push_back(static_cast<std::uint8_t>(count));
  contexts.push_back(context);
  levels.insert(levels.end(), first, first + count);
}

void LevelSets::add(const LevelSets& more) {
  sizes.insert(sizes.end(), more.sizes.begin(), more.sizes.end());
  contexts.insert(contexts.end(), more.contexts.begin(), more.contexts.end());
  levels.insert(levels.end(), more.levels.begin(), more.levels.end());
}

bool SetOdds::any_pays(std::size_t first, std::size_t end) const {
  return std::any_of(pays_.begin() + static_cast<std::ptrdiff_t>(first),
                     pays_.begin() + static_cast<std::ptrdiff_t>(end), [](bool p) { return p; });
}

void SetOdds::add(std::size_t context, std::uint32_t mass, bool hit) {
  auto& count = counts_[context];
  ++count.sets;
  count.hits += hit ? 1 : 0;
  count.mass += mass;
}

void SetOdds::settle() {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  constexpr std::uint64_t kMostSets = std::uint64_t{1} << 21;  // so that products fit
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    auto& count = counts_[i];
    while (count.sets > kMostSets) {
      count.sets /= 2;
      count.hits /= 2;
      count.mass /= 2;
    }
    // Hits against misses, over what the mixtures expected of both, in units of 2^-8.
    const std::uint64_t expected = count.mass >> (SetOdds::kMassBits - 8);
    const std::uint64_t all = count.sets << 8;
    const std::uint64_t above = (2 * count.hits + 1) * (all - std::min(all, expected) + 128);
    const std::uint64_t below =
        (2 * (count.sets - std::min(count.sets, count.hits)) + 1) * (expected + 128);
    // Twice the divergence of hits from what was expected, in nats a set, is about
    // (hits - expected)^2 / (expected (all - expected)).
    constexpr std::uint64_t kOneIn = 64;
    const std::uint64_t hits = count.hits << 8;
    const std::uint64_t off = hits > expected ? hits - expected : expected - hits;
    pays_[i] = count.sets > 0 && off * off > expected * (all - std::min(all, expected)) / kOneIn;
    factors_[i] = std::clamp<std::uint64_t>((above << kFactorBits) / below, 1, kMost);
  }
}

SetIntervals::SetIntervals(const Slots* levels, std::size_t count, std::uint64_t factor)
    : levels_(levels), count_(count), factor_(factor) {
  for (std::size_t i = 0; i < count; ++i) {
    before_[i] = mass_;
    mass_ += levels[i].freq;
  }
  before_[count] = mass_;
  total_ = (factor_ * mass_ >> SetOdds::kFactorBits) + kAllSlots - mass_;
}

std::uint32_t SetIntervals::edge(std::size_t i) const {
  if (i > count_) return static_cast<std::uint32_t>(kAllSlots);
  // At least one slot for each interval.
  const std::uint64_t shared = kAllSlots - count_ - 1;
  return static_cast<std::uint32_t>(
      (factor_ * before_[i] >> SetOdds::kFactorBits) * shared / total_ + i);
}

SetIntervals::Slots SetIntervals::interval(std::size_t i) const {
  const auto start = edge(i);
  return {start, edge(i + 1) - start};
}

std::size_t SetIntervals::find(std::uint32_t slot) const {
  std::size_t i = 0;
  while (i < count_ && edge(i + 1) <= slot) ++i;
  return i;
}

SetIntervals::Slots SetIntervals::outside(Slots own) const {
  std::uint64_t first = own.start;
  for (std::size_t i = 0; i < count_ && levels_[i].start < own.start; ++i) {
    first -= levels_[i].freq;
  }
  const std::uint64_t rest = kAllSlots - mass_;
  const auto start = first * kAllSlots / rest, end = (first + own.freq) * kAllSlots / rest;
  return {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(end - start)};
}

std::uint32_t SetIntervals::slot_in_mixture(std::uint32_t slot) const {
  const std::uint64_t rest = kAllSlots - mass_;
  // The last place whose share of all slots begins at `slot` or before.
  auto place = static_cast<std::uint32_t>(((std::uint64_t{slot} + 1) * rest - 1) / kAllSlots);
  for (std::size_t i = 0; i < count_ && levels_[i].start <= place; ++i) place += levels_[i].freq;
  return place;
}

}  // namespace pie
