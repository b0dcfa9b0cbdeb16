#include "lib/exact/image_experts.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pie {
namespace {

constexpr std::size_t kLevels = 256, kWordBits = 64, kWords = kLevels / kWordBits;
constexpr std::size_t kMostChannels = 3;

// Contexts: 1 to 15 by the pattern of the neighbours and by whether the channel before was one of
// its own; from 16 on by how many levels and samples were seen.
constexpr std::size_t kFirstNear = 1, kFirstSeen = 16;

using FourLevels = std::array<std::uint8_t, 4>;

bool has(const FourLevels& four, std::uint8_t level) {
  return std::find(four.begin(), four.end(), level) != four.end();
}

bool all_alike(const FourLevels& four) {
  return four[0] == four[1] && four[1] == four[2] && four[2] == four[3];
}

FourLevels ascending(FourLevels four) {
  const auto order = [&](std::size_t i, std::size_t j) {
    if (four[j] < four[i]) std::swap(four[i], four[j]);
  };
  for (const auto& [i, j] : {std::pair{0, 1}, {2, 3}, {0, 2}, {1, 3}, {1, 2}}) {
    order(static_cast<std::size_t>(i), static_cast<std::size_t>(j));
  }
  return four;
}

// Of ascending levels: 0 if all are alike; then 3 + 1, 2 + 2, 2 + 1 + 1, all different.
std::size_t pattern_of(const FourLevels& four) {
  constexpr std::array<std::size_t, 8> kOfPairs{4, 3, 3, 1, 3, 2, 1, 0};
  return kOfPairs[(four[0] == four[1] ? 1U : 0U) | (four[1] == four[2] ? 2U : 0U) |
                  (four[2] == four[3] ? 4U : 0U)];
}

std::size_t size_class(std::size_t n) {
  std::size_t result = 0;
  while (n > 1 && result < 5) {
    n = (n + 1) / 2;
    ++result;
  }
  return result;
}

std::size_t seen_context(std::size_t levels, int samples) {
  const std::size_t often = samples < 2 ? 0 : samples < 4 ? 1 : samples < 16 ? 2 : 3;
  return kFirstSeen + 4 * size_class(levels) + often;
}

}  // namespace

SeenLevels::SeenLevels(int channel)
    : channel_(channel),
      bits_(kWords << (8 * channel)),
      counts_(std::size_t{1} << (8 * channel)),
      samples_(counts_.size()) {}

std::size_t SeenLevels::place(const std::uint8_t* given) const {
  std::size_t result = 0;
  for (int c = 0; c < channel_; ++c) result = result << 8 | given[c];
  return result;
}

void SeenLevels::add(const std::uint8_t* given, std::uint8_t level) {
  const std::size_t at = place(given);
  auto& word = bits_[at * kWords + level / kWordBits];
  const std::uint64_t bit = std::uint64_t{1} << (level % kWordBits);
  if ((word & bit) == 0 && counts_[at] < 255) ++counts_[at];
  word |= bit;
  if (samples_[at] < 255) ++samples_[at];
}

std::size_t SeenLevels::levels(const std::uint8_t* given, std::uint8_t* to) const {
  const std::uint64_t* words = bits_.data() + place(given) * kWords;
  std::size_t count = 0;
  for (std::size_t w = 0; w < kWords; ++w) {
    for (std::uint64_t left = words[w]; left != 0; left &= left - 1) {
      to[count++] = static_cast<std::uint8_t>(w * kWordBits +
                                              static_cast<std::size_t>(__builtin_ctzll(left)));
    }
  }
  return count;
}

ImageExperts::ImageExperts(std::int64_t channels) {
  for (std::int64_t c = 0; c < std::min<std::int64_t>(channels, kMostChannels); ++c) {
    seen_.emplace_back(static_cast<int>(c));
  }
}

LevelSets ImageExperts::sets(const ExactPlane& plane, const Surroundings& around,
                             const Parts& parts) const {
  std::vector<LevelSets> found(static_cast<std::size_t>(plane.rows));  // where a part begins
  parts(plane.rows, [&](std::int64_t begin, std::int64_t end) {
    for (auto y = begin; y < end; ++y) {
      add_row(plane, around, y, found[static_cast<std::size_t>(begin)]);
    }
  });
  LevelSets result;
  for (const auto& part : found) result.add(part);
  return result;
}

void ImageExperts::add_row(const ExactPlane& plane, const Surroundings& around, std::int64_t y,
                           LevelSets& to) const {
  // Contexts that did not pay so far are asked now and then.
  constexpr std::size_t kProbe = 16, kFew = 4096;
  const bool all = plane.samples() < static_cast<std::int64_t>(kFew);
  const bool near_pays = odds_.any_pays(kFirstNear, kFirstSeen),
             seen_pays = odds_.any_pays(kFirstSeen, SetOdds::kContexts);
  const auto channel = static_cast<std::size_t>(plane.channel);
  const auto neighbours = [&](std::size_t c, std::int64_t x) {
    return neighbour_levels((*around.coarse)[c].data(), (*around.diagonal)[c].data(), around.grid,
                            plane.phase, y, x);
  };
  std::array<std::uint8_t, kMostChannels> given{};
  std::array<std::uint8_t, kLevels> levels;
  const bool first_scale = around.coarse == nullptr;
  for (std::int64_t x = 0; x < plane.columns; ++x) {
    const bool probe = all || static_cast<std::size_t>(y * plane.columns + x) % kProbe == 0;
    const auto wanted = [&](std::size_t context) { return probe || odds_.pays(context); };
    const auto cell = static_cast<std::size_t>(y * around.grid.width + x);
    if ((probe || seen_pays) && channel < seen_.size()) {
      for (std::size_t c = 0; c < channel; ++c) given[c] = (*around.before)[c][cell];
      const std::size_t seen = seen_[channel].count(given.data());
      if (seen > 0 && seen <= LevelSets::kMostLevels) {
        const auto context = seen_context(seen, seen_[channel].samples(given.data()));
        if (wanted(context) && (first_scale || !all_alike(neighbours(channel, x)))) {
          to.add(static_cast<std::uint8_t>(context), levels.data(),
                 seen_[channel].levels(given.data(), levels.data()));
          continue;
        }
      }
    }
    if ((probe || near_pays) && !first_scale) {
      auto near = ascending(neighbours(channel, x));
      std::size_t before = 2;
      if (channel > 0) {
        before = has(neighbours(channel - 1, x), (*around.before)[channel - 1][cell]) ? 1 : 0;
      }
      const std::size_t context = kFirstNear + 3 * pattern_of(near) + before;
      if (wanted(context)) {
        const auto* end = std::unique(near.begin(), near.end());
        to.add(static_cast<std::uint8_t>(context), near.data(),
               static_cast<std::size_t>(end - near.begin()));
        continue;
      }
    }
    to.add_none();
  }
}

void ImageExperts::learn(const ExactPlane& plane, const Surroundings& around, const Bytes& levels) {
  const auto channel = static_cast<std::size_t>(plane.channel);
  if (channel >= seen_.size()) return;
  std::array<std::uint8_t, kMostChannels> given{};
  auto level = levels.begin();
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    for (std::int64_t x = 0; x < plane.columns; ++x, ++level) {
      const auto cell = static_cast<std::size_t>(y * around.grid.width + x);
      for (std::size_t c = 0; c < channel; ++c) given[c] = (*around.before)[c][cell];
      seen_[channel].add(given.data(), *level);
    }
  }
}

}  // namespace pie
