#include "lib/model/model.h"

#include "lib/base/error.h"

namespace pie {

torch::Tensor LogLikelihood::total() const {
  auto sum = z + log_det + pre_transform;
  for (const auto& term : r) sum = sum + term;
  return sum;
}

torch::Tensor Model::logits(const torch::Tensor& x) { return features(x); }

torch::Tensor Model::features(const torch::Tensor&) {
  throw UsageError("this model has no classifier; train one for the task classify");
}

torch::Tensor Model::invert(const torch::Tensor&, const FixedPointOptions&,
                            std::vector<FixedPointReport>*) {
  throw UsageError("this model has no iterative inverse; choose an i-ResNet");
}

const std::vector<std::shared_ptr<ResidualBlock>>& Model::residual_blocks() const {
  static const std::vector<std::shared_ptr<ResidualBlock>> none;
  return none;
}

std::map<std::string, torch::Tensor> Model::stored_tensors() const {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : named_parameters()) tensors[item.key()] = item.value();
  return tensors;
}

void Model::restore(const std::map<std::string, torch::Tensor>& tensors) {
  torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    item.value().copy_(tensors.at(item.key()));
    item.value().requires_grad_(false);
  }
}

}  // namespace pie
