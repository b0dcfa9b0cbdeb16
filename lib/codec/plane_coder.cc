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

std::vector<float> as_floats(const Bytes& levels) { return {levels.begin(), levels.end()}; }

// The variance of a mixture in squares of 1/8 level, with that of rounding.
float variance_of(const int32_t* row, int components, double mean) {
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

// Some samples of a plane, evenly spread, with all that fitting needs.
struct Sampled {
  std::vector<int16_t> taps;
  std::vector<float> levels, errors, variances;
  std::vector<int32_t> indices;
};

void shift(std::vector<int32_t>& indices, int components, size_t sample, int32_t mean,
           int32_t scale) {
  int32_t* row = indices.data() + 3 * static_cast<size_t>(components) * sample;
  for (int k = components; k < 2 * components; ++k) {
    row[k] = std::clamp(row[k] + mean, kMeanIndices.low, kMeanIndices.high);
  }
  for (int k = 2 * components; k < 3 * components; ++k) {
    row[k] = std::clamp(row[k] + scale, kScaleIndices.low, kScaleIndices.high);
  }
}

double bits_of(const LogisticMixture& model, const std::vector<float>& levels,
               const std::vector<int32_t>& indices, int components) {
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
  constexpr size_t kEnough = size_t{1} << 14;
  const size_t taps = CorrectionTaps::count(plane),
               every = std::max<size_t>(1, known.size() / kEnough);
  const auto columns = static_cast<size_t>(plane.columns);
  const auto width = 3 * static_cast<size_t>(mixtures.components);
  Sampled some;
  std::vector<int16_t> row(columns * taps);
  for (size_t y = 0, i = 0; y < static_cast<size_t>(plane.rows); ++y) {
    taps_.row(plane, around, static_cast<int64_t>(y), means.data() + y * columns, row.data());
    for (size_t x = 0; x < columns; ++x, ++i) {
      // Not the same columns in each row.
      if ((x + y * 7) % every != 0) continue;
      const auto* own = mixtures.indices.data() + i * width;
      some.taps.insert(some.taps.end(), row.data() + x * taps, row.data() + (x + 1) * taps);
      some.levels.push_back(known[i]);
      some.errors.push_back(static_cast<float>(kMeanSteps * known[i] - means[i]));
      some.variances.push_back(variance_of(own, mixtures.components, means[i]));
      some.indices.insert(some.indices.end(), own, own + width);
    }
  }
  Correction best;
  best.coefficients = fit_correction(some.taps, taps, some.errors, some.variances);
  const double share = static_cast<double>(known.size()) / static_cast<double>(some.levels.size());
  const double without = bits_of(model_, some.levels, some.indices, mixtures.components);
  for (size_t i = 0; i < some.levels.size(); ++i) {
    int32_t sum = 1 << (Correction::kCoefficientBits - 1);
    for (size_t t = 0; t < taps; ++t) sum += best.coefficients[t] * some.taps[i * taps + t];
    shift(some.indices, mixtures.components, i, sum >> Correction::kCoefficientBits, 0);
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
  const auto sums = taps_.sums(plane, around, means, correction.coefficients);
  for (size_t i = 0; i < means.size(); ++i) {
    shift(mixtures.indices, mixtures.components, i, sums[i], correction.scale_offset);
  }
  model_.means(mixtures.indices.data(), mixtures.components, means.size(), means.data());
}

void PlaneCoder::encode(SampleEncoder& encoder, const ExactPlane& plane, const Surroundings& around,
                        PlaneMixtures& mixtures, const Bytes& known) {
  const auto levels = as_floats(known);
  if (!one_item_) return encoder.put(levels.data(), mixtures.rows());
  if (corrects(plane)) {
    std::vector<int16_t> means(known.size());
    model_.means(mixtures.indices.data(), mixtures.components, known.size(), means.data());
    const auto correction = chosen(plane, around, mixtures, means, known);
    put(encoder, correction);
    apply(correction, plane, around, mixtures, means);
    taps_.learn(plane, around, means, known);
  }
  encoder.put(levels.data(), mixtures.rows(), experts_.sets(plane, around), experts_.odds());
  experts_.learn(plane, around, known);
}

Bytes PlaneCoder::decode(SampleDecoder& decoder, const ExactPlane& plane,
                         const Surroundings& around, PlaneMixtures& mixtures) {
  std::vector<float> levels(mixtures.samples());
  std::vector<int16_t> means(corrects(plane) && decoder.modelled() ? levels.size() : 0);
  if (!one_item_ || !decoder.modelled()) {
    decoder.get(mixtures.rows(), levels.data());
  } else {
    if (corrects(plane)) {
      model_.means(mixtures.indices.data(), mixtures.components, means.size(), means.data());
      apply(get(decoder, CorrectionTaps::count(plane)), plane, around, mixtures, means);
    }
    decoder.get(mixtures.rows(), experts_.sets(plane, around), experts_.odds(), levels.data());
  }
  Bytes samples(levels.size());
  std::transform(levels.begin(), levels.end(), samples.begin(),
                 [](float level) { return static_cast<uint8_t>(level); });
  if (one_item_) experts_.learn(plane, around, samples);
  if (!means.empty()) taps_.learn(plane, around, means, samples);
  return samples;
}

void PlaneCoder::end_layer(bool modelled) {
  if (!modelled) experts_.odds() = odds_before_;
  odds_before_ = experts_.odds();
}

}  // namespace pie
