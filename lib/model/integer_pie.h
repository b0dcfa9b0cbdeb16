// The integer PIE: exact probabilities of the samples of an image, coarse to fine.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/coding/logistic_mixture.h"
#include "lib/model/integer_config.h"
#include "lib/model/integer_planes.h"
#include "lib/model/integer_walk.h"
#include "lib/model/model.h"

namespace pie {

// A scale takes an image [C, H, W] apart into the phases of its 2x2 cells. Phase (0, 0) is the
// image of the next scale; the others leave as residuals, in the order (1, 1), (0, 1), (1, 0), each
// channel by channel, under mixtures of logistics whose parameters an IntegerNet of the phase
// computes from all planes of the scale that are known by then. Cells that reach over an odd edge
// have no samples there; networks see the cell's coarse sample instead. The coarsest image, z, is
// coded channel by channel in the same manner, without planes to begin with.
//
// Networks that do not see where they are work on images of any size.
//
// Levels are 0 ... 255, held in float32. Everything that decoding depends on is exact.
class IntegerPie final : public Model {
 public:
  explicit IntegerPie(const IntegerPieConfig& config);

  void set_arithmetic(Arithmetic arithmetic) { nets_.arithmetic = arithmetic; }
  // See IntegerNets::batch_rows.
  void set_batch_rows(int64_t rows) { nets_.batch_rows = rows; }

  // The planes of an image of `height` x `width`, in coding order, coarse to fine; layers ascend.
  std::vector<IntegerPlane> planes(int64_t height, int64_t width) const {
    return integer_planes(config_, height, width);
  }
  size_t layers() const { return static_cast<size_t>(config_.layers) + 1; }
  int components() const { return static_cast<int>(config_.components); }
  const LogisticMixture& mixture() const { return *mixture_; }

  // Chooses the levels of a plane in n images, [n * samples] in float32, image by image, row by
  // row. `indices`: [n * samples, 3 * components] int32, as LogisticMixture takes them.
  using PlaneChoice = std::function<torch::Tensor(size_t plane, const torch::Tensor& indices)>;
  // The n images [n, C, height, width] of levels that `choose` builds up, plane by plane. No
  // gradients.
  torch::Tensor generate(int64_t n, int64_t height, int64_t width, const PlaneChoice& choose);

  // The planes of images [N, C, H, W] of levels, as a PlaneChoice would return them.
  std::vector<torch::Tensor> split(const torch::Tensor& levels) const {
    return split_planes(config_, levels);
  }
  // The levels of a plane that own `slots`, one for each sample: draws, if the slots are random.
  torch::Tensor draws(const torch::Tensor& indices, const std::vector<uint32_t>& slots) const;
  // The medians that stand in for a plane that is not known.
  torch::Tensor medians(const torch::Tensor& indices) const;

  Shape input_shape() const override { return config_.input; }
  bool any_size() const override { return !config_.position; }
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
  torch::Tensor walk(int64_t n, int64_t height, int64_t width, const PlaneVisit& visit);
  LogLikelihood sum_up(const torch::Tensor& x, const std::vector<torch::Tensor>& nats) const;

  IntegerPieConfig config_;
  IntegerNets nets_;
  std::shared_ptr<const LogisticMixture> mixture_;
};

}  // namespace pie
