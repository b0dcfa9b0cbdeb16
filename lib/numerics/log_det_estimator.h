// How ln det(I + J) of a residual block is computed: exactly, by its power series, or by an
// unbiased random truncation of the series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pie {

// ln det(I + J) = sum_{k>=1} (-1)^(k+1) tr(J^k) / k, with tr(J^k) estimated by v^T J^k v for random
// signs v (Hutchinson).
struct LogDetEstimator {
  enum class Method {
    kExact,    // from the whole Jacobian; for small images
    kSeries,   // the first `terms` terms; biased by at most `truncation_bound`
    kRoulette  // those and a random number N more, each divided by its probability: unbiased
               // (Residual Flows, Chen et al. 2019, Eq. 6), up to tails of probability 2^-64. The
               // variance is moderate only where traces fall faster than those probabilities.
  };
  enum class Tail { kPoisson, kGeometric };

  Method method = Method::kExact;
  int64_t terms = 10;  // at least 1
  int64_t probes = 1;  // 0: no log-dets, they are 0 then
  Tail tail = Tail::kGeometric;
  double tail_parameter = 0.5;  // the Poisson mean, or the geometric probability of going on
  uint64_t seed = 0;
  // One key per item. Probes and N depend on (seed, key, block, probe) alone, not on the batch.
  std::vector<uint64_t> keys;

  // N for this (key, block, probe).
  int64_t draw_tail(uint64_t key, uint64_t block, uint64_t probe) const;
  // P(N >= k).
  double tail_probability(int64_t k) const;
  // `each` random signs for each of the items `of`, by their keys: floats +-1, [of.size(), each].
  void fill_signs(float* out, size_t each, const std::vector<uint64_t>& of, uint64_t block,
                  uint64_t probe) const;
};

// "exact", "series", "roulette"; throws UsageError naming these.
LogDetEstimator::Method parse_log_det_method(const std::string& name);
std::string to_string(LogDetEstimator::Method method);

// The largest possible error of the series of a `dims`-dimensional map with Lipschitz constant at
// most L after `terms` terms: dims (-ln(1 - L) - sum_{k<=terms} L^k / k), nats. Infinite for L
// >= 1.
double truncation_bound(double lipschitz, int64_t dims, int64_t terms);

}  // namespace pie
