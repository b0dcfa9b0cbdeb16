// A linear correction of the means that networks predict, by samples that are known and by the
// errors of predictions before: its coefficients are fitted to the image and stored with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/exact/walk.h"

namespace pie {

// Of one plane.
struct Correction {
  static constexpr int kCoefficientBits = 8;  // behind the point
  static constexpr std::int32_t kLargestCoefficient = 1023;
  static constexpr std::int32_t kLargestOffset = 3;

  std::vector<std::int32_t> coefficients;  // one for each tap
  std::int32_t scale_offset = 0;           // of all indices of scales
};

// Known samples, and errors, that the mean of a sample is corrected by, of one scale of one item.
class CorrectionTaps {
 public:
  // Whether planes like this one may have a correction.
  static bool apply_to(const ExactPlane& plane);
  static std::size_t count(const ExactPlane& plane);

  // Of the samples of row `y`: [count, columns], in steps of 1/8 level. `means`: of these samples.
  void row(const ExactPlane& plane, const Surroundings& around, std::int64_t y,
           const std::int16_t* means, std::int16_t* to) const;
  // What the taps of a row say together, [columns].
  static void sums(const std::int16_t* row, std::int64_t columns,
                   const std::vector<std::int32_t>& coefficients, std::int32_t* to);

  // Before the first use for a plane: errors are of one scale alone, and 0 where nothing is
  // learned.
  void enter(const ExactPlane& plane, const Surroundings& around);
  // The means by which samples of a plane were predicted in the end, and what they are: taps of the
  // planes behind it.
  void learn(const ExactPlane& plane, const Surroundings& around,
             const std::vector<std::int16_t>& means, const Bytes& levels);

 private:
  const std::vector<std::int16_t>& errors(std::size_t phase, std::int64_t channel) const {
    return errors_[phase * static_cast<std::size_t>(channels_) + static_cast<std::size_t>(channel)];
  }

  std::int64_t channels_ = 0, scale_ = -1;
  std::vector<std::vector<std::int16_t>> errors_;  // of each phase and channel, a value for a cell
};

// Finds the coefficients that make the taps of samples add up to their errors.
class CorrectionFit {
 public:
  explicit CorrectionFit(std::size_t taps);

  // Samples, of which each counts 1 / variance. `row`: [taps, samples]; errors in the same steps.
  void add(const std::int16_t* row, std::size_t samples, const float* errors,
           const float* variances);
  // Rounded least squares.
  std::vector<std::int32_t> coefficients() const;

 private:
  std::size_t taps_;
  // Normal equations, lower triangle, [taps + 1, taps + 1]; the last row is the right side.
  std::vector<double> sums_;
};

}  // namespace pie
