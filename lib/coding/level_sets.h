// Levels that a sample is one of more often, or less, than its mixture says: what is known of the
// image as a whole, and learned while it is coded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pie {

// Of each sample of a plane a set of levels, which may be empty.
struct LevelSets {
  static constexpr std::size_t kMostLevels = 24;  // of one set

  void add(std::uint8_t context, const std::uint8_t* first, std::size_t count);
  void add(const LevelSets& more);
  void add_none() { sizes.push_back(0), contexts.push_back(0); }

  std::vector<std::uint8_t> sizes;     // of each sample's set
  std::vector<std::uint8_t> contexts;  // by which odds are learned
  std::vector<std::uint8_t> levels;    // of all sets, each ascending
};

// By how much the odds of the sets of each context differ from those of the mixtures. What a plane
// teaches counts from the next one on.
class SetOdds {
 public:
  static constexpr int kContexts = 64;
  static constexpr int kFactorBits = 10;  // of a factor, behind the point
  static constexpr int kMassBits = 24;    // of a mixture's share of a set

  // The factor of the odds, times 2^10: from 1 to 2^20.
  std::uint64_t factor(std::size_t context) const { return factors_[context]; }
  // Whether the sets of a context say more than the mixtures, by about a hundredth of a bit each.
  bool pays(std::size_t context) const { return pays_[context]; }
  // Of the contexts from `first` to `end` - 1, whether one pays.
  bool any_pays(std::size_t first, std::size_t end) const;
  // A set with `mass` of 2^24 has the sample's level, or not.
  void add(std::size_t context, std::uint32_t mass, bool hit);
  // The end of a plane.
  void settle();

  SetOdds() { settle(); }

 private:
  struct Count {
    std::uint64_t sets = 0, hits = 0, mass = 0;
  };
  std::array<Count, kContexts> counts_{};
  std::array<std::uint64_t, kContexts> factors_{};
  std::array<bool, kContexts> pays_{};
};

// How the slots of one sample, 2^24, are shared between its set and the other levels: first one
// interval for each level of the set, then one for all others.
class SetIntervals {
 public:
  struct Slots {
    std::uint32_t start, freq;
  };
  // `starts` and `freqs`: of the set's levels in the mixture, of 2^24.
  SetIntervals(const Slots* levels, std::size_t count, std::uint64_t factor);

  std::uint32_t mass() const { return mass_; }
  // Of level number `i` of the set; `count` stands for all others.
  Slots interval(std::size_t i) const;
  // The number of the level, or `count`, that owns a slot.
  std::size_t find(std::uint32_t slot) const;

  // Where the set's levels are taken out, the rest fills all of 2^24 slots: the interval of a level
  // that is not in the set, from its own in the mixture.
  Slots outside(Slots own) const;
  // A slot of the mixture that belongs to the level which owns `slot` of that.
  std::uint32_t slot_in_mixture(std::uint32_t slot) const;

 private:
  std::uint32_t edge(std::size_t i) const;  // where interval `i` begins

  const Slots* levels_;
  std::size_t count_;
  std::uint64_t factor_;
  std::uint32_t mass_ = 0;
  std::uint64_t total_;
  std::array<std::uint32_t, LevelSets::kMostLevels + 1> before_{};  // mass of the levels before
};

}  // namespace pie
