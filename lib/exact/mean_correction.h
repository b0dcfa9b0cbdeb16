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

  // Of the samples of row `y`: [columns, count], in steps of 1/8 level. `means`: of these samples.
  void row(const ExactPlane& plane, const Surroundings& around, std::int64_t y,
           const std::int16_t* means, std::int16_t* to) const;
  // What the taps of all samples say together, [samples].
  std::vector<std::int32_t> sums(const ExactPlane& plane, const Surroundings& around,
                                 const std::vector<std::int16_t>& means,
                                 const std::vector<std::int32_t>& coefficients) const;

  // The means by which samples of a plane were predicted in the end, and what they are: taps of the
  // planes behind it.
  void learn(const ExactPlane& plane, const Surroundings& around,
             const std::vector<std::int16_t>& means, const Bytes& levels);

 private:
  const std::vector<std::int16_t>& errors(std::size_t phase, std::int64_t channel) const {
    return errors_[phase * static_cast<std::size_t>(channels_) + static_cast<std::size_t>(channel)];
  }

  std::int64_t channels_ = 0;
  std::vector<std::vector<std::int16_t>> errors_;  // of each phase and channel, a value for a cell
};

// The coefficients that fit `errors` [n] best, where each counts 1 / `variances`: rounded least
// squares. `taps`: [n, count].
std::vector<std::int32_t> fit_correction(const std::vector<std::int16_t>& taps, std::size_t count,
                                         const std::vector<float>& errors,
                                         const std::vector<float>& variances);

}  // namespace pie
