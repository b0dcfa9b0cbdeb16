#include "lib/nets/coupling_net.h"

#include <cmath>
#include <string>

#include "lib/nets/row_network.h"

namespace pie {

CouplingNet::CouplingNet(const CouplingNetOptions& options) : options_(options) {
  const int64_t taps = options.kernel * options.kernel;
  const int64_t layers = options.depth + 2;
  for (int64_t i = 0; i < layers; ++i) {
    const bool first = i == 0;
    const bool last = i + 1 == layers;
    const int64_t in = first ? taps * options.in : options.hidden;
    const int64_t outputs = last ? options.out : options.hidden;
    auto weight = torch::zeros({in, last ? taps * outputs : outputs});
    auto bias = torch::zeros({outputs});
    if (!last) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(in));
      weight.uniform_(-bound, bound);
      bias.uniform_(-bound, bound);
    }
    weights_.push_back(register_parameter("weight" + std::to_string(i), weight));
    biases_.push_back(register_parameter("bias" + std::to_string(i), bias));
  }
}

torch::Tensor CouplingNet::forward_rows(const torch::Tensor& rows, const RowGrid& grid) {
  return row_network(rows, grid, options_.kernel, bfloat16_, weights_, biases_);
}

}  // namespace pie
