// Options of pie-sample, shared by its two halves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pie {

struct SampleOptions {
  std::string model, output, format;
  size_t count = 0;  // 0: as many as the grid holds, or 16
  double temperature = 1, residual_temperature = 0;
  std::string grid;                      // "RxC"
  std::vector<std::string> interpolate;  // two images
  size_t steps = 10;
  bool force = false;
};

}  // namespace pie
