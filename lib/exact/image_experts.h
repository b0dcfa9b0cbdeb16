// What an image as a whole says of its next samples: which colours it has, and how often samples
// repeat their neighbours. Learned while it is coded, alike by encoder and decoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/parts.h"
#include "lib/coding/level_sets.h"
#include "lib/exact/walk.h"

namespace pie {

// The levels of a channel that were seen together with those of the channels before it.
class SeenLevels {
 public:
  // `channel`: 0, 1 or 2, so many levels are given.
  explicit SeenLevels(int channel);

  void add(const std::uint8_t* given, std::uint8_t level);
  // How many levels were seen.
  std::size_t count(const std::uint8_t* given) const { return counts_[place(given)]; }
  // Ascending.
  std::size_t levels(const std::uint8_t* given, std::uint8_t* to) const;
  // How many samples were seen, up to 255.
  int samples(const std::uint8_t* given) const { return samples_[place(given)]; }

 private:
  std::size_t place(const std::uint8_t* given) const;

  int channel_;
  std::vector<std::uint64_t> bits_;  // 256 for each combination of given levels
  Bytes counts_, samples_;
};

// The experts of one item, or of none: items of a block share nothing.
class ImageExperts {
 public:
  explicit ImageExperts(std::int64_t channels);

  // Sets for the samples of a plane, in a grid of one item. `parts`: of rows.
  LevelSets sets(const ExactPlane& plane, const Surroundings& around, const Parts& parts) const;
  // `levels`: the samples of the plane.
  void learn(const ExactPlane& plane, const Surroundings& around, const Bytes& levels);

  SetOdds& odds() { return odds_; }

 private:
  void add_row(const ExactPlane& plane, const Surroundings& around, std::int64_t y,
               LevelSets& to) const;

  std::vector<SeenLevels> seen_;  // of each channel, up to three
  SetOdds odds_;
};

}  // namespace pie
