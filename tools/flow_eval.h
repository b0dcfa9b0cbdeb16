// Options of flow-eval, shared by its two halves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/shard.h"
#include "lib/image/image_source.h"

namespace pie {

struct EvalOptions {
  std::vector<std::string> models;
  std::vector<SlicedInput> images;      // --images: sharpness of these
  std::vector<SlicedInput> data;        // what the models are evaluated on
  std::vector<std::string> metrics;     // empty: all
  Shard shard;                          // of `data`
  std::string labels;                   // of `data`
  std::vector<SlicedInput> neighbours;  // reference images for labels
  int64_t noise_draws = 1;
  size_t samples = 1000;
  std::vector<double> temperatures{1};  // of the samples' z
  double residual_temperature = 0;
  double step = 0;
  std::string log_det;  // method; empty: exact for PIEs, roulette for i-ResNets
  int64_t terms = 0, probes = 1;
  std::vector<int64_t> iterations;  // inversion errors after these numbers of them
  std::string features;             // a classifier, for Frechet distances
  std::string csv, html, pictures;
  bool force = false;

  // How `data` is read.
  SourceOptions data_options(SourceOptions how) const {
    how.shard = shard;
    return how;
  }
  bool wants(const std::string& metric) const {
    for (const auto& m : metrics) {
      if (m == metric) return true;
    }
    return metrics.empty();
  }
};

}  // namespace pie
