// The integer PIE: exact probabilities of the samples of an image, coarse to fine.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/container/logistic_mixture.h"
#include "lib/model/integer_config.h"
#include "lib/model/model.h"
#include "lib/nets/integer_net.h"

namespace pie {

// Samples that are known or coded together: one phase of the 2x2 cells of one scale, in one
// channel; or one channel of the coarsest image.
struct IntegerPlane {
  size_t layer;           // of the code file: 0 is z
  int64_t rows, columns;  // of samples
  int64_t samples() const { return rows * columns; }
};

// A scale takes an image [C, H, W] apart into the phases of its 2x2 cells. Phase (0, 0) is the
// image of the next scale; the others leave as residuals, in the order (1, 1), (0, 1), (1, 0), each
// channel by channel, each under a mixture of logistics whose parameters an IntegerNet computes
// from all planes of the scale that are known by then. Cells that reach over an odd edge have
// no samples there; networks see the cell's coarse sample instead. The coarsest image, z, is coded
// channel by channel in the same manner, without planes to begin with.
//
// Levels are 0 ... 255, held in float32. Everything that decoding depends on is exact.
class IntegerPie final : public Model {
 public:
  explicit IntegerPie(const IntegerPieConfig& config);

  // How the networks are computed where gradients are off: every way gives the same results.
  enum class Arithmetic { kFloat32, kInt64 };
  void set_arithmetic(Arithmetic arithmetic) { arithmetic_ = arithmetic; }

  // In coding order, coarse to fine; layers ascend.
  const std::vector<IntegerPlane>& planes() const { return planes_; }
  size_t layers() const { return static_cast<size_t>(config_.layers) + 1; }
  size_t symbols_per_item(size_t layer) const;
  int components() const { return static_cast<int>(config_.components); }
  const LogisticMixture& mixture() const { return *mixture_; }

  // Chooses the levels of a plane in n images, [n * samples] in float32, image by image, row by
  // row. `indices`: [n * samples, 3 * components] int32, as LogisticMixture takes them.
  using PlaneChoice = std::function<torch::Tensor(size_t plane, const torch::Tensor& indices)>;
  // The n images [n, C, H, W] of levels that `choose` builds up, plane by plane. No gradients.
  torch::Tensor generate(int64_t n, const PlaneChoice& choose);

  // The planes of images [N, C, H, W] of levels, as a PlaneChoice would return them.
  std::vector<torch::Tensor> split(const torch::Tensor& levels) const;
  // The medians that stand in for a plane that is not known.
  torch::Tensor medians(const torch::Tensor& indices) const;

  Shape3 input_shape() const override { return config_.input; }
  size_t residuals() const override { return layers() - 1; }
  bool discrete() const override { return true; }
  // A density that is constant over each level: D ln 256 nats above the log-probability.
  LogLikelihood log_likelihood(const torch::Tensor& x, const LogDetEstimator& how = {}) override;
  // The exact length of the code.
  LogLikelihood measured_log_likelihood(const torch::Tensor& x,
                                        const LogDetEstimator& how) override;
  torch::Tensor reconstruct(const torch::Tensor& x) override;
  std::string first_not_finite(const torch::Tensor& x) override;
  void set_bfloat16_subnets(bool on) override;
  // Rounds all weights to integers whose sums stay exact; see IntegerLayer::freeze.
  double certify() override;
  void constrain(bool exact) override;
  std::map<std::string, torch::Tensor> stored_tensors() const override;
  void restore(const std::map<std::string, torch::Tensor>& tensors) override;

 private:
  // Called with the mixture parameters of a plane, [n * samples, 3 * components] in float32.
  using Visit = std::function<torch::Tensor(size_t plane, const torch::Tensor& parameters)>;
  torch::Tensor walk(int64_t n, const Visit& visit);
  torch::Tensor parameters_of(size_t plane, const torch::Tensor& known);
  LogLikelihood sum_up(const torch::Tensor& x, const std::vector<torch::Tensor>& nats) const;

  IntegerPieConfig config_;
  std::vector<Shape3> shapes_;  // of the images of all scales, finest first
  std::vector<IntegerPlane> planes_;
  std::vector<std::shared_ptr<IntegerNet>> nets_;  // of the planes
  std::shared_ptr<const LogisticMixture> mixture_;
  Arithmetic arithmetic_ = Arithmetic::kFloat32;
};

// ln of the probability of levels v [M] under mixtures [M, 3 * components] as training sees it: in
// float32, differentiable, with the floor that integer frequencies have.
torch::Tensor mixture_log_prob(const torch::Tensor& parameters, const torch::Tensor& v);

}  // namespace pie
