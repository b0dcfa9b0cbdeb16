#include "lib/codec/plane_coder.h"

#include <algorithm>
#include <cmath>

namespace pie {
namespace {

// FORMAT.md: a bit says whether there is a correction; then its offset and its coefficients.
constexpr int kOffsetBits = 3, kLengthBits = 4;

int length_of(uint32_t magnitude) {
  int bits = 0;
  while (magnitude >> bits != 0) ++bits;
  return bits;
}

void put(SampleEncoder& encoder, const Correction& correction) {
  encoder.put_number(correction.coefficients.empty() ? 0 : 1, 1);
  if (correction.coefficients.empty()) return;
  encoder.put_number(static_cast<uint32_t>(correction.scale_offset + Correction::kLargestOffset),
                     kOffsetBits);
  for (const int32_t value : correction.coefficients) {
    const auto magnitude = static_cast<uint32_t>(std::abs(value));
    const int length = length_of(magnitude);
    encoder.put_number(static_cast<uint32_t>(length), kLengthBits);
    if (length == 0) continue;
    encoder.put_number(value < 0 ? 1 : 0, 1);
    // The highest bit is known.
    if (length > 1) encoder.put_number(magnitude - (1U << (length - 1)), length - 1);
  }
}

Correction get(SampleDecoder& decoder, size_t taps) {
  Correction correction;
  if (decoder.get_number(1) == 0) return correction;
  correction.scale_offset =
      static_cast<int32_t>(decoder.get_number(kOffsetBits)) - Correction::kLargestOffset;
  for (size_t t = 0; t < taps; ++t) {
    // More than an encoder writes only in damaged files; then too, sums stay within 32 bits.
    const int length = std::min(static_cast<int>(decoder.get_number(kLengthBits)),
                                length_of(Correction::kLargestCoefficient));
    int32_t value = 0;
    if (length > 0) {
      const bool negative = decoder.get_number(1) != 0;
      const uint32_t rest = length > 1 ? decoder.get_number(length - 1) : 0;
      value = static_cast<int32_t>(rest + (1U << (length - 1)));
      if (negative) value = -value;
    }
    correction.coefficients.push_back(value);
  }
  return correction;
}

double bits_of(const Correction& correction) {
  double bits = kOffsetBits;
  for (const int32_t value : correction.coefficients) {
    bits += kLengthBits + length_of(static_cast<uint32_t>(std::abs(value)));
  }
  return bits;
}

// The variance of a mixture in squares of 1/8 level, with that of rounding.
float variance_of(const MixtureIndex* row, int components, double mean) {
  constexpr double kOfLogistic = 3.2899;  // pi^2 / 3, for scale 1
  double total = 0, sum = 0;
  for (int k = 0; k < components; ++k) {
    const double weight = std::exp(row[k] / double{kIndicesPerUnit}),
                 scale = std::exp(row[2 * components + k] / double{kIndicesPerUnit}),
                 off = (row[components + k] - mean) / kIndicesPerUnit;
    total += weight;
    sum += weight * (kOfLogistic * scale * scale + off * off);
  }
  return static_cast<float>((sum / total + 1.0 / 12) * kMeanSteps * kMeanSteps);
}

// Some rows of a plane, evenly spread.
struct SampledRows {
  std::vector<int16_t> taps;  // of each row, [count, columns]
  Bytes levels;
  std::vector<MixtureIndex> indices;
};

void shift(std::vector<MixtureIndex>& indices, int components, size_t sample, int32_t mean,
           int32_t scale) {
  MixtureIndex* row = indices.data() + 3 * static_cast<size_t>(components) * sample;
  for (int k = components; k < 2 * components; ++k) row[k] = kMeanIndices.nearest(row[k] + mean);
  for (int k = 2 * components; k < 3 * components; ++k) {
    row[k] = kScaleIndices.nearest(row[k] + scale);
  }
}

double bits_of(const LogisticMixture& model, const Bytes& levels,
               const std::vector<MixtureIndex>& indices, int components) {
  std::vector<LogisticMixture::Interval> found(levels.size());
  model.intervals(levels.data(), indices.data(), components, levels.size(), found.data());
  double bits = 0;
  for (const auto& own : found) bits += own.bits();
  return bits;
}

}  // namespace

Correction PlaneCoder::chosen(const ExactPlane& plane, const Surroundings& around,
                              const PlaneMixtures& mixtures, const std::vector<int16_t>& means,
                              const Bytes& known) const {
  // Enough for some dozens of coefficients.
  constexpr size_t kEnough = size_t{1} << 13;
  const size_t taps = CorrectionTaps::count(plane), columns = static_cast<size_t>(plane.columns),
               width = 3 * static_cast<size_t>(mixtures.components),
               every = std::max<size_t>(1, known.size() / kEnough);
  SampledRows some;
  CorrectionFit fit(taps);
  std::vector<int16_t> row(columns * taps);
  std::vector<float> errors(columns), variances(columns);
  for (size_t y = every / 2; y < static_cast<size_t>(plane.rows); y += every) {
    const auto first = y * columns;
    const auto* own = mixtures.indices.data() + first * width;
    taps_.row(plane, around, static_cast<int64_t>(y), means.data() + first, row.data());
    for (size_t x = 0; x < columns; ++x) {
      const auto mean = means[first + x];
      errors[x] = static_cast<float>(kMeanSteps * known[first + x] - mean);
      variances[x] = variance_of(own + x * width, mixtures.components, mean);
      some.levels.push_back(known[first + x]);
    }
    fit.add(row.data(), columns, errors.data(), variances.data());
    some.taps.insert(some.taps.end(), row.begin(), row.end());
    some.indices.insert(some.indices.end(), own, own + columns * width);
  }
  Correction best;
  best.coefficients = fit.coefficients();
  const double share = static_cast<double>(known.size()) / static_cast<double>(some.levels.size());
  const double without = bits_of(model_, some.levels, some.indices, mixtures.components);
  std::vector<int32_t> sums(columns);
  for (size_t first = 0; first < some.levels.size(); first += columns) {
    CorrectionTaps::sums(some.taps.data() + first * taps, plane.columns, best.coefficients,
                         sums.data());
    for (size_t x = 0; x < columns; ++x) {
      shift(some.indices, mixtures.components, first + x, sums[x], 0);
    }
  }
  double least = bits_of(model_, some.levels, some.indices, mixtures.components);
  for (const int32_t step : {-1, 1}) {
    auto moved = some.indices;
    for (int32_t offset = step; std::abs(offset) <= Correction::kLargestOffset; offset += step) {
      for (size_t i = 0; i < some.levels.size(); ++i) {
        shift(moved, mixtures.components, i, 0, step);
      }
      const double bits = bits_of(model_, some.levels, moved, mixtures.components);
      if (bits >= least) break;
      least = bits;
      best.scale_offset = offset;
    }
  }
  // Fitted samples overstate it, by about a bit for each coefficient.
  const double gain = (without - least - static_cast<double>(taps)) * share;
  return gain > bits_of(best) ? best : Correction();
}

void PlaneCoder::apply(const Correction& correction, const ExactPlane& plane,
                       const Surroundings& around, PlaneMixtures& mixtures,
                       std::vector<int16_t>& means) const {
  if (correction.coefficients.empty()) return;
  const auto columns = static_cast<size_t>(plane.columns);
  parts_(plane.rows, [&](int64_t begin, int64_t end) {
    std::vector<int16_t> row(columns * correction.coefficients.size());
    std::vector<int32_t> sums(columns);
    for (int64_t y = begin; y < end; ++y) {
      const auto first = static_cast<size_t>(y) * columns;
      taps_.row(plane, around, y, means.data() + first, row.data());
      CorrectionTaps::sums(row.data(), plane.columns, correction.coefficients, sums.data());
      for (size_t x = 0; x < columns; ++x) {
        shift(mixtures.indices, mixtures.components, first + x, sums[x], correction.scale_offset);
      }
    }
  });
  means = means_of(mixtures);
}

std::vector<int16_t> PlaneCoder::means_of(const PlaneMixtures& mixtures) const {
  std::vector<int16_t> means(mixtures.samples());
  const auto width = 3 * mixtures.components;
  parts_(static_cast<int64_t>(means.size()), [&](int64_t begin, int64_t end) {
    model_.means(mixtures.indices.data() + begin * width, mixtures.components,
                 static_cast<size_t>(end - begin), means.data() + begin);
  });
  return means;
}

void PlaneCoder::encode(SampleEncoder& encoder, const ExactPlane& plane, const Surroundings& around,
                        PlaneMixtures& mixtures, const Bytes& known) {
  if (!one_item_) return encoder.put(known.data(), mixtures.rows());
  if (corrects(plane)) {
    taps_.enter(plane, around);
    auto means = means_of(mixtures);
    const auto correction = chosen(plane, around, mixtures, means, known);
    put(encoder, correction);
    apply(correction, plane, around, mixtures, means);
    taps_.learn(plane, around, means, known);
  }
  encoder.put(known.data(), mixtures.rows(), experts_.sets(plane, around, parts_), experts_.odds(),
              parts_);
  experts_.learn(plane, around, known);
}

Bytes PlaneCoder::decode(SampleDecoder& decoder, const ExactPlane& plane,
                         const Surroundings& around, PlaneMixtures& mixtures) {
  Bytes levels(mixtures.samples());
  std::vector<int16_t> means;
  if (!one_item_ || !decoder.modelled()) {
    decoder.get(mixtures.rows(), levels.data());
  } else {
    if (corrects(plane)) {
      taps_.enter(plane, around);
      means = means_of(mixtures);
      apply(get(decoder, CorrectionTaps::count(plane)), plane, around, mixtures, means);
    }
    decoder.get(mixtures.rows(), experts_.sets(plane, around, parts_), experts_.odds(), parts_,
                levels.data());
  }
  if (one_item_) experts_.learn(plane, around, levels);
  if (!means.empty()) taps_.learn(plane, around, means, levels);
  return levels;
}

void PlaneCoder::end_layer(bool modelled) {
  if (!modelled) experts_.odds() = odds_before_;
  odds_before_ = experts_.odds();
}

}  // namespace pie
