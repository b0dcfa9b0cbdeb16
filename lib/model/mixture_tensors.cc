#include "lib/model/mixture_tensors.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/base/error.h"

namespace pie {
namespace {

torch::Tensor as_floats(const std::vector<uint32_t>& values) {
  auto tensor = torch::empty({static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

std::vector<uint32_t> as_integers(const torch::Tensor& tensor) {
  constexpr float kExact = 1 << 24;
  const float* data = tensor.data_ptr<float>();
  std::vector<uint32_t> values;
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    if (!(data[i] >= 0 && data[i] <= kExact) || data[i] != std::floor(data[i])) {
      throw DamagedError("its tables of probabilities are not integers");
    }
    values.push_back(static_cast<uint32_t>(data[i]));
  }
  return values;
}

}  // namespace

void add_tables(const MixtureTables& tables, std::map<std::string, torch::Tensor>& tensors) {
  tensors["tables.weights"] = as_floats(tables.weights);
  tensors["tables.rates"] = as_floats(tables.rates);
  tensors["tables.tail"] = as_floats(tables.tail);
}

std::shared_ptr<const LogisticMixture> mixture_from(
    const std::map<std::string, torch::Tensor>& tensors) {
  return std::make_shared<LogisticMixture>(MixtureTables{as_integers(tensors.at("tables.weights")),
                                                         as_integers(tensors.at("tables.rates")),
                                                         as_integers(tensors.at("tables.tail"))});
}

}  // namespace pie
