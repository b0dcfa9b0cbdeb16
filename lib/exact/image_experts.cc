#include "lib/exact/image_experts.h"

#include <algorithm>
#include <array>

namespace pie {
namespace {

constexpr std::size_t kLevels = 256, kWordBits = 64, kWords = kLevels / kWordBits;
constexpr std::size_t kMostChannels = 3;

// Contexts: 1 to 15 by the pattern of the neighbours and by whether the channel before was one of
// its own; from 16 on by how many levels and samples were seen.
constexpr std::size_t kFirstSeen = 16;

// The four neighbours of a sample: distinct levels ascending, and how often the commonest occurs.
struct Neighbours {
  std::array<std::uint8_t, 4> levels;
  std::size_t distinct, commonest;
  bool has(std::uint8_t level) const {
    return std::find(levels.begin(), levels.begin() + distinct, level) != levels.begin() + distinct;
  }
};

Neighbours sorted(std::array<std::uint8_t, 4> four) {
  std::sort(four.begin(), four.end());
  Neighbours result{four, 0, 0};
  for (std::size_t i = 0; i < four.size();) {
    std::size_t same = 1;
    while (i + same < four.size() && four[i + same] == four[i]) ++same;
    result.levels[result.distinct++] = four[i];
    result.commonest = std::max(result.commonest, same);
    i += same;
  }
  return result;
}

// 0: all alike; then 3 + 1, 2 + 2, 2 + 1 + 1, all different.
std::size_t pattern_of(const Neighbours& n) {
  constexpr std::array<std::size_t, 5> kOfDistinct{0, 0, 2, 3, 4};
  return n.distinct == 2 && n.commonest == 3 ? 1 : kOfDistinct[n.distinct];
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

LevelSets ImageExperts::sets(const ExactPlane& plane, const Surroundings& around) const {
  // Contexts that did not pay so far are asked now and then.
  constexpr std::size_t kProbe = 16, kFew = 4096;
  const bool all = plane.samples() < static_cast<std::int64_t>(kFew);
  const auto channel = static_cast<std::size_t>(plane.channel);
  LevelSets result;
  std::array<std::uint8_t, kMostChannels> given{};
  std::array<std::uint8_t, kLevels> levels;
  std::size_t sample = 0;
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    for (std::int64_t x = 0; x < plane.columns; ++x, ++sample) {
      const auto cell = static_cast<std::size_t>(y * around.grid.width + x);
      const bool probe = all || sample % kProbe == 0;
      const auto wanted = [&](std::size_t context) { return probe || odds_.pays(context); };
      for (std::size_t c = 0; c < std::min(channel, kMostChannels); ++c) {
        given[c] = (*around.before)[c][cell];
      }
      std::size_t context = 0;
      Neighbours near{};
      if (around.coarse != nullptr) {
        near = sorted(neighbour_levels((*around.coarse)[channel].data(),
                                       (*around.diagonal)[channel].data(), around.grid, plane.phase,
                                       y, x));
        std::size_t before = 2;
        if (channel > 0) {
          const auto last = sorted(neighbour_levels((*around.coarse)[channel - 1].data(),
                                                    (*around.diagonal)[channel - 1].data(),
                                                    around.grid, plane.phase, y, x));
          before = last.has((*around.before)[channel - 1][cell]) ? 1 : 0;
        }
        context = 1 + 3 * pattern_of(near) + before;
      }
      const std::size_t seen = channel < seen_.size() ? seen_[channel].count(given.data()) : 0;
      const bool few = seen > 0 && seen <= LevelSets::kMostLevels;
      if (few && (context == 0 || near.distinct > 1)) {
        const auto own = seen_context(seen, seen_[channel].samples(given.data()));
        if (wanted(own)) {
          const std::size_t count = seen_[channel].levels(given.data(), levels.data());
          result.add(static_cast<std::uint8_t>(own), levels.data(), count);
          continue;
        }
      }
      if (context > 0 && wanted(context)) {
        result.add(static_cast<std::uint8_t>(context), near.levels.data(), near.distinct);
      } else {
        result.add_none();
      }
    }
  }
  return result;
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
