#include "lib/exact/mean_correction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace pie {
namespace {

// Taps around a cell.
struct Step {
  std::int64_t dy, dx;
};
constexpr std::array<Step, 5> kErrors{{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}}};
constexpr std::array<Step, 8> kCoarse{
    {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, -1}, {-1, 0}, {0, 2}, {2, 0}}};
constexpr std::array<Step, 4> kDiagonal{{{0, 0}, {0, -1}, {-1, 0}, {-1, -1}}};
constexpr std::array<Step, 4> kOther{{{0, 0}, {0, 1}, {1, 0}, {1, 1}}};
constexpr std::int16_t kConstant = 8 * kMeanSteps;

// Calls use(x, cell) for the cells a step away from those of row `y`; beyond an edge, the edge.
template <typename Use>
void for_each_cell(const CellGrid& grid, std::int64_t columns, std::int64_t y, Step step,
                   const Use& use) {
  const std::int64_t row = std::clamp<std::int64_t>(y + step.dy, 0, grid.height - 1) * grid.width;
  for (std::int64_t x = 0; x < columns; ++x) {
    use(static_cast<std::size_t>(x),
        static_cast<std::size_t>(row + std::clamp<std::int64_t>(x + step.dx, 0, grid.width - 1)));
  }
}

}  // namespace

bool CorrectionTaps::apply_to(const ExactPlane& plane) {
  constexpr std::int64_t kCoarsestScale = 1, kLeastSamples = 1024;
  return plane.scale <= kCoarsestScale && plane.samples() >= kLeastSamples;
}

std::size_t CorrectionTaps::count(const ExactPlane& plane) {
  const auto before = static_cast<std::size_t>(plane.channel);
  return before * (1 + kOther.size()) + plane.phase * kErrors.size() + kCoarse.size() +
         (plane.phase > 0 ? kDiagonal.size() : 0) + 1;
}

void CorrectionTaps::row(const ExactPlane& plane, const Surroundings& around, std::int64_t y,
                         const std::int16_t* means, std::int16_t* to) const {
  const auto taps = count(plane);
  const auto channel = static_cast<std::size_t>(plane.channel);
  std::size_t t = 0;
  const auto add = [&](Step step, const auto& value) {
    for_each_cell(around.grid, plane.columns, y, step, [&](std::size_t x, std::size_t cell) {
      to[x * taps + t] = static_cast<std::int16_t>(value(x, cell));
    });
    ++t;
  };
  for (std::int64_t k = 0; k < plane.channel; ++k) {
    const auto& before = errors(plane.phase, k);
    add({0, 0}, [&](std::size_t, std::size_t cell) { return before[cell]; });
  }
  for (std::size_t phase = 0; phase < plane.phase; ++phase) {
    const auto& before = errors(phase, plane.channel);
    for (const auto step : kErrors) {
      add(step, [&](std::size_t, std::size_t cell) { return before[cell]; });
    }
  }
  const auto above_mean = [&](const Bytes& levels) {
    return [&, means](std::size_t x, std::size_t cell) {
      return kMeanSteps * levels[cell] - means[x];
    };
  };
  for (const auto step : kCoarse) add(step, above_mean((*around.coarse)[channel]));
  if (plane.phase > 0) {
    for (const auto step : kDiagonal) add(step, above_mean((*around.diagonal)[channel]));
  }
  for (std::size_t k = 0; k < channel; ++k) {
    const auto& coarse = (*around.coarse)[k];
    const auto* own = (*around.before)[k].data() + y * around.grid.width;
    for (const auto step : kOther) {
      add(step,
          [&](std::size_t x, std::size_t cell) { return kMeanSteps * (coarse[cell] - own[x]); });
    }
  }
  add({0, 0}, [](std::size_t, std::size_t) { return kConstant; });
}

