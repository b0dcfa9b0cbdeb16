// The tables of a mixture of logistics as tensors of a model file.
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <string>

#include "lib/coding/logistic_mixture.h"

namespace pie {

// Adds the tensors "tables.weights", "tables.rates" and "tables.tail".
void add_tables(const MixtureTables& tables, std::map<std::string, torch::Tensor>& tensors);

// The mixture of these tensors, which must be there. Throws DamagedError if their values are
// impossible.
std::shared_ptr<const LogisticMixture> mixture_from(
    const std::map<std::string, torch::Tensor>& tensors);

}  // namespace pie
