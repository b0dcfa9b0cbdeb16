#include "lib/exact/mean_correction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "lib/base/cpu_clones.h"
#include "lib/base/vectors.h"

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

constexpr std::size_t kWidth = kVectorWidth;

// Calls use(x, cell) for the cells a step away from those of row `y`; beyond an edge, the edge.
template <typename Use>
PIE_INLINE void for_each_cell(const CellGrid& grid, std::int64_t columns, std::int64_t y, Step step,
                              const Use& use) {
  const std::int64_t row = std::clamp<std::int64_t>(y + step.dy, 0, grid.height - 1) * grid.width,
                     first = std::min(std::max<std::int64_t>(-step.dx, 0), columns),
                     end = std::max(std::min(columns, grid.width - step.dx), first);
  for (std::int64_t x = 0; x < first; ++x) use(x, row);
  for (std::int64_t x = first; x < end; ++x) use(x, row + x + step.dx);
  for (std::int64_t x = end; x < columns; ++x) use(x, row + grid.width - 1);
}

// sums[t][u] += the sum of weights * columns[t] * columns[u], u <= t, of [count, samples] columns;
// samples are whole vectors.
PIE_CPU_CLONES void add_products(const float* columns, std::size_t count, const float* weights,
                                 std::size_t samples, double* sums) {
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t u = 0; u <= t; ++u) {
      Floats total{}, a, b, w;
      for (std::size_t i = 0; i < samples; i += kWidth) {
        load(columns + t * samples + i, a);
        load(columns + u * samples + i, b);
        load(weights + i, w);
        total += w * a * b;
      }
      for (std::size_t j = 0; j < kWidth; ++j) sums[t * count + u] += static_cast<double>(total[j]);
    }
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

PIE_CPU_CLONES void CorrectionTaps::row(const ExactPlane& plane, const Surroundings& around,
                                        std::int64_t y, const std::int16_t* means,
                                        std::int16_t* to) const {
  const auto channel = static_cast<std::size_t>(plane.channel);
  const std::int64_t columns = plane.columns;
  const auto own_errors = [&](const std::vector<std::int16_t>& before, Step step)
      __attribute__((always_inline)) {
    const std::int16_t* from = before.data();
    for_each_cell(
        around.grid, columns, y,
        step, [=](std::int64_t x, std::int64_t cell) __attribute__((always_inline)) {
          to[x] = from[cell];
        });
    to += columns;
  };
  const auto above_mean = [&](const Bytes& levels, Step step) __attribute__((always_inline)) {
    const std::uint8_t* from = levels.data();
    for_each_cell(
        around.grid, columns, y,
        step, [=](std::int64_t x, std::int64_t cell) __attribute__((always_inline)) {
          to[x] = static_cast<std::int16_t>(kMeanSteps * from[cell] - means[x]);
        });
    to += columns;
  };
  for (std::int64_t k = 0; k < plane.channel; ++k) own_errors(errors(plane.phase, k), {0, 0});
  for (std::size_t phase = 0; phase < plane.phase; ++phase) {
    for (const auto step : kErrors) own_errors(errors(phase, plane.channel), step);
  }
  for (const auto step : kCoarse) above_mean((*around.coarse)[channel], step);
  if (plane.phase > 0) {
    for (const auto step : kDiagonal) above_mean((*around.diagonal)[channel], step);
  }
  for (std::size_t k = 0; k < channel; ++k) {
    const std::uint8_t* from = (*around.coarse)[k].data();
    const std::uint8_t* own = (*around.before)[k].data() + y * around.grid.width;
    for (const auto step : kOther) {
      for_each_cell(
          around.grid, columns, y,
          step, [=](std::int64_t x, std::int64_t cell) __attribute__((always_inline)) {
            to[x] = static_cast<std::int16_t>(kMeanSteps * (from[cell] - own[x]));
          });
      to += columns;
    }
  }
  std::fill_n(to, columns, kConstant);
}

PIE_CPU_CLONES void CorrectionTaps::sums(const std::int16_t* row, std::int64_t columns,
                                         const std::vector<std::int32_t>& coefficients,
                                         std::int32_t* to) {
  std::fill_n(to, columns, 1 << (Correction::kCoefficientBits - 1));
  for (const std::int32_t coefficient : coefficients) {
    for (std::int64_t x = 0; x < columns; ++x) to[x] += coefficient * row[x];
    row += columns;
  }
  for (std::int64_t x = 0; x < columns; ++x) to[x] >>= Correction::kCoefficientBits;
}

void CorrectionTaps::enter(const ExactPlane& plane, const Surroundings& around) {
  if (plane.scale == scale_) return;
  scale_ = plane.scale;
  channels_ = static_cast<std::int64_t>(around.coarse->size());
  errors_.assign(kCellPhases.size() * around.coarse->size(),
                 std::vector<std::int16_t>(around.grid.cells()));
}

void CorrectionTaps::learn(const ExactPlane& plane, const Surroundings& around,
                           const std::vector<std::int16_t>& means, const Bytes& levels) {
  auto& own = errors_[plane.phase * static_cast<std::size_t>(channels_) +
                      static_cast<std::size_t>(plane.channel)];
  std::size_t i = 0;
  for (std::int64_t y = 0; y < plane.rows; ++y) {
    for (std::int64_t x = 0; x < plane.columns; ++x, ++i) {
      own[static_cast<std::size_t>(y * around.grid.width + x)] =
          static_cast<std::int16_t>(kMeanSteps * levels[i] - means[i]);
    }
  }
}

CorrectionFit::CorrectionFit(std::size_t taps) : taps_(taps), sums_((taps + 1) * (taps + 1)) {}

void CorrectionFit::add(const std::int16_t* row, std::size_t samples, const float* errors,
                        const float* variances) {
  const std::size_t whole = (samples + kWidth - 1) / kWidth * kWidth;
  std::vector<float> weights(whole), columns((taps_ + 1) * whole);
  for (std::size_t i = 0; i < samples; ++i) {
    // What a mixture takes for an exception shall not decide about the others.
    constexpr float kFar = 25;
    const float square = errors[i] * errors[i] / variances[i];
    weights[i] = (square > kFar ? kFar / square : 1) / variances[i];
  }
  for (std::size_t t = 0; t < taps_; ++t) {
    std::copy_n(row + t * samples, samples, columns.data() + t * whole);
  }
  std::copy_n(errors, samples, columns.data() + taps_ * whole);
  add_products(columns.data(), taps_ + 1, weights.data(), whole, sums_.data());
}

std::vector<std::int32_t> CorrectionFit::coefficients() const {
  const std::size_t count = taps_, columns = taps_ + 1;
  std::vector<std::vector<double>> rows(count, std::vector<double>(columns));
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t u = 0; u < columns; ++u) {
      rows[t][u] = sums_[std::max(t, u) * columns + std::min(t, u)];
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