std::vector<std::int32_t> CorrectionTaps::sums(
    const ExactPlane& plane, const Surroundings& around, const std::vector<std::int16_t>& means,
    const std::vector<std::int32_t>& coefficients) const {
  constexpr std::int32_t kHalf = 1 << (Correction::kCoefficientBits - 1);
  const auto taps = count(plane);
  std::vector<std::int16_t> inputs(static_cast<std::size_t>(plane.columns) * taps);
  std::vector<std::int32_t> result;
  result.reserve(means.size());
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    row(plane, around, y, means.data() + y * plane.columns, inputs.data());
    for (auto at = inputs.cbegin(); at != inputs.cend(); at += static_cast<std::ptrdiff_t>(taps)) {
      std::int32_t sum = kHalf;
      for (std::size_t t = 0; t < taps; ++t)
        sum += coefficients[t] * at[static_cast<std::ptrdiff_t>(t)];
      result.push_back(sum >> Correction::kCoefficientBits);
    }
  }
  return result;
}

void CorrectionTaps::learn(const ExactPlane& plane, const Surroundings& around,
                           const std::vector<std::int16_t>& means, const Bytes& levels) {
  const auto channels = static_cast<std::int64_t>(around.coarse->size());
  if (plane.phase == 0 && plane.channel == 0) {
    channels_ = channels;
    errors_.assign(kCellPhases.size() * static_cast<std::size_t>(channels), {});
  }
  auto& own = errors_[plane.phase * static_cast<std::size_t>(channels_) +
                      static_cast<std::size_t>(plane.channel)];
  own.assign(around.grid.cells(), 0);
  std::size_t i = 0;
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    for (std::int64_t x = 0; x < plane.columns; ++x, ++i) {
      own[static_cast<std::size_t>(y * around.grid.width + x)] =
          static_cast<std::int16_t>(kMeanSteps * levels[i] - means[i]);
    }
  }
}

std::vector<std::int32_t> fit_correction(const std::vector<std::int16_t>& taps, std::size_t count,
                                         const std::vector<float>& errors,
                                         const std::vector<float>& variances) {
  // Normal equations, of which the last column is the right side; the lower triangle is enough.
  const std::size_t columns = count + 1;
  std::vector<double> sums(columns * columns);
  std::vector<double> own(columns);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    // What a mixture takes for an exception shall not decide about the others.
    constexpr double kFar = 25;
    const double square = errors[i] * static_cast<double>(errors[i]) / variances[i];
    const double weight = (square > kFar ? kFar / square : 1) / variances[i];
    std::copy_n(taps.begin() + static_cast<std::ptrdiff_t>(i * count), count, own.begin());
    own[count] = errors[i];
    for (std::size_t t = 0; t < columns; ++t) {
      const double scaled = weight * own[t];
      double* row = sums.data() + t * columns;
      for (std::size_t u = 0; u <= t; ++u) row[u] += scaled * own[u];
    }
  }
  std::vector<std::vector<double>> rows(count, std::vector<double>(columns));
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t u = 0; u < columns; ++u) {
      rows[t][u] = sums[std::max(t, u) * columns + std::min(t, u)];
    }
    // Taps that say the same shall share the coefficient, not fight.
    rows[t][t] = rows[t][t] * 1.0001 + 1e-3;
  }
  for (std::size_t t = 0; t < count; ++t) {  // symmetric and positive: no pivots are needed
    for (std::size_t r = t + 1; r < count; ++r) {
      const double factor = rows[r][t] / rows[t][t];
      for (std::size_t u = t; u < columns; ++u) rows[r][u] -= factor * rows[t][u];
    }
  }
  std::vector<double> solution(count);
  for (std::size_t t = count; t-- > 0;) {
    double left = rows[t][count];
    for (std::size_t u = t + 1; u < count; ++u) left -= rows[t][u] * solution[u];
    solution[t] = left / rows[t][t];
  }
  std::vector<std::int32_t> result;
  for (const double value : solution) {
    const auto scaled =
        std::lround(std::clamp(value, -4.0, 4.0) * (1 << Correction::kCoefficientBits));
    result.push_back(std::clamp(static_cast<std::int32_t>(scaled), -Correction::kLargestCoefficient,
                                Correction::kLargestCoefficient));
  }
  return result;
}

}  // namespace pie
